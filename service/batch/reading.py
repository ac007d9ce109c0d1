"""Reads a part of a file of rows, chunk by chunk, in bounded memory.

    for chunk in read(part, columns, 10_000, progress): ...

CSV is read as texts, in whatever encoding and with whatever separator it was written; a line with too few or too many
fields is a row that is rejected.
"""

from __future__ import annotations

import codecs
import csv
import io
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from ..errors import RequestError
from ..store.missing import did_you_mean
from ..wire.table_formats.arrow_cells import check_types
from ..wire.table_formats.csv_dialect import Dialect, recognise
from ..wire.table_formats.parts import check_names, fault, refuse
from .arrays import texts_of
from .chunks import Chunk, Lines, Rows
from .formats import STANDARD
from .parts import FIRST_BYTES, Part

__all__ = ["Progress", "check_columns", "parquet", "read"]

HEAD = 2**16  # bytes that tell how a CSV file is written
BLOCK = 2**22  # bytes of CSV that are parsed at once, and the longest line
LONGEST = 2**23  # bytes of JSON lines that are a chunk
UNPACKED = 2**25  # bytes of Parquet that are a chunk, about
BUFFER = 2**16  # bytes of a column of Parquet that are read ahead

Progress = Callable[[int], Any]  # bytes that were read since the last call


def read(part: Part, columns: Sequence[Any], rows: int, progress: Progress) -> Iterator[Chunk]:
    """Yield the rows of a part, at most so many at once. columns: those that the model reads.

    Raises InvalidInstances where one of them is not there, or of a type that has no cells; RequestError where the file
    is none of its format.
    """
    try:
        yield from READERS[part.format.name](part, columns, rows, progress)
    except (pa.ArrowException, UnicodeError, csv.Error) as error:
        raise RequestError(f"the file cannot be read as {part.format.name}: {str(error).splitlines()[0]}") from None


def check_columns(names: Sequence[str], columns: Sequence[Any], partitions: Collection[str] = ()) -> None:
    """Refuse rows without a column that the model needs, or with two of one name. Raises InvalidInstances."""
    check_names(names)
    there = {*names, *partitions}
    refuse(
        [
            fault(column.expected, f"nothing{did_you_mean(column.name, there)}", column=column.name)
            for column in columns
            if column.name not in there
        ]
    )


def read_csv(part: Part, columns: Sequence[Any], rows: int, progress: Progress) -> Iterator[Chunk]:
    skipped: dict[int, str] = {}  # by number among the lines that hold something, the header being the first
    with opened(part) as (file, position):
        head = file.peek(HEAD)[:HEAD]
        dialect = recognise(head, whole=False)
        names = header_of(head, dialect)
        encoding = "utf8" if dialect.encoding.startswith("utf-8") else dialect.encoding
        check_columns(names, columns, part.partitions)

        def unreadable(row: Any) -> str:
            skipped[row.number] = f"expected {row.expected_columns} values, as many as the header, got {row.text[:200]}"
            return "skip"

        with pa_csv.open_csv(
            file,
            pa_csv.ReadOptions(
                use_threads=False,
                block_size=BLOCK,
                encoding=encoding,
            ),
            pa_csv.ParseOptions(delimiter=dialect.separator, newlines_in_values=True, invalid_row_handler=unreadable),
            pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
        ) as batches:
            place = 0
            for batch in batches:
                for start in range(0, batch.num_rows, rows):
                    table = pa.Table.from_batches([batch.slice(start, rows)])
                    numbers, rejected, place = numbered(place, table.num_rows, skipped)
                    yield Rows(table, numbers, dialect, part.partitions, rejected)
                progress(position())
        if rest := {number - FIRST_LINE: skipped[number] for number in sorted(skipped)}:
            empty = pa.table({name: texts_of([]) for name in names})
            yield Rows(empty, [], dialect, part.partitions, rest)


FIRST_LINE = 2  # how pyarrow counts the first row, after the header


def numbered(place: int, count: int, skipped: dict[int, str]) -> tuple[Sequence[int], dict[int, str], int]:
    """(the numbers of the next `count` rows, {number: reason} of those skipped among them, the number that follows)."""
    if not skipped:
        return range(place, place + count), {}, place + count
    numbers: list[int] = []
    rejected: dict[int, str] = {}
    while len(numbers) < count:
        if place + FIRST_LINE in skipped:
            rejected[place] = skipped.pop(place + FIRST_LINE)
        else:
            numbers.append(place)
        place += 1
    return numbers, rejected, place


def header_of(head: bytes, dialect: Dialect) -> list[str]:
    """The names of the columns, by the first line that holds any. Raises RequestError."""
    lines = csv.reader(io.StringIO(head.decode(dialect.encoding, errors="replace")), delimiter=dialect.separator)
    found = next((line for line in lines if line), None)
    if found is None:
        raise RequestError("the file is empty; a header line is expected")
    return found


