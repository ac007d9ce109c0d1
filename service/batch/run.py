"""A whole run: what is to be scored, what is finished already, an engine for the rest, and what came of it.

summary = score_folder(task, "in/", engine=score_locally)       # into task.folder
summary.scored, summary.rejected, summary.failed
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from .formats import STANDARD, Format, format_of
from .joining import join
from .ledger import Ledger
from .parts import PART_ROWS, Part, find, plan
from .scoring import Progress, Tally, nothing
from .task import Outcome, Task

__all__ = ["Engine", "Summary", "Watch", "score_file", "score_folder"]

Engine = Callable[[Task, Sequence[Part], Progress], Iterator[Outcome]]


class Watch(Protocol):
    """Is told what a run has before it, and what it does."""

    def begin(self, weight: int) -> None: ...

    def step(self, read: int, done: int) -> None: ...


@dataclass
class Summary:
    """What came of a run. files: of rows. parts: into which they were cut; `finished` of them by an earlier run.

    others: files of the folder that no format has. failed: {file: why}, of which nothing was written.
    """

    scored: int = 0
    rejected: int = 0
    files: int = 0
    parts: int = 0
    finished: int = 0
    others: int = 0
    seconds: float = 0.0
    rows_per_second: float = 0.0
    failed: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"seconds": round(self.seconds, 3), "rows_per_second": round(self.rows_per_second, 1)}


def score_folder(
    task: Task,
    source: str,
    *,
    form: str | None = None,
    part_rows: int = PART_ROWS,
    engine: Engine,
    watch: Watch | None = None,
    overwrite: bool = False,
) -> Summary:
    """Score a file, a folder or a pattern into the task's folder; what is finished there stays as it is.

    form: the format of the scored files; None: that of each file. Raises ValueError, OSError, StartupError.
    """
    began = time.monotonic()
    sources = find(source)
    if task.folder.resolve().is_relative_to(sources.base.resolve()) and not Path(source).is_file():
        raise ValueError(f"{task.folder} lies in {sources.base}, where the next run would take it for rows to score")
    parts = plan(sources, form, part_rows)
    total, fresh = Tally(), Tally()
    summary = Summary(files=len(sources.files), parts=len(parts), others=sources.others)
    run = {
        "model": task.name,
        "version": task.version,
        "outputs": list(task.outputs),
        "prefix": task.prefix,
        "escape_formulas": task.escape_formulas,
        "part_rows": part_rows,
    }
    with Ledger(task.folder).held(run, overwrite=overwrite) as ledger:
        ledger.forget_other_cuts(parts)
        left = []
        for part in parts:
            if (tally := ledger.finished(part)) is None:
                left.append(part)
            else:
                total += tally
                summary.finished += 1
        if watch is not None:
            watch.begin(sum(part.weight for part in left))
        for outcome in engine(task, left, nothing if watch is None else watch.step) if left else ():
            fresh += outcome.tally
            if outcome.failed is not None:
                summary.failed.setdefault(outcome.part.source, outcome.failed)
    total += fresh
    return ended(summary, total, fresh, began)


def ended(summary: Summary, total: Tally, fresh: Tally, began: float) -> Summary:
    seconds = time.monotonic() - began
    rate = (fresh.scored + fresh.rejected) / seconds if seconds else 0.0
    return replace(
        summary,
        scored=total.scored,
        rejected=total.rejected,
        warnings=total.warnings,
        seconds=seconds,
        rows_per_second=rate,
    )


def score_file(
    task: Task,
    source: str,
    target: str,
    rejects: str,
    *,
    part_rows: int = PART_ROWS,
    engine: Engine,
    watch: Watch | None = None,
) -> Summary:
    """Score one file, or standard input, into one file, or standard output.

    One that is cut into parts has a folder of them meanwhile, `.<name of the target>.parts`; after an interruption the
    next run goes on with it. Raises ValueError, OSError, StartupError.
    """
    began = time.monotonic()
    wanted = format_of(target)
    assert wanted is not None  # the name was checked
    parts = [Part(source, Format("csv"), target)]
    if source != STANDARD:
        parts = plan(find(source), wanted.name, part_rows)
    if len(parts) == 1 or target == STANDARD:
        return score_whole(task, replace(parts[0], stop=None), target, rejects, watch, began)
    folder = Path(target).parent / f".{Path(target).name}.parts"
    told = format_of(rejects)
    assert told is not None
    task = replace(task, folder=folder, rejects_form=told.name)
    summary = score_folder(task, source, form=wanted.name, part_rows=part_rows, engine=engine, watch=watch)
    if not summary.failed:
        names = [folder / part.target for part in parts]
        join([name for name in names if name.exists()], Path(target), wanted.name)
        names = [folder / task.rejects_of(part) for part in parts]
        join([name for name in names if name.exists()], Path(rejects), told.name)
        Ledger(folder).remove()
    return replace(summary, seconds=time.monotonic() - began)


def score_whole(task: Task, part: Part, target: str, rejects: str, watch: Watch | None, began: float) -> Summary:
    """In this process, without a folder for parts. Raises as `score_file`, and what Scorer.score raises."""
    if watch is not None:
        watch.begin(part.weight)
    tally = task.scorer().score(part, target, rejects, nothing if watch is None else watch.step)
    return ended(Summary(files=1, parts=1), tally, tally, began)
