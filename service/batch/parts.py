"""What is scored, cut into parts: each is a file, or a range of one, and is scored by itself into a file of its own.

    parts = plan("in/", Folder(Path("out")), part_rows=250_000)
    parts[0].target             # "day=1/a-00000-of-00002.parquet", below out/

The cuts depend on the files alone, so that a second run finds the same parts. Parquet is cut by rows, JSON lines by
bytes at the ends of lines, Arrow files by their batches; CSV, whose line breaks may stand inside of fields, and what
is compressed, are not cut.
"""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from .formats import ENDINGS, Format, format_of, without_ending

__all__ = ["FIRST_BYTES", "PART_ROWS", "Part", "Sources", "find", "partitions_of", "plan"]

PART_ROWS = 250_000
ROW_BYTES = 256  # about as long as a row of JSON is, where parts of so many rows are cut by bytes
NULL = "__HIVE_DEFAULT_PARTITION__"
FIRST_BYTES = b"ARROW1"  # of an Arrow file; a stream has no list of its batches


@dataclass(frozen=True)
class Part:
    """A file of rows, or a range of one.

    start, stop: rows of Parquet, bytes of JSON lines, batches of Arrow; stop None: to the end. target: the name of the
    scored file, below the folder of the run. weight: bytes that are read, about. partitions: {column: value, or None},
    of the folders the file lies in. size, modified: of the whole file; another run tells by them that it has changed.
    """

    source: str
    format: Format
    target: str
    start: int = 0
    stop: int | None = None
    weight: int = 0
    size: int = 0
    modified: int = 0
    partitions: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Sources:
    """base: the folder that names are relative to. files: sorted. others: how many files no format has."""

    base: Path
    files: list[Path]
    others: int = 0


def find(source: str) -> Sources:
    """The files of a file, a folder (and those in it) or a pattern. Hidden files, and those that begin with an
    underscore, are no data.

    Raises ValueError where there is none, FileNotFoundError where there is no such file or folder.
    """
    path = Path(source)
    if path.is_dir():
        base, found = path, [Path(folder, name) for folder, _, names in os.walk(path) for name in names]
    elif path.exists() or not glob.has_magic(source):
        path.stat()
        if format_of(path) is None:
            raise ValueError(f"{source}: expected a name that ends with {', '.join(ENDINGS)}")
        return Sources(path.parent, [path])
    else:
        whole = PurePosixPath(source).parts
        fixed = next(place for place, name in enumerate(whole) if glob.has_magic(name))
        base, found = Path(*whole[:fixed]), []
        for each in map(Path, glob.glob(source, recursive=True)):
            inside = each.rglob("*") if each.is_dir() else [each]
            found += [one for one in inside if one.is_file()]
    visible = {each for each in found if not any(name[0] in "._" for name in each.relative_to(base).parts)}
    files = sorted(each for each in visible if format_of(each))
    if not files:
        raise ValueError(f"{source} holds no file that ends with {', '.join(ENDINGS)}")
    return Sources(base, files, len(visible) - len(files))


def plan(sources: Sources, form: str | None, part_rows: int = PART_ROWS) -> list[Part]:
    """The parts of these files, in order. form: the format of all scored files; None: each that of its own.

    Raises ValueError where two files would be scored into one. A file that cannot be read is one part, which will fail.
    """
    parts = [part for path in sources.files for part in cut(path, sources.base, form, part_rows)]
    counts = Counter(part.target for part in parts)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise ValueError(f"several files would be scored into {', '.join(sorted(twice)[:5])}; give them other names")
    return parts


def cut(path: Path, base: Path, form: str | None, part_rows: int) -> Iterator[Part]:
    given = format_of(path)
    assert given is not None  # of those that were found
    below, seen = path.relative_to(base), path.stat()
    try:
        ranges = list(CUTS[given.name](path, part_rows)) if given.compression is None else [(0, None)]
    except (OSError, pa.ArrowException):
        ranges = [(0, None)]
    stem = without_ending(below.name)
    ending = f".{form or given.name}" if form or given.compression else below.suffix
    for place, (start, stop) in enumerate(ranges):
        number = f"-{place:05d}-of-{len(ranges):05d}" if len(ranges) > 1 else ""
        target = below.with_name(f"{stem}{number}{ending}").as_posix()
        weight = max(1, seen.st_size // len(ranges))
        partitions = partitions_of(below)
        yield Part(str(path), given, target, start, stop, weight, seen.st_size, seen.st_mtime_ns, partitions)


def whole(path: Path, part_rows: int) -> Iterator[tuple[int, int | None]]:
    yield 0, None


def rows_of_parquet(path: Path, part_rows: int) -> Iterator[tuple[int, int | None]]:
    yield from steps(pq.read_metadata(path).num_rows, part_rows)


def lines(path: Path, part_rows: int) -> Iterator[tuple[int, int | None]]:
    size, start = path.stat().st_size, 0
    with open(path, "rb") as file:
        while start + part_rows * ROW_BYTES < size:
            file.seek(start + part_rows * ROW_BYTES)
            file.readline()
            if file.tell() >= size:
                break
            yield start, file.tell()
            start = file.tell()
    yield start, None


def batches(path: Path, part_rows: int) -> Iterator[tuple[int, int | None]]:
    with open(path, "rb") as file:
        if file.read(len(FIRST_BYTES)) != FIRST_BYTES:
            yield 0, None
            return
    with pa.memory_map(str(path)) as mapped, pa.ipc.open_file(mapped) as reader:
        count = reader.num_record_batches
        longest = max((reader.get_batch(place).num_rows for place in range(min(count, 3))), default=1)
    yield from steps(count, max(1, part_rows // max(1, longest)))


def steps(count: int, step: int) -> Iterator[tuple[int, int | None]]:
    """From 0 to count: at least one, the last without an end."""
    starts = list(range(0, count, step)) or [0]
    yield from zip(starts, [*starts[1:], None], strict=True)


CUTS = {"csv": whole, "parquet": rows_of_parquet, "arrow": batches, "jsonl": lines}


def partitions_of(path: Path) -> dict[str, str | None]:
    """The columns that Hive's names of folders hold: day=1/city=Oslo/a.csv -> {"day": "1", "city": "Oslo"}."""
    pairs = [folder.split("=", 1) for folder in path.parts[:-1] if "=" in folder]
    return {unquote(name): None if value == NULL else unquote(value) for name, value in pairs}
