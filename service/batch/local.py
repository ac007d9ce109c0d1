"""Parts scored by several processes of this machine.

    for outcome in score_locally(task, parts, progress, processes=2): ...

A process that is killed takes the others of its pool along. The parts that were under way are then scored again, each
by a process of its own: whichever dies with its process twice has failed, and the others go on.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from queue import Empty
from typing import Any

import pyarrow as pa

from ..settings.machine import cores
from .parts import Part
from .scoring import Progress
from .task import Outcome, Task, score_part

__all__ = ["score_locally"]

AHEAD = 2  # parts for each process that are handed out
LOOK = 0.2  # seconds between two looks at the progress
DIED = "the process that scored it died, twice: probably there was not enough memory"
SPAWN = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang


def score_locally(
    task: Task, parts: Sequence[Part], progress: Progress, *, processes: int | None = None
) -> Iterator[Outcome]:
    """Yield the outcome of each part, in whatever order. Raises StartupError where the model cannot be loaded.

    processes: None: as many as there are processors, or one where that fills them.
    """
    processes = processes or (1 if task.fills_the_machine() else cores())
    if processes == 1 or len(parts) == 1:
        yield from (score_part(task, part, progress) for part in parts)
        return
    left = deque(parts)
    while left:
        suspects: list[Part] = []
        yield from pooled(task, left, min(processes, len(left)), progress, suspects)
        for part in suspects:
            alone: list[Part] = []
            yield from pooled(task, deque([part]), 1, progress, alone)
            yield from (Outcome(each, failed=DIED) for each in alone)


def pooled(
    task: Task, left: deque[Part], processes: int, progress: Progress, suspects: list[Part]
) -> Iterator[Outcome]:
    """Score what is `left` until nothing is, or until a process dies: then `suspects` are the parts under way."""
    steps = SPAWN.Queue()
    running: dict[Future[Outcome], Part] = {}
    with ProcessPoolExecutor(processes, SPAWN, start, (steps,)) as pool:
        try:
            while left or running:
                while left and len(running) < AHEAD * processes:
                    running[pool.submit(in_process, task, left[0])] = left[0]
                    left.popleft()
                done, _ = wait(running, LOOK, FIRST_COMPLETED)
                report(steps, progress)
                for future in done:
                    outcome = future.result()
                    del running[future]
                    yield outcome
        except BrokenProcessPool:
            for future, part in running.items():
                if future.done() and future.exception() is None:
                    yield future.result()
                else:
                    suspects.append(part)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def report(steps: Any, progress: Progress) -> None:
    """Hand on what the processes have done since the last time."""
    try:
        while True:
            progress(*steps.get_nowait())
    except Empty:
        pass


_steps: Any = None  # of this process, if it is one of a pool


def start(steps: Any) -> None:
    """Prepare a process of a pool: it ends with its parent, and at an interrupt without a word."""
    global _steps
    _steps = steps
    steps.cancel_join_thread()  # what it has not told at its end is of no use
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    pa.set_cpu_count(1)
    threading.Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def in_process(task: Task, part: Part) -> Outcome:
    return score_part(task, part, lambda read, done: _steps.put((read, done)))
