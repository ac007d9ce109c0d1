"""Load many models, of which one may fail, hang, take all memory or end the process, without keeping up the others.

    first = FirstLoad(open_one, journal=registry.loading, memory=2**30)
    first.run({"tumour": ["2", "1"], "churn": ["5"], "stuck": ["1"]})    # the versions to try, in this order
    first.models          # {"tumour": Model}
    first.failures        # {"churn": {"5": "churn version 5: ... has sha256 ..."}}
    first.running()       # {"stuck": "1"}: still being loaded

Models are loaded in threads: one after the other in the first of them; where that stands still, another one takes the
rest. What is loaded is written into a journal before: a load that ends the process is known to the next one.
"""

from __future__ import annotations

import faulthandler
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from ...errors import StartupError
from .memory_limit import MemoryLimit

if TYPE_CHECKING:
    from ...models.base import Model

__all__ = ["SLOW", "FirstLoad"]

STALL = 1.0  # seconds of one load after which the others do not wait for it any longer ...
SLOW = 30.0  # ... and after which nobody does
# A load in C may hold the interpreter for seconds, and then no thread can look after it.
BLOCKED = 20.0  # seconds without a look after which the process is ended, with the stacks of its threads on stderr
LOOK = 0.05  # seconds
STDERR = 2


class FirstLoad:
    """The loads of one process's start."""

    def __init__(
        self,
        open_one: Callable[[str, str], Model],
        *,
        journal: Callable[[Mapping[str, str]], None],
        memory: int | None = None,
        hurry: bool = True,
    ) -> None:
        """open_one(name, version) raises StartupError. journal: told {name: version} of what is being loaded, at each
        change. memory: bytes that the loads may take together. hurry: whether nobody answers until this is done."""
        self._open, self._journal = open_one, journal
        self._patience = STALL if hurry else SLOW
        self._limit = MemoryLimit(memory)
        self._lock = threading.Condition()
        self._waiting: deque[tuple[str, Sequence[str]]] = deque()
        self._running: dict[str, tuple[str, float]] = {}  # name: (version, when it began)
        self._crowded = False  # whether two loads ever ran at once
        self._repeated: set[str] = set()
        self.models: dict[str, Model] = {}
        self.failures: dict[str, dict[str, str]] = {}  # name: {version: reason}

    def run(self, wanted: Mapping[str, Sequence[str]]) -> None:
        """Load the first version that can be of each model. Returns when all are done, or the last of them stand still.

        wanted: {name: versions, in the order in which they are tried}.
        """
        self._waiting.extend(wanted.items())
        self._limit.set()
        self._work_in_thread()
        try:
            with self._lock:
                while self._waiting or self._running:
                    self._lock.wait(LOOK)
                    faulthandler.dump_traceback_later(BLOCKED, exit=True, file=STDERR)
                    if self._waiting and self._stands_still(STALL):
                        self._crowded = True
                        self._work_in_thread()
                    elif not self._waiting and self._stands_still(self._patience if self.models else SLOW):
                        return
        finally:
            faulthandler.cancel_dump_traceback_later()

    def running(self) -> dict[str, str]:
        """{name: version} of what is being loaded now, or again in a moment."""
        with self._lock:
            return {name: versions[0] for name, versions in self._waiting} | self._names()

    def _stands_still(self, seconds: float) -> bool:
        return bool(self._running) and all(monotonic() - began > seconds for _, began in self._running.values())

    def _work_in_thread(self) -> None:
        threading.Thread(target=self._work, name="daylight-load", daemon=True).start()

    def _work(self) -> None:
        """Load what waits, until nothing does."""
        while True:
            with self._lock:
                if not self._waiting:
                    if not self._running:
                        self._limit.lift()
                    return
                name, versions = self._waiting.popleft()
                self._began(name, versions[0])
            again = self._load_first(name, versions)
            with self._lock:
                self._waiting.extend([(name, again)] if again else [])
                self._running.pop(name)
                self._journal(self._names())
                self._lock.notify_all()

    def _load_first(self, name: str, versions: Sequence[str]) -> Sequence[str]:
        """Load the first of the versions that can be; returns those to be tried once more, after the others."""
        for number, version in enumerate(versions):
            with self._lock:
                self._began(name, version)
            try:
                model = self._open(name, version)
            except StartupError as error:
                # Beside another load memory may have been short, or a module half imported.
                if self._crowded and name not in self._repeated:
                    self._repeated.add(name)
                    return versions[number:]
                self.failures.setdefault(name, {})[version] = str(error)
            else:
                self.models[name] = model
                break
        return ()

    def _began(self, name: str, version: str) -> None:
        self._running[name] = (version, monotonic())
        self._journal(self._names())

    def _names(self) -> dict[str, str]:
        return {name: version for name, (version, _) in self._running.items()}
