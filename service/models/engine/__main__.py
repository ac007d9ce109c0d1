"""python -m daylight.models.engine FOLDER MASTER [blame]: the engine process of one server.

gunicorn's master starts it (server.engine_watch) and gives it a folder, and its own process id. It ends with the
master, however that ends, and when it hangs.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import select
import shutil
import signal
import socket
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from ...observability import access_log
from ...observability.gauges import EngineGauges
from ...observability.metrics import Meter
from ...settings import Settings
from ...store.versions import Store
from . import ENDED_BY_ITSELF, HANGS, SOCKET, SWITCH_INTERVAL
from .host import Host
from .journal import Journals

log = logging.getLogger(__name__)

LOOK = 0.5  # seconds
STDERR = 2


def main(folder: Path, master: int, *, blame: bool) -> None:
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)  # sent to the whole terminal, or service; the master decides
    leaving = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: leaving.set())
    settings = Settings.from_environ()
    access_log.configure(settings.log_format)
    sys.setswitchinterval(SWITCH_INTERVAL)
    gauges = EngineGauges(Meter(settings.run_folder))
    host = Host(Store.of(settings), replace(settings, engine_socket=""), Journals(folder, blame=blame))
    listener = listen(folder / SOCKET)
    threading.Thread(target=accept, args=(listener, host), name="daylight-accept", daemon=True).start()
    watch(host, folder, master, leaving, gauges)


def listen(path: Path) -> socket.socket:
    """A listening socket, in a folder that no other user can enter."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()
    return listener


def accept(listener: socket.socket, host: Host) -> None:
    """Serve each worker that connects; where the system has no descriptor or thread for one, it connects again."""
    while True:
        try:
            host.serve(listener.accept()[0])
        except (OSError, RuntimeError) as error:
            log.error("a worker cannot be served yet: %s", error)
            time.sleep(LOOK)


def watch(host: Host, folder: Path, master: int, leaving: threading.Event, gauges: EngineGauges) -> None:
    """Until the process ends: with its master, when it may leave, when it hangs, or when a batch engine gave up."""
    parent = select.poll()
    if os.getppid() == master:
        parent.register(os.pidfd_open(master), select.POLLIN)
    while os.getppid() == master and not (leaving.is_set() and not host.connected):
        if all(engine.seconds() < HANGS for engine in host.engines()):
            # Where this thread cannot run, or a call hangs, another one ends the process, with the stacks of all.
            faulthandler.dump_traceback_later(HANGS, exit=True, file=STDERR)
            os.utime(folder / SOCKET, ns=(time.monotonic_ns(), time.monotonic_ns()))
        failed = [engine.failure for engine in host.engines() if engine.failure]
        if failed:
            log.error("the engine process ends, to be started again: %s", failed[0])
            os._exit(ENDED_BY_ITSELF)
        host.release_idle()
        gauges.publish(host.loads())
        parent.poll(1000 * LOOK)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)  # a thread inside ONNX Runtime would crash while Python unloads it


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), blame="blame" in sys.argv[3:])
