"""A Parquet file as a body.

    decode(body, columns, 100, 2**24)       # {"age": [31, None], "city": ["Oslo", "Rome"]}
    encode({"predict": ["yes"]})            # the bytes of a file

Rows and pages are counted from the file's own headers before a page is unpacked: a few kilobytes can promise
gigabytes. Only the model's columns are read. https://parquet.apache.org/docs/file-format/
"""

import pyarrow as pa
import pyarrow.parquet as pq

from ...errors import RequestError, in_a_line
from .arrow_cells import TEXTS, any_of, cells_of_table, check_types, table_of
from .parquet_pages import sizes
from .parts import check_names, check_rows, no_rows, too_large

__all__ = ["decode", "encode"]


def decode(body, columns, max_rows, max_bytes):
    """Bytes -> an object of columns. Raises RequestError, InvalidInstances, PayloadTooLarge."""
    known = {column.name for column in columns}
    try:
        names, rows = look(body, columns, max_rows, max_bytes)
        table = read(body, [name for name in names if name in known]) if rows else None
    except (pa.ArrowException, OSError, ValueError, UnicodeDecodeError) as error:
        raise RequestError(f"the body is no Parquet file: {in_a_line(error, 200)}") from None
    if table is None:
        no_rows("a schema alone")
    return dict.fromkeys(names, ()) | cells_of_table(table, columns, max_bytes)


def look(body, columns, max_rows, max_bytes):
    """(every column's name, rows), nothing being unpacked yet. Raises what `decode` does."""
    rows, unpacked = sizes(body, max_bytes)
    check_rows(rows, max_rows)
    if unpacked > max_bytes:
        too_large("Parquet file", max_bytes)
    with pq.ParquetFile(pa.BufferReader(body)) as file:
        schema = file.schema_arrow
    check_names(schema.names)
    check_types(schema, columns)
    return schema.names, rows


def read(body, names):
    """A Table of these columns. Texts stay in their dictionaries, where each is kept once."""
    source = pa.BufferReader(body)
    with pq.ParquetFile(source) as file:
        texts = [field.name for field in file.schema_arrow if field.name in names and any_of(TEXTS, field.type)]
    with pq.ParquetFile(source, read_dictionary=texts) as file:
        table = file.read(columns=names, use_threads=False)
    table.validate(full=True)
    return table


def encode(outputs):
    """A file of one row group: each output a column, each part of a nested one a column of its own."""
    table = table_of(outputs)
    if table is None:
        return None
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()
