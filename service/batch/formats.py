"""Which format a file of rows has, by its name.

format_of("in/rows.csv.gz")     # Format("csv", "gzip")
format_of("notes.txt")          # None
"""

from __future__ import annotations

from pathlib import PurePath
from typing import NamedTuple

__all__ = ["ENDINGS", "FORMATS", "STANDARD", "Format", "format_of", "without_ending"]

STANDARD = "-"  # standard input or output, which is CSV
# What a written file ends with -> its format; the first of a format is the one that is written.
ENDINGS = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
FORMATS = ("csv", "parquet", "arrow", "jsonl")
COMPRESSED = {".gz": "gzip", ".zst": "zstd"}  # of the formats that are text


class Format(NamedTuple):
    """name: one of FORMATS. compression: as pyarrow calls it, or None."""

    name: str
    compression: str | None = None


def format_of(path: str | PurePath) -> Format | None:
    """The format of a file, or None where its name tells none."""
    if str(path) == STANDARD:
        return Format("csv")
    suffixes = PurePath(path).suffixes[-2:]
    compression = COMPRESSED.get(suffixes[-1]) if suffixes else None
    name = ENDINGS.get("".join(suffixes[-2:-1] if compression else suffixes[-1:]))
    if name is None or (compression and name not in ("csv", "jsonl")):
        return None
    return Format(name, compression)


def without_ending(name: str) -> str:
    """The name of a file without what tells its format: "rows.csv.gz" -> "rows"."""
    found = format_of(name)
    for _ in range(0 if found is None else 2 if found.compression else 1):
        name = name.rpartition(".")[0]
    return name
