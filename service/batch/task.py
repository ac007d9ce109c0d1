"""One part scored in whichever process, on whichever machine: what each engine calls.

outcome = score_part(task, part)
outcome.tally, outcome.failed
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .. import models
from ..errors import InvalidInstances, ServiceError
from ..settings import Settings
from ..store.versions import Store
from .ledger import record, rejects_of
from .parts import Part
from .scoring import CHUNK_ROWS, Progress, Scorer, Tally, nothing
from .texts import as_table

__all__ = ["Outcome", "Task", "score_part", "sentence"]

FEW_ROWS = 200  # at once, for a model that reads texts: its progress shows
TOLD = 10  # faults of a file


@dataclass(frozen=True)
class Task:
    """What is done with every part.

    store: a folder that each process can read. version: of the model. folder: below which the parts' targets are.
    settings: of the store and of loading, as the command has them. rejects_form: the format of rejected rows; None:
    that of the scored ones. base: the folder that relative names of files begin in. The rest: as of Scorer.
    """

    settings: Settings
    store: Path
    name: str
    version: str
    folder: Path
    outputs: tuple[str, ...] = ()
    prefix: str = ""
    escape_formulas: bool = False
    rejects_form: str | None = None
    base: Path = Path()

    def rejects_of(self, part: Part) -> str:
        """Where the rejected rows of a part go, below the folder: JSON lines stay such, which any row fits into."""
        own = "jsonl" if part.format.name == "jsonl" else part.target.rpartition(".")[2]
        return rejects_of(part, self.rejects_form or own)

    def fills_the_machine(self) -> bool:
        """Whether one process of it uses all processors, as engines of texts do."""
        return models.own_process(Store.of(self.settings, self.store).open(self.name, self.version)) is not None

    def scorer(self) -> Scorer:
        """The model of the task, opened once in each process. Raises StartupError."""
        if not _opened or _opened[0] != self:
            version = Store.of(self.settings, self.store).open(self.name, self.version)
            model = models.load(version, self.settings)
            model.warm_up()
            rows = CHUNK_ROWS
            if models.own_process(version) is not None:
                # As many of the longest texts as an engine takes at once.
                rows = max(1, min(FEW_ROWS, self.settings.max_waiting_tokens // version.manifest.spec["max_tokens"]))
            options: dict[str, Any] = {"prefix": self.prefix, "escape_formulas": self.escape_formulas, "rows": rows}
            _opened[:] = self, Scorer(as_table(model), self.outputs or None, **options)
        return _opened[1]


_opened: list[Any] = []  # the last task of this process, and its scorer


@dataclass
class Outcome:
    """failed: why a part could not be scored, a sentence; nothing of it was written then."""

    part: Part
    tally: Tally = field(default_factory=Tally)
    failed: str | None = None


def score_part(task: Task, part: Part, progress: Progress = nothing) -> Outcome:
    """Score a part into its file below the task's folder, and record it there. Raises StartupError."""
    scorer = task.scorer()
    rejects, target = task.rejects_of(part), task.folder / part.target
    try:
        for path in (target, task.folder / rejects):
            path.parent.mkdir(parents=True, exist_ok=True)
        here = replace(part, source=str(task.base / part.source))
        tally = scorer.score(here, target, task.folder / rejects, progress)
        record(task.folder, part, tally, rejects)
    except InvalidInstances as error:
        return Outcome(part, failed=sentence(error))
    except (ServiceError, OSError) as error:
        return Outcome(part, failed=str(error))
    return Outcome(part, tally)


def sentence(error: InvalidInstances) -> str:
    """Every fault of a file, the first of many."""
    told = [f"column {each.get('column')}: expected {each['expected']}, got {each['got']}" for each in error.details]
    more = f"; and {error.total - TOLD} more" if error.total > TOLD else ""
    return "; ".join(told[:TOLD]) + more
