"""Offline scoring: a file of rows through the same column plan as the service, in bounded memory.

    tally = score(model, "in.csv", "out.csv", rejects="out.rejects.csv")
    tally.scored, tally.rejected

The scored file has the input's columns and the predictions after them. Rows that the model cannot take go to the
rejects file with their number and the reason; all others are scored. CSV and Parquet in and out, "-" for CSV on
standard input or output. A file appears under its name when all of it is written.
"""

from __future__ import annotations

import io
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import InvalidInstances
from ..wire.table_formats.arrow_cells import cells_of_table, check_types
from ..wire.table_formats.csv_cells import cells_of
from ..wire.table_formats.csv_dialect import Dialect, recognise
from ..wire.table_formats.formulas import inert
from ..wire.table_formats.parts import flat

__all__ = ["CHUNK_ROWS", "Tally", "score"]

CHUNK_ROWS = 10_000
STANDARD = "-"
HEAD = 2**16  # bytes that tell how a CSV file is written
NUMBERS = ("number", "integer")  # kinds of columns

Cells = dict[str, list[Any]]  # {column: JSON cells}
Progress = Callable[[int], Any]


@dataclass
class Tally:
    """How many rows were scored, and how many rejected."""

    scored: int = 0
    rejected: int = 0


def score(
    model: Any,
    source: str | Path,
    target: str | Path,
    *,
    rejects: str | Path,
    outputs: list[str] | None = None,
    escape_formulas: bool = False,
    progress: Progress | None = None,
) -> Tally:
    """Score every row of `source` (a path, or "-") into `target`.

    model: one that predicts tables. escape_formulas: whether texts of CSV, those of the input too, are made inert for
    spreadsheet programs (wire.table_formats.formulas). progress: called with the bytes (CSV) or rows (Parquet) read
    since its last call.
    Raises InvalidInstances where no row can be scored: a column is missing from the whole file.
    """
    tally, first_row = Tally(), 0
    columns = {column.name: column for column in model.plan.columns}
    with ExitStack() as stack:
        scored = stack.enter_context(writer(target, escape_formulas))
        rejected = stack.enter_context(writer(rejects, escape_formulas))
        for frame, cells in read(source, columns, progress):
            places, answers, reasons = split(model, cells, len(frame), outputs)
            if places:
                scored(frame.iloc[places].reset_index(drop=True).join(pd.DataFrame(flat(answers))))
            if reasons:
                rows = frame.iloc[list(reasons)].reset_index(drop=True)
                why = {"row": [first_row + row for row in reasons], "reason": list(reasons.values())}
                rejected(pd.concat([pd.DataFrame(why), rows], axis=1))
            tally.scored += len(places)
            tally.rejected += len(reasons)
            first_row += len(frame)
    return tally


def split(
    model: Any, cells: Cells, rows: int, outputs: list[str] | None
) -> tuple[list[int], dict[str, list[Any]], dict[int, str]]:
    """Predict the rows that can be predicted: (their places, their outputs, {place: reason} of all others)."""
    places = list(range(rows))
    reasons: dict[int, str] = {}
    while places:
        part = {name: [values[place] for place in places] for name, values in cells.items()}
        try:
            return places, model.predict(part, outputs).outputs, reasons
        except InvalidInstances as error:
            wrong = {places[row]: reason for row, reason in by_row(error).items()}
            reasons |= wrong
            places = [place for place in places if place not in wrong]
    return places, {}, dict(sorted(reasons.items()))


def by_row(error: InvalidInstances) -> dict[int, str]:
    """{row: every reason} of the violations that an error names. Raises it again where one has no row."""
    rows: dict[int, list[str]] = {}
    for violation in error.details:
        if "row" not in violation:
            raise error
        where = f"{violation['column']}: " if "column" in violation else ""
        rows.setdefault(violation["row"], []).append(f"{where}expected {violation['expected']}, got {violation['got']}")
    if error.total > len(error.details) and len(rows) > 1:
        rows.popitem()  # the list was cut inside this row; the next pass finds it again
    return {row: "; ".join(reasons) for row, reasons in rows.items()}


