"""Offline scoring: the rows of a file through the same column plan as the service's, in bounded memory.

    scorer = Scorer(model)
    tally = scorer.score(part, "out.csv", "out.rejects.csv", progress)
    tally.scored, tally.rejected

The scored file has the input's columns and the predictions after them. Rows that the model cannot take go to the
rejects file with their number and the reason; all others are scored. A file appears under its name when all of it is
written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from ..errors import InvalidInstances, RequestError
from ..wire.table_formats.parts import flat
from .arrays import array_of, integers_of, texts_of
from .chunks import Chunk, Lines
from .formats import format_of
from .parts import Part
from .reading import read
from .texts import TextColumns
from .writing import json_lines, writer

__all__ = ["CHUNK_ROWS", "Progress", "Scorer", "Tally", "columns_of", "nothing", "score"]

CHUNK_ROWS = 10_000
SLICE = 100  # rows that are looked at together where some of a chunk are wrong: an answer names no more violations
KEPT = 10  # warnings
ROW, REASON = "row", "reason"  # columns of a file of rejects


@dataclass
class Tally:
    """How many rows were scored, and how many rejected; what was warned of, each once."""

    scored: int = 0
    rejected: int = 0
    warnings: list[str] = field(default_factory=list)

    def warn(self, warnings: Sequence[str]) -> None:
        self.warnings += [each for each in warnings if each not in self.warnings][: KEPT - len(self.warnings)]

    def __iadd__(self, other: Tally) -> Tally:
        self.scored += other.scored
        self.rejected += other.rejected
        self.warn(other.warnings)
        return self


Progress = Callable[[int, int], Any]  # bytes that were read, and rows that were done, since the last call


def nothing(read: int, done: int) -> None: ...


def score(model: Any, source: str | Path, target: str | Path, *, rejects: str | Path, **options: Any) -> Tally:
    """Score every row of the file `source` into the file `target`, in this process. options: of Scorer."""
    form = format_of(str(source))
    if form is None:
        raise ValueError(f"{source}: no format has this ending")
    return Scorer(model, **options).score(Part(str(source), form, str(target)), target, rejects)


class Scorer:
    """Scores parts with a model.

    model: one that predicts tables, or a TextTable. outputs: names of its outputs; None: its first. prefix: before the
    names of the columns that come after those of the file. escape_formulas: whether texts of CSV, those of the input
    too, are made inert for spreadsheet programs. rows: how many are predicted at once.
    """

    def __init__(
        self,
        model: Any,
        outputs: Sequence[str] | None = None,
        *,
        prefix: str = "",
        escape_formulas: bool = False,
        rows: int = CHUNK_ROWS,
    ) -> None:
        self.model = model
        self.outputs = outputs
        self.prefix = prefix
        self.escape_formulas = escape_formulas
        self.rows = min(rows, model.max_rows)

    def score(self, part: Part, target: str | Path, rejects: str | Path, progress: Progress = nothing) -> Tally:
        """Score every row of a part. progress: as Progress says.

        Raises InvalidInstances where no row can be scored, since the file lacks a column; RequestError where it cannot
        be read; PredictionFailed.
        """
        tally = Tally()
        form, rejects_form = (format_of(str(path)) for path in (target, rejects))
        assert form is not None  # the names were checked
        assert rejects_form is not None
        with ExitStack() as stack:
            # The last that is entered is the first to appear: the rejects are there when the scored rows are.
            scored = stack.enter_context(writer(target, form.name, escape_formulas=self.escape_formulas))
            rejected = stack.enter_context(writer(rejects, rejects_form.name, escape_formulas=self.escape_formulas))
            for chunk in read(part, self.model.plan.columns, self.rows, lambda read: progress(read, 0)):
                reasons: dict[int, str] = {}
                for places, answer, wrong in self.answers(chunk) if len(chunk) else ():
                    reasons |= wrong
                    if places:
                        scored.write(self._scored(chunk, places, answer, form.name))
                        tally.scored += len(places)
                        tally.warn(answer.warnings)
                if reasons or chunk.rejected:
                    rejected.write(rejected_rows(chunk, reasons, rejects_form.name))
                    tally.rejected += len(reasons) + len(chunk.rejected)
                progress(0, len(chunk) + len(chunk.rejected))
        return tally

    def answers(self, chunk: Chunk) -> list[tuple[list[int], Any, dict[int, str]]]:
        """(places of rows that were predicted, their answer, {place: reason} of others), each place once."""
        every = list(range(len(chunk)))
        plan = self.model.plan
        try:
            return [(every, self.model.predict(chunk.instances(plan), self.outputs), {})]
        except InvalidInstances:
            cells = chunk.cells(plan)  # a Table of the plan is no longer what a row was
        slices = [every[start : start + SLICE] for start in range(0, len(every), SLICE)]
        return [self._split(chunk, cells, places) for places in slices]

    def _split(self, chunk: Any, cells: Any, places: list[int]) -> tuple[list[int], Any, dict[int, str]]:
        reasons: dict[int, str] = {}
        while places:
            try:
                return places, self.model.predict(chunk.pick(cells, places), self.outputs), reasons
            except InvalidInstances as error:
                wrong = {places[row]: reason for row, reason in by_row(error, len(places)).items()}
                reasons |= wrong
                places = [place for place in places if place not in wrong]
        return [], None, dict(sorted(reasons.items()))

    def _scored(self, chunk: Chunk, places: Sequence[int], answer: Any, form: str) -> pa.Table | bytes:
        if form == "jsonl":
            answers = {f"{self.prefix}{name}": values for name, values in answer.outputs.items()}
            rows = [dict(zip(answers, values, strict=True)) for values in zip(*answers.values(), strict=True)]
            if isinstance(chunk, Lines):
                return b"".join(spliced(chunk, place, row) for place, row in zip(places, rows, strict=True))
            table = chunk.take(places)
            self._check_free(table.column_names, answers)
            return json_lines([left | right for left, right in zip(table.to_pylist(), rows, strict=True)])
        columns = {f"{self.prefix}{name}": column for name, column in columns_of(answer).items()}
        table = chunk.take(places)
        self._check_free(table.column_names, columns)
        for name, column in columns.items():
            table = table.append_column(name, column)
        return table

    def _check_free(self, names: Sequence[str], new: Any) -> None:
        if taken := sorted({*names} & {*new}):
            raise RequestError(f"the file has a column {taken[0]} already; put something before the new ones: --prefix")


def spliced(chunk: Lines, place: int, answer: dict[str, Any]) -> bytes:
    """A line with the answer at its end; what stood there is kept to the letter."""
    row = chunk.objects[place]
    if taken := sorted(row.keys() & answer.keys()):
        raise RequestError(
            f"row {chunk.numbers[place]} has a key {taken[0]} already; put something before the new ones: --prefix"
        )
    return joined(chunk.texts[place], orjson.dumps(answer, default=str))


def joined(first: bytes, second: bytes) -> bytes:
    """Two objects of JSON as one, and the end of the line."""
    first, second = first.strip()[:-1].rstrip(), second.strip()[1:].lstrip()
    comma = b"" if first == b"{" or second == b"}" else b","
    return first + comma + second + b"\n"


def rejected_rows(chunk: Chunk, reasons: dict[int, str], form: str) -> pa.Table | bytes:
    """Those rows with their numbers and the reasons, in order; of rows that could not be read, no more than that."""
    told = {chunk.numbers[place]: reason for place, reason in reasons.items()} | chunk.rejected
    if isinstance(chunk, Lines) and form == "jsonl":
        texts = {chunk.numbers[place]: (chunk.objects[place], chunk.texts[place]) for place in reasons}
        return b"".join(rejected_line(number, told[number], *texts.get(number, ({}, b"{}"))) for number in sorted(told))
    table = chunk.take(list(reasons))
    if chunk.rejected:
        table = table.take(integers_of([*range(table.num_rows), *[None] * len(chunk.rejected)]))
    row, reason = free_names(table.column_names)
    numbers = pa.table({row: integers_of(list(told)), reason: texts_of(list(told.values()))})
    for name, column in zip(table.column_names, table.columns, strict=True):
        numbers = numbers.append_column(name, column)
    return numbers.sort_by(row) if chunk.rejected else numbers


def rejected_line(number: int, why: str, row: dict[str, Any], text: bytes) -> bytes:
    names = free_names(row)
    return joined(orjson.dumps(dict(zip(names, (number, why), strict=True))), text)


def free_names(taken: Collection[str]) -> tuple[str, str]:
    """What the number of a rejected row and the reason are called beside these columns."""
    names = ROW, REASON
    while {*names} & {*taken}:
        names = f"rejected_{names[0]}", f"rejected_{names[1]}"
    return names


def by_row(error: InvalidInstances, count: int) -> dict[int, str]:
    """{row: every reason} of the violations that an error names, among `count` rows.

    A violation without a row is one of all of them: each lacks the column.
    """
    rows: dict[int, list[str]] = {}
    for violation in error.details:
        where = f"{violation['column']}: " if "column" in violation else ""
        told = f"{where}expected {violation['expected']}, got {violation['got']}"
        for row in [violation["row"]] if "row" in violation else range(count):
            rows.setdefault(row, []).append(told)
    if error.total > len(error.details) and len(rows) > 1:
        rows.popitem()  # the list was cut inside this row; the next pass finds it again
    return {row: "; ".join(reasons) for row, reasons in rows.items()}


def columns_of(answer: Any) -> dict[str, pa.Array]:
    """The answer's outputs as flat columns, as `flat` names them; what is no number (NaN) is missing."""
    if isinstance(answer, TextColumns):
        return answer.columns
    columns: dict[str, pa.Array] = {}
    for name, parts in answer.arrays().items():
        for target, values, labels in parts:
            prefix = name if target is None else f"{name}.{target}"
            array = isinstance(values, np.ndarray) and values.dtype.kind in "biufU"
            if array and values.ndim == 1:
                columns[prefix] = array_of(values)
            elif array and values.ndim == 2:
                keys = range(values.shape[1]) if labels is None else labels
                for place, key in enumerate(keys):
                    columns[f"{prefix}.{key}"] = array_of(values[:, place])
            else:
                return {name: of_cells(cells) for name, cells in flat(answer.outputs).items()}
    return columns


def of_cells(cells: list[Any]) -> pa.Array:
    """Plain values as a column; as texts of JSON where they are of several types."""
    try:
        return pa.array(cells, from_pandas=True)
    except (pa.ArrowException, OverflowError):
        return pa.array([None if cell is None else orjson.dumps(cell, default=str).decode() for cell in cells])