@contextmanager
def opened(part: Part) -> Iterator[tuple[io.BufferedReader, Callable[[], int]]]:
    """(the bytes of a whole file, unpacked; a function that tells how many were read since it was last asked)."""
    with ExitStack() as stack:
        if part.source == STANDARD:
            yield io.BufferedReader(sys.stdin.buffer, HEAD), lambda: 0  # type: ignore[arg-type]
            return
        packed = stack.enter_context(open(part.source, "rb"))
        done = 0

        def position() -> int:
            nonlocal done
            done, before = packed.tell(), done
            return done - before

        unpacked: Any = packed
        if part.format.compression:
            unpacked = stack.enter_context(pa.CompressedInputStream(packed, part.format.compression))
        yield io.BufferedReader(unpacked, HEAD), position


def parquet(path: str | Path) -> pq.ParquetFile:
    """A file of Parquet of which no more than some pages of each column are in memory at once."""
    # pyarrow's default, pre_buffer, keeps whole row groups: 240 MB where one has a million rows of 30 numbers.
    return pq.ParquetFile(path, buffer_size=BUFFER, pre_buffer=False)


def read_parquet(part: Part, columns: Sequence[Any], rows: int, progress: Progress) -> Iterator[Chunk]:
    with parquet(part.source) as file:
        check_columns(file.schema_arrow.names, columns, part.partitions)
        check_types(file.schema_arrow, list(columns))
        groups, first, packed = groups_of(file.metadata, part)
        a_row = max(1, packed // max(1, sum(file.metadata.row_group(group).num_rows for group in groups)))
        stop = file.metadata.num_rows if part.stop is None else part.stop
        step = part.weight / max(1, stop - part.start)
        for batch in file.iter_batches(max(1, min(rows, UNPACKED // a_row)), groups, use_threads=False):
            begin, end = max(part.start, first), min(stop, first + batch.num_rows)
            if begin < end:
                table = pa.Table.from_batches([batch.slice(begin - first, end - begin)])
                yield Rows(table, range(begin, end), None, part.partitions)
                progress(round(step * (end - begin)))
            first += batch.num_rows
            if first >= stop:
                return


def groups_of(metadata: pq.FileMetaData, part: Part) -> tuple[list[int], int, int]:
    """(the row groups that hold rows of a part, the first one's first row, the bytes of all of them)."""
    groups: list[int] = []
    place = first = packed = 0
    for group in range(metadata.num_row_groups):
        described = metadata.row_group(group)
        begin, place = place, place + described.num_rows
        if place > part.start and (part.stop is None or begin < part.stop):
            first = first if groups else begin
            groups.append(group)
            packed += described.total_byte_size
    return groups, first, packed


def read_arrow(part: Part, columns: Sequence[Any], rows: int, progress: Progress) -> Iterator[Chunk]:
    with pa.memory_map(part.source) as mapped:
        is_file = mapped.read(len(FIRST_BYTES)) == FIRST_BYTES
        mapped.seek(0)
        with (pa.ipc.open_file if is_file else pa.ipc.open_stream)(mapped) as reader:
            check_columns(reader.schema.names, columns, part.partitions)
            check_types(reader.schema, list(columns))
            place, count = 0, reader.num_record_batches if is_file else 0
            if is_file:
                place = sum(reader.get_batch(each).num_rows for each in range(part.start))
                batches = map(reader.get_batch, range(part.start, count if part.stop is None else part.stop))
            else:
                batches = iter(reader)
            for batch in batches:
                batch.validate(full=True)  # offsets and indices that point outside would read other memory
                for start in range(0, batch.num_rows, rows):
                    table = pa.Table.from_batches([batch.slice(start, rows)])
                    yield Rows(table, range(place, place + table.num_rows), None, part.partitions)
                    place += table.num_rows
                progress(batch.nbytes)


def read_jsonl(part: Part, columns: Sequence[Any], rows: int, progress: Progress) -> Iterator[Chunk]:
    with opened(part) as (file, _):
        mark = len(file.read(3)) if file.peek(3).startswith(codecs.BOM_UTF8) else 0
        place = lines_before(file, mark, part.start)
        left = sys.maxsize if part.stop is None else part.stop - max(mark, part.start)
        texts: list[bytes] = []
        length = 0
        while left > 0 and (text := file.readline()):
            left -= len(text)
            if text.strip():
                texts.append(text)
                length += len(text)
            if len(texts) == rows or length > LONGEST:
                yield Lines(texts, range(place, place + len(texts)), part.partitions)
                place += len(texts)
                progress(length)
                texts, length = [], 0
        if texts:
            yield Lines(texts, range(place, place + len(texts)), part.partitions)
            progress(length)


def lines_before(file: io.BufferedReader, place: int, start: int) -> int:
    """How many rows stand before this byte, which the file, now at the byte `place`, is left at."""
    count = 0
    while place < start:
        text = file.readline()
        place += len(text)
        count += bool(text.strip())
    return count


READERS: dict[str, Callable[[Part, Sequence[Any], int, Progress], Iterator[Chunk]]] = {
    "arrow": read_arrow,
    "csv": read_csv,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
}
