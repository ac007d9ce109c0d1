"""Frames scored where they are: the partitions of Spark, Dask and Ray Data, by the service's own checks.

    score = FrameScorer("tumour", store="/mnt/models")
    score(frame)                # the frame, and the columns `predict` and `reason`

It can be pickled. Each process that it comes to loads the model once, from the store, which it has to reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from ..errors import InvalidInstances, RequestError
from ..settings import Settings
from ..store.versions import Store
from ..wire.table_formats.arrow_cells import check_types
from .chunks import Rows
from .reading import check_columns
from .scoring import Scorer, columns_of
from .task import Task, sentence

__all__ = ["FrameScorer"]

REASON = "reason"
MISSING = {pa.int64(): pd.Int64Dtype(), pa.int32(): pd.Int32Dtype(), pa.bool_(): pd.BooleanDtype()}


class FrameScorer:
    """Scores frames of pandas with one version of a model.

    name: of the model. store: the folder or URL of the store; None: that of the settings. version: None: the one that
    is current now, whenever the frames are scored. outputs: names of what is computed; None: the prediction. prefix:
    before the names of the new columns. settings: None: those of the environment.

    Raises StartupError where there is no such version.
    """

    def __init__(
        self,
        name: str,
        *,
        store: Path | str | None = None,
        version: str | None = None,
        outputs: Sequence[str] | None = None,
        prefix: str = "",
        settings: Settings | None = None,
    ) -> None:
        settings = settings or Settings.from_environ()
        opened = Store.of(settings, store)
        found = opened.open(name, version).manifest.version
        self.task = Task(settings, opened.root.resolve(), name, found, Path(), tuple(outputs or ()), prefix)

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with a column for each output, as in a scored file, and `reason`; the index stays.

        A row that the model cannot take has nothing in the outputs, and the reason; all others have no reason. Raises
        RequestError where no row can be scored: a column is not there, or there already, or has several types;
        StartupError where the model cannot be loaded.
        """
        try:
            table = pa.Table.from_pandas(frame, preserve_index=False)
        except (pa.ArrowException, TypeError) as error:
            raise RequestError(f"the frame has a column of several types: {error}") from None
        new = self._scored(table)
        if taken := sorted({*table.column_names} & {*new.column_names}):
            raise RequestError(f"the frame has a column {taken[0]} already; put something before the new ones: prefix")
        # Each partition has the same types, whether it has wrong rows or none.
        columns = new.to_pandas(types_mapper=MISSING.get)
        return frame.assign(**{name: columns[name].array for name in new.column_names})

    def _scored(self, table: pa.Table) -> pa.Table:
        """The new columns."""
        scorer = self.task.scorer()
        try:
            check_columns(table.column_names, scorer.model.plan.columns)
            check_types(table.schema, list(scorer.model.plan.columns))
        except InvalidInstances as error:
            raise RequestError(sentence(error)) from None
        reasons: dict[int, str] = {}
        places: list[int] = []
        answers: list[pa.Table] = []
        for start in range(0, len(table), scorer.rows):
            chunk = Rows(table.slice(start, scorer.rows), range(start, start + scorer.rows))
            for found, answer, wrong in scorer.answers(chunk):
                reasons |= {start + place: reason for place, reason in wrong.items()}
                if found:
                    places += [start + place for place in found]
                    answers.append(pa.table(columns_of(answer)))
        scored = pa.concat_tables(answers or [self._none(scorer)])
        if reasons:
            found_at = {place: number for number, place in enumerate(places)}
            scored = scored.take(pa.array([found_at.get(place) for place in range(len(table))], pa.int64()))
        told = pa.array([reasons.get(place) for place in range(len(table))], pa.string())
        scored = scored.append_column(REASON, told)
        return scored.rename_columns([f"{self.task.prefix}{name}" for name in scored.column_names])

    def _none(self, scorer: Scorer) -> pa.Table:
        """The outputs of no row, in the types that they have."""
        stored = Store.of(self.task.settings, self.task.store).open(self.task.name, self.task.version)
        answer = scorer.model.predict(stored.manifest.example["instances"][:1], scorer.outputs)
        return pa.table(columns_of(answer)).slice(0, 0)
