"""Who may run now, and who is told to come back later.

    admission = Admission(threads=8, max_wait=10.0)
    turn = admission.enter(model, deadline)     # raises Overloaded or DeadlineExceeded, at once
    try: ...
    finally: turn.leave()

Two rules for each worker. Places: of its threads one is always left to tell others no, and each kind of model
leaves one more, so that slow texts never keep tables out, nor tables health. Time: whoever would wait longer
than max_wait, or than its own deadline, does not get in; the expected wait is the number of those inside times
the mean time between two answers of the model while it is busy. That is measured, and so knows of rows, shared
calls, threads and of how much of a processor there is. What is refused costs a lock and no prediction.
"""

import math
import threading
from time import perf_counter

from ..errors import DeadlineExceeded, Overloaded

__all__ = ["RESERVED_THREADS", "Admission", "caller"]

RESERVED_THREADS = 2  # of a worker, that one kind of model never takes
LONGEST_RETRY = 60  # seconds; by then the world has changed
MEMORY = 0.1  # the weight of the newest answer in the mean
WORDS = {"tabular": "predictions", "text_generation": "generations"}


class Caller(threading.local):
    """What is known of the one whom this thread works for. `deadline`: a `perf_counter()` moment, or None."""

    deadline = None


caller = Caller()


class Pace:
    """How fast a model answers: `inside` run or wait, and while any do, an answer comes every `seconds`."""

    __slots__ = ("inside", "last", "seconds")

    def __init__(self):
        self.inside = 0
        self.seconds = 0.0
        self.last = 0.0

    @property
    def wait(self):
        """Seconds until all of those inside have their answer."""
        return self.inside * self.seconds


class Turn:
    """A place inside, until `leave()`."""

    __slots__ = ("admission", "began", "model", "pace")

    def __init__(self, admission, model, pace, began):
        self.admission, self.model, self.pace, self.began = admission, model, pace, began

    def leave(self):
        admission, pace = self.admission, self.pace
        with admission.lock:
            now = perf_counter()
            took = now - pace.last
            pace.seconds += (took - pace.seconds) * (MEMORY if pace.seconds else 1)
            pace.last = now
            pace.inside -= 1
            admission.inside[self.model.kind] -= 1
            admission.turns.discard(self)


class Admission:
    """One worker's. threads: how many requests it can hold. max_wait: seconds, for models that answer in turn."""

    def __init__(self, threads, max_wait=math.inf):
        self.places = max(1, threads - 1)
        self.places_of_a_kind = max(1, threads - RESERVED_THREADS)
        self.max_wait = max_wait
        self.lock = threading.Lock()
        self.inside = dict.fromkeys(WORDS, 0)
        self.turns = set()  # those who are inside
        self._paces = {}  # model name -> Pace

    def enter(self, model, deadline=None):
        """A Turn for one request of `model`. Raises Overloaded, or DeadlineExceeded where it is too late already."""
        kind = model.kind
        with self.lock:
            pace = self._paces.get(model.name) or self._paces.setdefault(model.name, Pace())
            now = perf_counter()
            if pace.inside == 0:
                pace.last = now
            inside = self.inside[kind]
            if inside >= self.places_of_a_kind or sum(self.inside.values()) >= self.places:
                held = ", ".join(f"{count} {WORDS[one]}" for one, count in self.inside.items() if count)
                raise Overloaded(f"this worker is full: {held} run or wait", retry_after=retry_after(pace))
            if deadline is not None and now >= deadline:
                raise DeadlineExceeded("the time that the caller waits was over before the prediction began")
            # Texts are written side by side, and their own queue has bounds of its own.
            if kind == "tabular" and pace.inside:
                limit = self.max_wait if deadline is None else min(self.max_wait, deadline - now)
                if pace.wait > limit:
                    raise Overloaded(
                        f"the wait for {model.name} would be {pace.wait:.1f} s, longer than the {limit:.1f} s that are "
                        "left for it",
                        retry_after=retry_after(pace),
                    )
            pace.inside += 1
            self.inside[kind] = inside + 1
            turn = Turn(self, model, pace, now)
            self.turns.add(turn)
        caller.deadline = deadline
        return turn

    def oldest(self):
        """(name of the model, seconds) of the table prediction that has been inside for longest; ("", 0.0): none is."""
        with self.lock:
            inside = [(turn.began, turn.model.name) for turn in self.turns if turn.model.kind == "tabular"]
        began, name = min(inside, default=(perf_counter(), ""))
        return name, perf_counter() - began if name else 0.0


def retry_after(pace):
    """Whole seconds until those inside should be through."""
    return min(LONGEST_RETRY, max(1, math.ceil(pace.wait)))
