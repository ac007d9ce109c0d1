"""The engine: one process for the whole server, in which the models that want one run once for all workers.

    gunicorn's master  --starts, watches-->  engine process          (server.engine_watch, __main__)
    worker 1  --unix socket-->                 Host: versions, each with its batch engine
    worker 2  --unix socket-->                 (protocol: frames of plain values)

A worker holds an EngineClient, and for each of its versions a RemoteEngine, which a model uses as it would use a
generation.engine.Engine.
"""

from __future__ import annotations

__all__ = ["ENDED_BY_ITSELF", "HANGS", "SOCKET", "SWITCH_INTERVAL"]

SOCKET = "socket"  # in the folder of an engine process; its modification time is the last heartbeat, CLOCK_MONOTONIC
# Seconds of one call of a model, or without a heartbeat, after which the process is given up. A call takes a second or
# two; on a machine with eight times as much to do as it can, a healthy one took more than twenty.
HANGS = 60
# Seconds that a thread of the engine process, or of a worker, may keep the interpreter while another one wants it. One
# that rejects a request, or answers a liveness probe, or sends a token, asks for it about ten times, and would wait
# Python's usual 5 ms each time while others compute.
SWITCH_INTERVAL = 0.0002
ENDED_BY_ITSELF = 75  # exit code: a batch engine serves no more, which is no prompt's fault
