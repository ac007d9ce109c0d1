"""One frame as the bytes of every form of table the service takes besides JSON, and answers read back."""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from service.wire.table_formats import ARROW, CSV, NPY, PARQUET

__all__ = ["READ", "WRITE", "npy", "parquet", "stream"]


def stream(table, **options):
    """A pyarrow Table as an IPC stream; options of IpcWriteOptions."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def parquet(table, **options):
    """A pyarrow Table as a file; options of write_table."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **options)
    return sink.getvalue().to_pybytes()


def npy(values):
    """What numpy.save writes, a pickle where the values are objects."""
    file = io.BytesIO()
    np.save(file, values, allow_pickle=True)
    return file.getvalue()


WRITE = {
    CSV: lambda frame: frame.to_csv(index=False).encode(),
    ARROW: lambda frame: stream(pa.Table.from_pandas(frame)),
    PARQUET: lambda frame: frame.to_parquet(index=False),
    NPY: lambda frame: npy(frame.to_numpy()),
}
READ = {
    CSV: lambda body: pd.read_csv(io.BytesIO(body)),
    ARROW: lambda body: pa.ipc.open_stream(body).read_pandas(),
    PARQUET: lambda body: pd.read_parquet(io.BytesIO(body)),
    NPY: lambda body: pd.DataFrame(np.load(io.BytesIO(body), allow_pickle=False)),
}
