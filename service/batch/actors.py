"""Actors of Ray that hold the model, and who of them scores which part.

    pool = Pool(hire, deque(parts))
    for outcome in pool.score(8, report): ...

What dies is replaced, and its part goes to the next actor that is free.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import ray
from ray.exceptions import RayError, RayTaskError

from ..errors import ServiceError, StartupError
from ..store.versions import Store
from .parts import Part
from .task import Outcome, Task, score_part
from .writing import DRAFT

__all__ = ["Actor", "Pool", "Steps", "fault_of_node"]

DEATHS = 3  # of the actors of a part; one may go with a node that is taken away
STARTS = 3  # actors in a row that may die before they have loaded the model
LOOK = 0.2  # seconds between two looks at the progress
DIED = f"the process that scored it died, {DEATHS} times: probably there was not enough memory"
NO_START = f"{STARTS} processes died while they loaded the model: probably there was not enough memory"


def fault_of_node(task: Task, part: Part, probe: Path) -> str | None:
    """Why the node that this runs on cannot score; None where it can."""
    source = task.base / part.source
    try:
        Store.of(task.settings, task.store).open(task.name, task.version)
        if source.stat().st_size != part.size:
            return f"{source} is another file here"
        if not probe.exists():
            return f"{task.folder} is another folder here"
        mine = probe.with_name(f".{uuid4().hex}{DRAFT}")
        mine.write_text("")
        mine.unlink()
    except (ServiceError, OSError) as error:
        return str(error)
    return None


class Steps:
    """What the actors have done since the last time."""

    def __init__(self) -> None:
        self.read = self.done = 0

    def add(self, read: int, done: int) -> None:
        self.read += read
        self.done += done

    def take(self) -> tuple[int, int]:
        taken = self.read, self.done
        self.read = self.done = 0
        return taken


class Actor:
    """Holds the model, in a process of some node."""

    def __init__(self, task: Task, part: Part, probe: Path, steps: Any) -> None:
        pa.set_cpu_count(1)
        self.task, self.steps = task, steps
        self.fault = fault_of_node(task, part, probe)  # the node may have joined since the others were looked at
        self.read = self.done = 0
        self.told = time.monotonic()

    def load(self) -> str | None:
        """Load the model; why it cannot be, or None."""
        if self.fault is None:
            try:
                self.task.scorer()
            except StartupError as error:
                self.fault = str(error)
        return self.fault

    def score(self, part: Part) -> Outcome:
        outcome = score_part(self.task, part, self.step)
        self.tell()
        return outcome

    def step(self, read: int, done: int) -> None:
        self.read += read
        self.done += done
        if time.monotonic() - self.told > LOOK:
            self.tell()

    def tell(self) -> None:
        self.steps.add.remote(self.read, self.done)
        self.read = self.done = 0
        self.told = time.monotonic()


class Pool:
    """Actors, and what each does. hire: starts one."""

    def __init__(self, hire: Callable[[], Any], left: deque[Part]) -> None:
        self.hire, self.left = hire, left
        self.running: dict[Any, tuple[Any, Part | None]] = {}  # the result that is waited for: (actor, its part)
        self.deaths: Counter[str] = Counter()  # of the actors of a part, by its target
        self.fault = ""  # of the last actor that could not start
        self.starts = 0  # that ended with a death, in a row

    def score(self, count: int, report: Callable[[], None]) -> Iterator[Outcome]:
        """Score what is left with so many actors. Raises StartupError where none can start."""
        for _ in range(count):
            self.start()
        while self.left or any(part for _, part in self.running.values()):
            if not self.running:
                raise StartupError(self.fault)
            done, _ = ray.wait(list(self.running), timeout=LOOK)
            report()
            for result in done:
                if outcome := self.ended(result):
                    yield outcome
        report()

    def start(self) -> None:
        actor = self.hire()
        self.running[actor.load.remote()] = actor, None

    def ended(self, result: Any) -> Outcome | None:
        """What came of a result that is there; its actor goes on with the next part."""
        actor, part = self.running.pop(result)
        try:
            came = ray.get(result)
        except RayTaskError:
            raise
        except RayError:
            with suppress(RayError):
                ray.kill(actor)  # it may live where it cannot be reached
            return self.died(part)
        if part is None and came is not None:
            self.fault = came
            return None
        self.starts = 0
        if self.left:
            following = self.left.popleft()
            self.running[actor.score.remote(following)] = actor, following
        return came

    def died(self, part: Part | None) -> Outcome | None:
        """Put another in the place of an actor; give the outcome of its part if that has failed by it."""
        failed = None
        if part is None:
            self.starts += 1
            self.fault = NO_START
        else:
            self.deaths[part.target] += 1
            if self.deaths[part.target] == DEATHS:
                failed = Outcome(part, failed=DIED)
            else:
                self.left.append(part)
        if self.left and self.starts < STARTS:
            self.start()
        return failed

    def dismiss(self) -> None:
        for actor, _ in self.running.values():
            with suppress(RayError):
                ray.kill(actor)
