"""What the prediction log holds of a model, file by file: the rows that were asked, and what they were answered.

    if is_log("answers/", "churn"):
        for rows in logged("answers/", "churn", columns, 10_000):
            rows[0]["inputs"], rows[0]["outputs"]       # {"age": 31}, {"predict": "yes"}

A log is a folder as DAYLIGHT_PREDICTION_LOG names one, the folder of a model in it, or one of its files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["is_log", "logged"]

ENDINGS = (".jsonl", ".parquet")
FIELDS = {"time", "request", "model", "version", "row", "inputs", "outputs"}
Row = dict[str, Any]


def is_log(source: str, model: str) -> bool:
    """Whether this is a prediction log, rather than a file of rows."""
    first = next((path for path in paths(source, model)), None)
    if first is None:
        return False
    try:
        if first.suffix == ".parquet":
            return {*pq.read_schema(first).names} >= FIELDS
        row = next(rows_of(first), None)
    except (OSError, ValueError, pa.ArrowException):
        return False
    return row is not None and row.keys() >= FIELDS


def paths(source: str, model: str) -> list[Path]:
    """The files of a log in the order they were begun; empty where there are none."""
    path = Path(source)
    if path.is_file():
        return [path] if path.suffix in ENDINGS else []
    folder = path / model if (path / model).is_dir() else path
    return sorted(each for each in folder.glob("*") if each.suffix in ENDINGS and each.is_file())


def logged(source: str, model: str, reads: Collection[str], rows: int) -> Iterator[list[Row]]:
    """Yield what is logged of a model, at most so many rows at once, without outputs that are hidden.

    reads: the columns that will be asked with. Raises ValueError where the log hides one of them.
    """
    for path in paths(source, model):
        found = (row for row in rows_of(path) if row.get("model") == model)
        while chunk := list(islice(found, rows)):
            hidden = {name for row in chunk for name in row.get("hidden") or ()}
            if refused := [name for name in reads if name in hidden]:
                raise ValueError(
                    f"the log hides {', '.join(refused)}, which the version reads: what was asked cannot be asked again"
                )
            for row in chunk:
                row["outputs"] = {name: value for name, value in row["outputs"].items() if name not in hidden}
            yield chunk


def rows_of(path: Path) -> Iterator[Row]:
    """The rows of one file. The last line of a file that is being written, or whose writer was killed, may be cut."""
    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(use_threads=False):
                for row in batch.to_pylist():
                    yield row | {"outputs": present(row.get("outputs") or {})}
        return
    with open(path, "rb") as file:
        for line in file:
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError:
                if line.endswith(b"\n"):
                    raise ValueError(
                        f"{path} has a line that is no JSON: {line[:80].decode(errors='replace')}"
                    ) from None
                return
            if isinstance(row, dict):
                yield row


def present(outputs: Row) -> Row:
    """What a row was answered, of the outputs and labels that Parquet has a place for in every row."""
    return {
        name: present(value) if isinstance(value, dict) else value
        for name, value in outputs.items()
        if value is not None
    }
