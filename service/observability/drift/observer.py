"""Counts the rows that a worker answers, and says what the last ones of all workers have of drift.

    drift = Drift(run_folder, rows=1000, workers=4, meter=meter)
    predictor.observers = (drift,)
    drift.start()                   # in a worker of gunicorn: a thread counts twice a second
    drift.report(model)             # a Report, or None for a model without a profile

A request costs an entry in a list. It holds references to the rows and the outputs, which the thread counts. Beyond
what the window can hold, rows of the same half second are skipped: more of them would not change what is seen.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import weakref
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from time import sleep
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InvalidInstances
from ..bell import Bell
from .judging import FEWEST, Finding, judge
from .panes import Panes, remove_unused, window
from .profile import Bins

if TYPE_CHECKING:
    from ..metrics import Meter

__all__ = ["DRIFT_FOLDER", "Drift", "Report", "report"]

log = logging.getLogger(__name__)

DRIFT_FOLDER = "drift"  # in the run folder
INTERVAL = 0.5  # seconds between two countings
CLEAN = 120  # countings between two looks for files of ended workers
FRAME = 10  # rows of an array whose counting costs as much as reading one frame


@dataclass(frozen=True)
class Report:
    """rows: in the window. wanted: how many it holds when it is full. findings: as `judge` sorts them."""

    model: str
    version: str
    rows: int
    wanted: int
    findings: list[Finding]

    @property
    def drifted(self) -> list[Finding]:
        return [found for found in self.findings if found.reasons]

    @property
    def too_few(self) -> bool:
        """Whether so few rows say nothing."""
        return self.rows < FEWEST

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "version": self.version,
            "rows": self.rows,
            "window": self.wanted,
            "too_few": self.too_few,
            "drifted": [found.feature.name for found in self.drifted],
            "features": [found.to_json() for found in self.findings],
        }


def report(folder: str, model: str, version: str, bins: Bins, of_outputs: int, rows: int) -> Report:
    """What the workers have counted into a folder of their panes. bins, of_outputs: as `features_of` gives them."""
    counts, found = window(folder, model, version, bins, rows)
    return Report(model, version, found, rows, judge(bins, counts, of_outputs))


class Drift:
    """The observer of one worker. folder: what the workers of a server share; "" where this process is alone."""

    def __init__(self, folder: str, rows: int, workers: int, meter: Meter) -> None:
        """rows: of the window."""
        self.rows, self.workers, self.meter = rows, workers, meter
        self.folder = folder or tempfile.mkdtemp(prefix="daylight-drift-")
        if not folder:
            weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.waiting: deque[tuple[Any, Any, Any]] = deque()  # (model, call, its answer), or (model, call, error)
        self.room = rows  # how many more of the waiting ones are taken; about, where threads meet
        self.skipped: dict[str, int] = {}  # model -> rows; about
        self.panes: weakref.WeakKeyDictionary[Any, Panes] = weakref.WeakKeyDictionary()  # by model
        self.failed: weakref.WeakSet[Any] = weakref.WeakSet()  # models that cannot be counted, as the log says
        self.counting = threading.Lock()
        self.due = Bell()  # rung by whoever adds to what waits, awaited by the thread that counts it
        self.threaded = False

    # --- for requests

    def answered(self, model: Any, call: Any, answer: Any, context: Any) -> None:
        table = getattr(answer, "table", None)
        if table is None or model.profile is None:
            return
        if self.room <= 0:
            if self.threaded:
                self.skipped[model.name] = self.skipped.get(model.name, 0) + table.rows
                return
            self.count()
        self.room -= table.rows + (0 if type(table.values) is np.ndarray else FRAME)
        self.waiting.append((model, call, answer))
        self.due.ring()

    def refused(self, model: Any, call: Any, error: Any) -> None:
        if getattr(model, "profile", None) is not None and self.room > 0:
            self.room -= len(error.details)
            self.waiting.append((model, call, error))
            self.due.ring()

    # --- for the worker

    def start(self) -> None:
        self.threaded = True
        threading.Thread(target=self._run, name="daylight-drift", daemon=True).start()

    def end(self) -> None:
        self.count()

    def report(self, model: Any) -> Report | None:
        """What all workers have counted, this one up to now; None where the model has no profile."""
        profile = getattr(model, "profile", None)
        if profile is None:
            return None
        self.count()
        return report(self.folder, model.name, model.version, profile.bins, profile.of_outputs, self.rows)

    def _run(self) -> None:
        turns = 0
        while True:
            self.due.wait()
            sleep(INTERVAL)
            self.count()
            turns += 1
            if turns % CLEAN == 0:
                with self.counting:  # a request for a report adds to the panes, too
                    used = {(model.name, model.version): model.profile.bins for model in self.panes}
                remove_unused(self.folder, used, self.rows)

    def count(self) -> None:
        """Count what waits. Raises nothing: what fails for one model is logged, once."""
        with self.counting:
            self.room = self.rows
            of_models: dict[Any, list[tuple[Any, Any]]] = {}
            with suppress(IndexError):
                while True:
                    model, *entry = self.waiting.popleft()
                    of_models.setdefault(model, []).append(tuple(entry))
            for model, entries in of_models.items():
                try:
                    self._count(model, entries)
                except Exception as error:  # a full folder; a model whose tables are not what its profile says
                    if model not in self.failed:
                        self.failed.add(model)
                        log.exception(
                            "%s version %s: rows are not counted for drift: %s", model.name, model.version, error
                        )
            skipped, self.skipped = self.skipped, {}
            for name, rows in skipped.items():
                self.meter.add("daylight_drift_skipped_rows", rows, model=name)

    def _count(self, model: Any, entries: list[tuple[Any, Any]]) -> None:
        """entries: (call, its answer or error)."""
        for call, error in entries:
            if isinstance(error, InvalidInstances):
                self._add(model, *model.profile.count_refused(call.instances, error.details))
        answers = [thinned(answer, self.rows) for _, answer in entries if not isinstance(answer, InvalidInstances)]
        if answers:
            tables, raws = zip(*answers, strict=True)
            self._add(model, model.profile.count(tables, raws), sum(table.rows for table in tables))

    def _add(self, model: Any, counts: np.ndarray, rows: int) -> None:
        panes = self.panes.get(model)
        if panes is None:
            bins = model.profile.bins
            panes = self.panes[model] = Panes(self.folder, model.name, model.version, bins, self.rows, self.workers)
        panes.add(counts, rows)
        self.meter.add("daylight_drift_counted_rows", rows, model=model.name)


def thinned(answer: Any, most: int) -> tuple[Any, dict[str, Any]]:
    """(the rows, the outputs) of a table's answer; of one with twice as many rows as the window, every so manieth."""
    step = answer.table.rows // most
    raws = {name: raw for name, (_, raw) in answer.raw.items()}
    if step < 2:
        return answer.table, raws
    values = every(answer.table.values, step)
    return answer.table._replace(values=values, rows=values.shape[0]), {
        name: every(raw, step) for name, raw in raws.items()
    }


def every(raw: Any, step: int) -> Any:
    """Every so manieth row of an array, a frame, or the arrays of several targets."""
    if isinstance(raw, list):
        return [each[::step] if hasattr(each, "shape") else each for each in raw]
    return raw.iloc[::step] if hasattr(raw, "iloc") else raw[::step]