def read(
    source: str | Path, columns: dict[str, Any], progress: Progress | None
) -> Iterator[tuple[pd.DataFrame, Cells]]:
    """Yield (frame as in the file, its cells), chunk by chunk."""
    if str(source).endswith(".parquet"):
        yield from read_parquet(source, columns, progress)
        return
    with ExitStack() as stack:
        opened: Any = sys.stdin.buffer if str(source) == STANDARD else stack.enter_context(open(source, "rb"))
        file = io.BufferedReader(opened, HEAD)
        dialect = recognise(file.peek(HEAD)[:HEAD], whole=False)
        options: dict[str, Any] = {"sep": dialect.separator, "encoding": dialect.encoding}
        done = 0
        for frame in pd.read_csv(file, dtype=str, keep_default_na=False, chunksize=CHUNK_ROWS, **options):
            yield (
                frame,
                {name: typed(frame[name].tolist(), columns[name], dialect) for name in frame if name in columns},
            )
            if progress and file.seekable():
                progress(file.tell() - done)
                done = file.tell()


def typed(cells: list[str], column: Any, dialect: Dialect) -> list[Any]:
    """Cells of CSV as JSON would have them; numbers as this file writes them."""
    if dialect.decimal != "." or dialect.thousands:
        cells = list(map(dialect.number, cells)) if column.kind in NUMBERS else cells
    return cells_of(cells, column)


def read_parquet(
    source: str | Path, columns: dict[str, Any], progress: Progress | None
) -> Iterator[tuple[pd.DataFrame, Cells]]:
    with pq.ParquetFile(source) as file:
        check_types(file.schema_arrow, list(columns.values()))
        for batch in file.iter_batches(CHUNK_ROWS):
            table = pa.Table.from_batches([batch])
            cells = cells_of_table(
                table.select([name for name in table.column_names if name in columns]), columns.values(), math.inf
            )
            yield table.to_pandas(types_mapper=pd.ArrowDtype), cells  # numpy has no whole numbers with holes
            if progress:
                progress(batch.num_rows)


@contextmanager
def writer(target: str | Path, escape_formulas: bool) -> Iterator[Csv | Parquet]:
    """Give what appends frames to `target`; the file appears at the end, if there was a frame and no error."""
    if str(target) == STANDARD:
        yield Csv(sys.stdout, escape_formulas)
        return
    draft = Path(f"{target}.part")
    sink = Parquet(draft) if str(target).endswith(".parquet") else Csv(draft, escape_formulas)
    try:
        yield sink
        sink.close()
        if draft.exists():
            os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def escaped(frame: pd.DataFrame) -> pd.DataFrame:
    """A copy of the frame whose texts, and names of columns, no spreadsheet program computes."""
    frame = frame.copy()
    for place, dtype in enumerate(frame.dtypes):
        if dtype.kind in "OU":  # pandas' own texts, and Arrow's
            frame.isetitem(place, [inert(cell) for cell in frame.iloc[:, place]])
    frame.columns = list(map(inert, frame.columns))
    return frame


class Csv:
    """Appends frames as CSV; the header comes with the first."""

    def __init__(self, file: Any, escape_formulas: bool) -> None:
        self.file = file
        self.escape_formulas = escape_formulas
        self.header = True

    def __call__(self, frame: pd.DataFrame) -> None:
        if self.escape_formulas:
            frame = escaped(frame)
        frame.to_csv(self.file, mode="w" if self.header else "a", header=self.header, index=False)
        self.header = False

    def close(self) -> None:
        """No file is open between frames."""


def named_type(field: pa.Field) -> pa.Field:
    """An empty column has no type yet: text, since later chunks may bring some."""
    return field.with_type(pa.string()) if pa.types.is_null(field.type) else field


class Parquet:
    """Appends frames as Parquet, in the schema of the first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: pq.ParquetWriter | None = None

    def __call__(self, frame: pd.DataFrame) -> None:
        table = pa.Table.from_pandas(frame, schema=self.file and self.file.schema, preserve_index=False)
        if self.file is None:
            table = table.cast(pa.schema([named_type(field) for field in table.schema]))
            self.file = pq.ParquetWriter(self.path, table.schema)
        self.file.write_table(table)

    def close(self) -> None:
        if self.file:
            self.file.close()
