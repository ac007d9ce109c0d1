"""An Arrow IPC stream, compressed or not: record batches one after the other.

    decode(body, columns, 100, 2**24)       # {"age": [31, None], "city": ["Oslo", "Rome"]}
    encode({"predict": ["yes"]})            # the bytes of a stream of one batch

https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format
"""

import pyarrow as pa

from ...errors import RequestError, in_a_line
from .arrow_cells import cells_of_table, check_types, table_of
from .arrow_sizes import sizes
from .parts import check_names, check_rows, no_rows, too_large

__all__ = ["decode", "encode"]


def decode(body, columns, max_rows, max_bytes):
    """Bytes -> an object of columns. Raises RequestError, InvalidInstances, PayloadTooLarge."""
    rows, unpacked = 0, 0
    for batch_rows, batch_bytes, _ in (batches := list(sizes(body))):
        check_rows(batch_rows, max_rows)  # of a dictionary too: entries that no row can use
        unpacked += batch_bytes
        if unpacked > max_bytes:
            too_large("Arrow stream", max_bytes)
    rows = sum(batch_rows for batch_rows, _, is_dictionary in batches if not is_dictionary)
    check_rows(rows, max_rows)
    try:
        with pa.ipc.open_stream(pa.BufferReader(body)) as stream:
            check_names(stream.schema.names)
            check_types(stream.schema, columns)
            table = stream.read_all()
        table.validate(full=True)  # offsets and indices that point outside would read other memory
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise RequestError(f"the body is no Arrow stream: {in_a_line(error, 200)}") from None
    if not rows:
        no_rows("a schema alone")
    return cells_of_table(table, columns, max_bytes)


def encode(outputs):
    """A stream of one batch: each output a column, each part of a nested one a column of its own."""
    table = table_of(outputs)
    if table is None:
        return None
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()
