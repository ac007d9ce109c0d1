"""Writes scored rows, or rejected ones, in one of the formats; a file appears under its name when all of it is written.

with writer(path, "parquet") as sink:
    sink.write(table)
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..errors import RequestError
from ..wire.table_formats.arrow_cells import MOMENTS, NUMBERS, TEXTS, VIEWS, any_of
from ..wire.table_formats.formulas import inert
from .arrays import scalar_of, texts_of
from .formats import STANDARD

__all__ = ["DRAFT", "json_lines", "replacing", "writer"]

DRAFT = ".draft"  # a hidden file beside the one it becomes ends so
COMMA, QUOTE, POINT_ZERO, NOTHING = (scalar_of(text, large=True) for text in (",", '"', ".0", ""))
SPECIAL = '[",\r\n]'  # what a field of CSV is quoted for


@contextmanager
def writer(target: str | Path, form: str, *, escape_formulas: bool = False) -> Iterator[Csv | JsonLines | Typed]:
    """Give what writes tables in this format.

    The file appears at the end, if something was written and there was no error; if nothing was, what had its name
    before is gone.
    """
    if str(target) == STANDARD:
        yield Csv(sys.stdout, escape_formulas)
        return
    with replacing(Path(target)) as draft:
        sink = (
            Csv(draft, escape_formulas)
            if form == "csv"
            else JsonLines(draft)
            if form == "jsonl"
            else Typed(draft, form)
        )
        try:
            yield sink
        finally:
            sink.close()


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give the path of a draft, which takes the place of `target` at the end; if none was written, `target` is gone."""
    draft = target.with_name(f".{target.name}-{uuid4().hex[:12]}{DRAFT}")
    try:
        yield draft
        if draft.exists():
            with open(draft, "rb") as file:
                os.fsync(file.fileno())
            os.replace(draft, target)
        else:
            target.unlink(missing_ok=True)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()


class Csv:
    """UTF-8 with commas; the header comes with the first rows. Numbers are as short as they may be."""

    def __init__(self, file: Any, escape_formulas: bool) -> None:
        self._path = file
        self._file: Any = None if isinstance(file, Path) else file
        self._escape = escape_formulas
        self._names: list[str] | None = None

    def write(self, table: pa.Table) -> None:
        if self._file is None:
            self._file = open(self._path, "w", encoding="utf-8", newline="")  # noqa: SIM115 - closed by close()
        if self._names is None:
            self._names = table.column_names
            names = [texts_of([name], large=True) for name in self._names]
            self._lines([self._field(name) for name in names])
        elif table.column_names != self._names:
            raise changed(self._names, table.column_names)
        if table.num_rows:
            self._lines([self._field(column.combine_chunks()) for column in table.columns])

    def _field(self, column: Any) -> pa.Array:
        texts = fields_of(column)
        if self._escape and any_of((*TEXTS, *VIEWS), column.type):
            texts = texts_of([inert(cell) for cell in texts.to_pylist()], large=True)
        special = pc.match_substring_regex(texts, SPECIAL)
        if pc.any(special).as_py():
            quoted = pc.binary_join_element_wise(QUOTE, pc.replace_substring(texts, '"', '""'), QUOTE, NOTHING)
            texts = pc.if_else(special, quoted, texts)
        return texts

    def _lines(self, fields: Sequence[pa.Array]) -> None:
        lines = pc.binary_join_element_wise(*fields, COMMA, null_handling="replace", null_replacement="")
        self._file.write("\n".join(lines.to_pylist()))
        self._file.write("\n")

    def close(self) -> None:
        if isinstance(self._path, Path) and self._file is not None:
            self._file.close()


def fields_of(column: pa.Array) -> pa.Array:
    """The cells of a column as texts, as CSV has them; a missing one, NaN too, stays missing."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return fields_of(column.dictionary_decode())
    if pa.types.is_floating(kind):
        texts = pc.if_else(pc.is_nan(column), pa.nulls(1, kind)[0], column).cast(pa.large_string())
        whole = pc.match_substring_regex(texts, r"^-?[0-9]+$")  # 2.0 is no 2 to whoever guesses types
        return pc.if_else(whole, pc.binary_join_element_wise(texts, POINT_ZERO, NOTHING), texts)
    if any_of((*TEXTS, *VIEWS, *NUMBERS, *MOMENTS, pa.types.is_boolean, pa.types.is_null), kind):
        return column.cast(pa.large_string())
    cells = column.to_pylist()
    return texts_of([None if cell is None else json.dumps(cell, default=str) for cell in cells], large=True)


class Typed:
    """Parquet, or an Arrow file, in the schema of the first rows."""

    def __init__(self, path: Path, form: str) -> None:
        self._path, self._form = path, form
        self._file: Any = None
        self._schema: pa.Schema | None = None

    def write(self, table: pa.Table) -> None:
        if self._schema is None:
            self._schema = pa.schema([named_type(field) for field in table.schema], table.schema.metadata)
            if self._form == "parquet":
                self._file = pq.ParquetWriter(str(self._path), self._schema, use_dictionary=dictionaries(table))
            else:
                self._file = pa.ipc.new_file(str(self._path), self._schema)
        if table.column_names != self._schema.names:
            raise changed(self._schema.names, table.column_names)
        try:
            self._file.write_table(table.cast(self._schema))
        except pa.ArrowInvalid as error:
            raise RequestError(f"a column has values of another type than at the beginning: {error}") from None

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def dictionaries(table: pa.Table) -> bool | list[str]:
    """Which columns of Parquet get a dictionary, by their first rows: not those whose numbers hardly come twice.

    There it costs three times what all else of writing does, and makes the file larger.
    """
    if any(pa.types.is_nested(field.type) for field in table.schema):
        return True  # a list has to have the names that Parquet gives what is inside
    return [name for name, column in zip(table.column_names, table.columns, strict=True) if repeats(column)]


def repeats(column: pa.ChunkedArray) -> bool:
    return not any_of(NUMBERS, column.type) or pc.count_distinct(column).as_py() <= len(column) / 2


def named_type(field: pa.Field) -> pa.Field:
    """An empty column has no type yet: text, since later chunks may bring some."""
    return field.with_type(pa.string()) if pa.types.is_null(field.type) else field


def changed(before: Sequence[str], now: Sequence[str]) -> RequestError:
    other = sorted({*before} ^ {*now})[:5]
    return RequestError(f"rows have other keys than those before them ({', '.join(other)}); JSON lines can hold them")


class JsonLines:
    """An object a line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None

    def write(self, rows: pa.Table | bytes) -> None:
        if self._file is None:
            self._file = open(self._path, "wb")  # noqa: SIM115 - closed by close()
        self._file.write(rows if isinstance(rows, bytes) else json_lines(rows.to_pylist()))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def json_lines(objects: Sequence[Any]) -> bytes:
    """Objects of plain values, dates and the like -> bytes, a line each. NaN is null."""
    return b"".join(orjson.dumps(each, default=str, option=orjson.OPT_APPEND_NEWLINE) for each in objects)
