"""Admission control: how many requests a worker holds for each capability, and how long they may expect to wait.

    admission = Admission(threads=8, max_wait=10.0)
    slot = admission.enter(model, PREDICT_TABLE, deadline)     # raises Overloaded or DeadlineExceeded, at once
    try: ...
    finally: slot.release()

Two limits for each worker. Slots: one of its threads always stays free to reject requests, and each capability
leaves one more free, so that slow generations never keep out predictions, nor predictions the health checks. Time: a
request that would wait longer than max_wait, or than its own deadline, is rejected. Its expected wait is the number
of requests that hold a slot for the model, times the mean time between two answers of the model while it is busy.
That mean is measured, so it accounts for rows, batching, threads and the processor. A rejection costs one lock. A model
whose engine has a queue of its own, bounded in tokens, is rejected there: its requests differ too much in length.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from time import perf_counter
from typing import TYPE_CHECKING

from ..errors import DeadlineExceeded, Overloaded

if TYPE_CHECKING:
    from ..capabilities import Capability
    from ..models.base import Model

__all__ = ["RESERVED_THREADS", "Admission", "Slot"]

RESERVED_THREADS = 2  # of a worker, that one capability never takes
LONGEST_RETRY = 60  # seconds; after that the measured pace says nothing any more
NEWEST_WEIGHT = 0.1  # of the newest answer in the mean


class ServiceTime:
    """How fast a model answers: `held` requests run or wait, and while any do, an answer comes every `seconds`."""

    __slots__ = ("held", "last", "seconds")

    def __init__(self) -> None:
        self.held = 0
        self.seconds = 0.0
        self.last = 0.0

    @property
    def wait(self) -> float:
        """Seconds until every request that holds a slot has its answer."""
        return self.held * self.seconds


class Slot:
    """A held concurrency slot; give it back with `release()`, or at the end of a `with` block."""

    __slots__ = ("admission", "began", "capability", "model", "service_time")

    def __init__(
        self, admission: Admission, model: Model, capability: Capability, service_time: ServiceTime, began: float
    ) -> None:
        self.admission, self.model, self.capability = admission, model, capability
        self.service_time, self.began = service_time, began

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        admission, service_time = self.admission, self.service_time
        with admission.lock:
            now = perf_counter()
            interval = now - service_time.last
            service_time.seconds += (interval - service_time.seconds) * (NEWEST_WEIGHT if service_time.seconds else 1)
            service_time.last = now
            service_time.held -= 1
            admission.held[self.capability] -= 1
            admission.slots.remove(self)


class Admission:
    """Admission control of one worker.

    threads: how many requests the worker can hold. max_wait: seconds a request may expect to wait for a model whose
    requests are answered in turn.
    """

    def __init__(self, threads: int, max_wait: float = math.inf) -> None:
        self.limit = max(1, threads - 1)
        self.limit_per_capability = max(1, threads - RESERVED_THREADS)
        self.max_wait = max_wait
        self.lock = threading.Lock()
        self.held: Counter[Capability] = Counter()
        self.slots: set[Slot] = set()
        self._service_times: dict[str, ServiceTime] = {}  # by the model's name

    def enter(self, model: Model, capability: Capability, deadline: float | None = None) -> Slot:
        """A Slot for one request of `model`. deadline: a `perf_counter()` moment, or None.

        Raises Overloaded, or DeadlineExceeded where the deadline has passed.
        """
        with self.lock:
            service_time = self._service_times.get(model.name)
            if service_time is None:
                service_time = self._service_times[model.name] = ServiceTime()
            now = perf_counter()
            if service_time.held == 0:
                service_time.last = now
            held = self.held[capability]
            if held >= self.limit_per_capability or len(self.slots) >= self.limit:
                counts = ", ".join(f"{count} {each.noun}" for each, count in self.held.items() if count)
                raise Overloaded(f"this worker is full: {counts} run or wait", retry_after=retry_after(service_time))
            if deadline is not None and now >= deadline:
                raise DeadlineExceeded("the request's deadline passed before the prediction began")
            if capability.in_turn and service_time.held and not model.has_queue:
                limit = self.max_wait if deadline is None else min(self.max_wait, deadline - now)
                if service_time.wait > limit:
                    raise Overloaded(
                        f"the wait for {model.name} would be {service_time.wait:.1f} s, longer than the {limit:.1f} s "
                        "that are left for it",
                        retry_after=retry_after(service_time),
                    )
            service_time.held += 1
            self.held[capability] = held + 1
            slot = Slot(self, model, capability, service_time, now)
            self.slots.add(slot)
        return slot

    def waits(self) -> dict[str, tuple[int, float]]:
        """{model: (requests that hold a slot, seconds until each of them has its answer)}, of those asked so far."""
        with self.lock:
            return {name: (one.held, one.wait) for name, one in self._service_times.items()}

    def oldest(self) -> tuple[str, float]:
        """(name of the model, seconds) of the oldest running call of those answered in turn; ("", 0.0) without any."""
        with self.lock:
            running = [(slot.began, slot.model.name) for slot in self.slots if slot.capability.in_turn]
        began, name = min(running, default=(perf_counter(), ""))
        return name, perf_counter() - began if name else 0.0


def retry_after(service_time: ServiceTime) -> int:
    """Whole seconds until the requests that hold a slot should be answered."""
    return min(LONGEST_RETRY, max(1, math.ceil(service_time.wait)))
