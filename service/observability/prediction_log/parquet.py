"""The prediction log as Parquet: one schema for each version of a model, from what is described of it.

    file = ParquetFile(path, described, hidden)
    file.write(rows)
    file.close()                # only now the file is there under its name

Rows wait until there are enough for a row group. A process that is killed leaves a draft, which nobody can read.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from .files import Counts, opened_for_owner

__all__ = ["ParquetFile", "schema_of"]

GROUP = 4096  # rows of a row group
JSON = pa.string()  # of what has no one type: its text as JSON
KINDS = {"number": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_(), "text": JSON, "json": JSON}
HEAD = [
    ("time", pa.timestamp("us", "UTC")),
    ("request", pa.string()),
    ("trace", pa.string()),
    ("model", pa.string()),
    ("version", pa.string()),
    ("row", pa.int32()),
    ("seconds", pa.float64()),
    ("parameters", JSON),
    ("hidden", pa.list_(pa.string())),
]


def schema_of(described: Mapping[str, Any], hidden: Container[str]) -> pa.Schema:
    """The columns of a version's log; a hidden one is of texts, for it holds hashes or nothing."""
    inputs = [(name, JSON if name in hidden else KINDS[kind]) for name, kind in described["columns"]]
    outputs = [
        (
            name,
            JSON
            if name in hidden
            else KINDS[kind]
            if keys is None
            else pa.struct([(key, KINDS[kind]) for key in keys]),
        )
        for name, kind, keys in described["outputs"]
    ]
    return pa.schema([*HEAD, ("inputs", pa.struct(inputs)), ("outputs", pa.struct(outputs))])


def fitted(value: Any, kind: pa.DataType) -> Any:
    """A plain value as pyarrow takes it for this type."""
    if pa.types.is_struct(kind):
        return (
            None
            if value is None
            else {
                field.name: fitted(cell, field.type)
                for field, cell in ((kind.field(str(key)), cell) for key, cell in value.items())
            }
        )
    if pa.types.is_string(kind) and not (value is None or isinstance(value, str)):
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY).decode()
    return value


class ParquetFile:
    """path: of the finished file. described: the version whose answers it gets. hidden: names of what it hides.

    Its rows count as written when the file is finished.
    """

    ending = "parquet"

    def __init__(self, path: Path, described: Mapping[str, Any], hidden: Container[str]) -> None:
        self.size, self.counts, self.broken = 0, Counts(), False
        self._schema = schema_of(described, hidden)
        self._path, self._draft = path, path.with_name(f"{path.name}.draft")
        self._file = os.fdopen(opened_for_owner(self._draft), "wb")
        self._waiting: list[dict[str, Any]] = []
        self._grouped = 0  # rows
        self._writer: Any = None

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        self._waiting += rows
        if len(self._waiting) >= GROUP:
            with self._given_up_where_full():
                self._group()

    def close(self) -> None:
        with self._given_up_where_full():
            self._group()
            self._writer.close()
            self._file.close()
            os.replace(self._draft, self._path)
        self.counts.written += self._grouped

    def _group(self) -> None:
        """Write what waits."""
        rows = self._waiting
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd")
        table = table_of(rows, self._schema)
        self._writer.write_table(table)
        self.counts.lost += len(rows) - table.num_rows
        self._grouped += table.num_rows
        self._waiting = []
        self.size = self._file.tell()

    @contextmanager
    def _given_up_where_full(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self.broken = True
            self.counts.lost += self._grouped + len(self._waiting)
            with suppress(OSError):
                self._file.close()
            with suppress(OSError):
                self._draft.unlink()
            raise


def table_of(rows: Sequence[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    """The rows as a table, without those that do not fit the schema."""
    try:
        plain = [{name: fitted(row.get(name), schema.field(name).type) for name in schema.names} for row in rows]
        return pa.Table.from_pylist(plain, schema)
    except (pa.ArrowException, KeyError, TypeError, ValueError, OverflowError):
        if len(rows) == 1:
            return schema.empty_table()
    middle = len(rows) // 2
    return pa.concat_tables([table_of(rows[:middle], schema), table_of(rows[middle:], schema)])
