"""Scored parts as one file, in order, in bounded memory.

join([Path("a-0.csv"), Path("a-1.csv")], Path("a.csv"), "csv")
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import pyarrow as pa

from .reading import parquet
from .writing import replacing, writer

__all__ = ["join"]


def join(parts: Sequence[Path], target: Path, form: str) -> None:
    """Write the rows of these files, of one format, into `target`; it appears when it is whole.

    Raises RequestError where they have other columns, OSError.
    """
    if form in ("parquet", "arrow"):
        with writer(target, form) as sink:
            for part in parts:
                for table in tables(part, form):
                    sink.write(table)
        return
    with replacing(target) as draft:
        if not parts:
            return
        with open(draft, "wb") as file:
            for place, part in enumerate(parts):
                with open(part, "rb") as rows:
                    if form == "csv" and place:
                        pass_header(rows)
                    shutil.copyfileobj(rows, file, 2**20)


def tables(part: Path, form: str) -> Iterator[pa.Table]:
    if form == "parquet":
        with parquet(part) as file:
            for batch in file.iter_batches(10_000, use_threads=False):
                yield pa.Table.from_batches([batch])
        return
    with pa.memory_map(str(part)) as mapped, pa.ipc.open_file(mapped) as reader:
        for place in range(reader.num_record_batches):
            yield pa.Table.from_batches([reader.get_batch(place)])


def pass_header(file: IO[bytes]) -> None:
    """Read the header of a CSV file, whose names may hold ends of lines."""
    next(csv.reader(line.decode() for line in iter(file.readline, b"")), None)
