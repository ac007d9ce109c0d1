"""How a worker ends where gunicorn would not end it: with its master, in a prediction that hangs, on SIGTERM.

end_with_master(worker, run_folder)
end_hanging_worker(worker, predictor.admission)
on_term(rollout.drain)
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

__all__ = ["end_hanging_worker", "end_with_master", "on_term"]

LOOK = 0.5  # seconds between two looks of a worker at its master
LAST_SECONDS = 2.0  # for running requests once the master is gone


def end_with_master(worker: Any, run_folder: str) -> None:
    """Let the worker end within three seconds of its master, however that ends, and not outlive the run folder.

    gunicorn's workers look at their parent when they are idle; one that waits for a slow client looks much later.
    """

    def watch() -> None:
        while os.getppid() == worker.ppid:
            time.sleep(LOOK)
            if not os.path.isdir(run_folder):
                worker.log.error("the run folder %s was removed: the server ends, to be started again", run_folder)
                with suppress(ProcessLookupError):
                    os.kill(worker.ppid, signal.SIGTERM)
                return
        worker.log.error("the master %d is gone: this worker ends", worker.ppid)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(LAST_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="daylight-master", daemon=True).start()


def end_hanging_worker(worker: Any, admission: Any) -> None:
    """Let the worker end itself when a table prediction takes longer than gunicorn's `timeout`.

    A thread cannot be ended, and the worker's heartbeat goes on beside it. Its other requests are lost with the worker;
    nginx and the client send them again.
    """
    heartbeat = worker.notify

    def notify() -> None:
        name, seconds = admission.oldest()
        if 0 < worker.cfg.timeout < seconds:
            worker.log.critical("a prediction of %s has not ended in %.0f s, so this worker does", name, seconds)
            os.kill(os.getpid(), signal.SIGKILL)  # every other signal waits for the thread
        heartbeat()

    worker.notify = notify


def on_term(call: Callable[[], None]) -> None:
    """Call a function when SIGTERM begins the worker's end; gunicorn has no hook for that."""
    previous: Any = signal.getsignal(signal.SIGTERM)

    def handle(number: int, frame: Any) -> None:
        call()
        previous(number, frame)

    signal.signal(signal.SIGTERM, handle)
    signal.siginterrupt(signal.SIGTERM, False)  # as gunicorn sets it: running requests are not interrupted
