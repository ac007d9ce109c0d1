"""Offline scoring: a file of rows through the same column plan as the service, in bounded memory.

    tally = score(model, "in.csv", "out.csv", rejects="out.rejects.csv")
    tally.scored, tally.rejected

The scored file has the input's columns and the predictions after them; rows the model
cannot take go to the rejects file with their number and the reason, and the rest are
scored. CSV and Parquet in and out, "-" for CSV on standard input or output. Nothing
appears under the given names before all of it is written.
"""

import os
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import InvalidInstances
from ..wire.table_formats.csv_cells import cells_of
from ..wire.table_formats.parts import flat

__all__ = ["CHUNK_ROWS", "Tally", "score"]

CHUNK_ROWS = 10_000
STANDARD = "-"


@dataclass
class Tally:
    scored: int = 0
    rejected: int = 0


def score(model, source, target, *, rejects, outputs=None, progress=None):
    """Score every row of `source` (path or "-") into `target`; returns a Tally.

    `progress` is called with the bytes (CSV) or rows (Parquet) read since its last call.
    Raises InvalidInstances where no row can be right: a column is missing from the whole file.
    """
    tally, first_row = Tally(), 0
    columns = {column.name: column for column in model.plan.columns}
    with ExitStack() as stack:
        scored = stack.enter_context(writer(target))
        refused = stack.enter_context(writer(rejects))
        for frame, cells in read(source, columns, progress):
            kept, answers, reasons = split(model, cells, len(frame), outputs)
            if kept:
                scored(frame.iloc[kept].reset_index(drop=True).join(pd.DataFrame(flat(answers))))
            if reasons:
                bad = frame.iloc[list(reasons)].reset_index(drop=True)
                told = {"row": [first_row + row for row in reasons], "reason": list(reasons.values())}
                refused(pd.concat([pd.DataFrame(told), bad], axis=1))
            tally.scored += len(kept)
            tally.rejected += len(reasons)
            first_row += len(frame)
    return tally


def split(model, cells, rows, outputs):
    """Predict what can be predicted: (places kept, their outputs, {place: reason} of the rest)."""
    kept, reasons = list(range(rows)), {}
    while kept:
        part = {name: [values[place] for place in kept] for name, values in cells.items()}
        try:
            return kept, model.predict(part, outputs).outputs, reasons
        except InvalidInstances as error:
            found = {kept[row]: reason for row, reason in by_row(error).items()}
            reasons |= found
            kept = [place for place in kept if place not in found]
    return kept, {}, dict(sorted(reasons.items()))


def by_row(error):
    """{row: every reason} of the violations an error names. Raises it again where none has a row."""
    rows = {}
    for violation in error.details:
        if "row" not in violation:
            raise error
        where = f"{violation['column']}: " if "column" in violation else ""
        rows.setdefault(violation["row"], []).append(f"{where}expected {violation['expected']}, got {violation['got']}")
    if error.total > len(error.details) and len(rows) > 1:
        rows.popitem()  # the list was cut inside this row; it is met again in the next pass
    return {row: "; ".join(reasons) for row, reasons in rows.items()}


def read(source, columns, progress):
    """Yield (frame as it stands in the file, {column: JSON cells}) chunk by chunk."""
    if str(source).endswith(".parquet"):
        yield from read_parquet(source, progress)
        return
    with ExitStack() as stack:
        file = sys.stdin.buffer if str(source) == STANDARD else stack.enter_context(open(source, "rb"))
        done = 0
        for frame in pd.read_csv(file, dtype=str, keep_default_na=False, chunksize=CHUNK_ROWS):
            yield frame, {name: cells_of(frame[name].tolist(), columns[name]) for name in frame if name in columns}
            if progress and file.seekable():
                progress(file.tell() - done)
                done = file.tell()


def read_parquet(source, progress):
    with pq.ParquetFile(source) as file:
        for batch in file.iter_batches(CHUNK_ROWS):
            cells = {name: [plain(cell) for cell in batch[name].to_pylist()] for name in batch.schema.names}
            yield batch.to_pandas(), cells
            if progress:
                progress(batch.num_rows)


def plain(cell):
    return cell.isoformat() if hasattr(cell, "isoformat") else cell


@contextmanager
def writer(target):
    """Give a function that appends frames to `target`; the file appears when all went well and any came."""
    if str(target) == STANDARD:
        yield Csv(sys.stdout)
        return
    draft = Path(f"{target}.part")
    sink = Parquet(draft) if str(target).endswith(".parquet") else Csv(draft)
    try:
        yield sink
        sink.close()
        if draft.exists():
            os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)


class Csv:
    """Appends frames as CSV; the header comes with the first."""

    def __init__(self, file):
        self.file = file
        self.header = True

    def __call__(self, frame):
        frame.to_csv(self.file, mode="w" if self.header else "a", header=self.header, index=False)
        self.header = False

    def close(self):
        """Nothing is held open between frames."""


def named_type(field):
    """A column with nothing in it yet has no type; later chunks may bring text."""
    return field.with_type(pa.string()) if pa.types.is_null(field.type) else field


class Parquet:
    """Appends frames as Parquet, in the schema of the first."""

    def __init__(self, path):
        self.path = path
        self.file = None

    def __call__(self, frame):
        table = pa.Table.from_pandas(frame, schema=self.file and self.file.schema, preserve_index=False)
        if self.file is None:
            table = table.cast(pa.schema([named_type(field) for field in table.schema]))
            self.file = pq.ParquetWriter(self.path, table.schema)
        self.file.write_table(table)

    def close(self):
        if self.file:
            self.file.close()
