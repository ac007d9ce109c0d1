"""One frame as the bytes of every form of table the service takes besides JSON, and answers read back."""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from service.wire.table_formats import ARROW, CSV, NPY, PARQUET

__all__ = ["READ", "WRITE", "npy", "parquet", "records", "stream"]


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


def records(X):
    """The rows as a caller would write them: a list of objects of JSON's own values."""
    if isinstance(X, pd.Series):
        X = X.to_frame()
    frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(X, columns=[f"x{place}" for place in range(X.shape[1])])
    names = list(map(str, frame.columns))
    return [dict(zip(names, map(cell, row), strict=True)) for row in frame.astype(object).to_numpy()]


def cell(value):
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else value
