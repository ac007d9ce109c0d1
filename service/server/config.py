"""gunicorn's configuration for Daylight, as gunicorn.conf.py and `daylight serve` use it.

    settings = gunicorn_settings()      # {"bind": "127.0.0.1:1200", "workers": 2, ...}

It is a function, because gunicorn reads its configuration again on SIGHUP: the worker class is then chosen anew.
gunicorn's master runs it, so nothing here may import numpy, scikit-learn or torch: their threads do not survive a fork.
"""

from __future__ import annotations

import itertools
import os
import sys
from dataclasses import replace
from typing import Any

from ..errors import StartupError
from ..models import own_process
from ..models.engine import SOCKET, SWITCH_INTERVAL
from ..observability.prediction_log.check import check_prediction_log
from ..settings import PREFIX, Settings
from ..store.remote.places import is_url
from .engine_watch import ENVIRON
from .follower_watch import brought
from .hooks import Hooks
from .lifecycle.memory_limit import available_memory
from .lifecycle.run_folder import memory_folder
from .log import logger_class
from .sizing import sized
from .worker_class import choose, readable_versions

__all__ = ["gunicorn_settings"]

readings = itertools.count(1)  # of the configuration, by this process


def gunicorn_settings() -> dict[str, Any]:
    """{name of a gunicorn setting: value} from Daylight's settings. Ends the process where those are wrong."""
    try:
        settings = Settings.from_environ()
        check_prediction_log(settings)
        url = settings.store if is_url(settings.store) else None
        if url is not None:
            settings = replace(settings, store=brought(url, settings))
    except StartupError as error:
        sys.exit(f"daylight refuses to start: {error}")  # a sentence, where an exception would be a traceback
    versions = list(readable_versions(settings))
    size = sized(settings, versions, Settings.given(), available_memory())
    settings = size.settings
    sys.setswitchinterval(SWITCH_INTERVAL)  # workers inherit it
    memory = memory_folder()
    # The master's process id stays the same after SIGHUP, and so does the folder.
    run_folder = settings.run_folder or f"{memory}/daylight-{os.getuid()}-{os.getpid()}"
    worker_class, reason = choose(settings, versions)
    chosen = (f"worker class {worker_class}: {reason}", *size.lines)
    engine_folder = None
    if any(map(own_process, versions)):
        # A number for each reading: after SIGHUP the new workers have an engine process of their own.
        engine_folder = f"{run_folder}/workers-{os.getpid()}/engine-{next(readings)}"
    hooks = Hooks(settings, run_folder, worker_class, engine_folder, url, chosen=chosen, refusal=size.refusal)
    return {
        "bind": settings.bind or f"{settings.host}:{settings.port}",
        "umask": 0o007,  # of a unix socket: its peers are trusted, so only gunicorn's user and group may connect
        "backlog": 128,  # a client that waits longer than this behind busy workers has given up already
        "workers": settings.workers,
        "worker_class": worker_class,
        "threads": settings.threads,
        "worker_connections": settings.max_connections,  # few enough that one worker does not take them all
        "max_requests": settings.max_requests,
        "max_requests_jitter": settings.max_requests // 10,  # or all workers would load their models at one moment
        # Each worker loads its models after the fork: before it, torch and OpenMP would hang the workers.
        "preload_app": False,
        "worker_tmp_dir": memory,
        "raw_env": environment(settings, run_folder, engine_folder, follows=url is not None),
        "timeout": 120,  # seconds for a heartbeat, and for one table prediction; a worker that loads has no limit
        "graceful_timeout": 60,  # seconds that TERM gives to running requests
        "keepalive": 75,  # seconds, longer than nginx keeps its idle connections (60): else it writes into closed ones
        "http_parser": "python",  # "auto" takes the C parser where it is installed, which accepts bare LF
        "limit_request_fields": settings.max_headers,
        "limit_request_field_size": settings.max_header_bytes,
        "limit_request_line": 8190,  # bytes: GET /predict?text=... carries the prompt in its first line
        "secure_scheme_headers": {"X-FORWARDED-PROTO": "https"},  # the one such header that nginx.conf overwrites
        "forwarder_headers": "",  # no proxy may rename SCRIPT_NAME or PATH_INFO
        "logger_class": logger_class(settings.log_format),
        "control_socket_disable": True,  # gunicorn's control socket has no authentication
        **hooks.by_name(),
    }


def environment(settings: Settings, run_folder: str, engine_folder: str | None, *, follows: bool) -> list[str]:
    """The environment of the workers and of the engine process: what was chosen, and what BLAS and OpenMP may use.

    These libraries would each start a thread for each core in every worker.
    """
    threads = [f"{library}_NUM_THREADS={settings.compute_threads}" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")]
    size = [f"WORKERS={settings.workers}", f"THREADS={settings.threads}"]
    texts = [f"{PREFIX}KV_BYTES={settings.kv_bytes}", f"{PREFIX}PREFIX_BYTES={settings.prefix_bytes}"]
    socket = [f"{ENVIRON}={engine_folder}/{SOCKET}"] if engine_folder else []
    # The folder, also where that follows a URL: only the follower speaks to a store elsewhere.
    store = [f"{PREFIX}STORE={settings.store}"] if follows else []
    return [*threads, *size, *texts, *socket, *store, f"{PREFIX}RUN_FOLDER={run_folder}"]
