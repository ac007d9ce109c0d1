"""How much of a file is in memory while it is read."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from service.batch.formats import format_of
from service.batch.joining import tables
from service.batch.parts import Part
from service.batch.reading import read

ROWS = 1_000_000
COLUMN = 8 * ROWS  # bytes


def most_held(chunks):
    """Bytes that Arrow has at most while the chunks are taken, one after the other."""
    before = pa.total_allocated_bytes()
    return max(pa.total_allocated_bytes() for _ in chunks) - before


def test_of_a_row_group_some_pages_are_in_memory(tmp_path):
    """Two processes had 1.4 GB for a file of 1 GB: a row group of a million rows was read as a whole."""
    path = tmp_path / "one_group.parquet"
    rng = np.random.default_rng(0)
    pq.write_table(pa.table({name: rng.random(ROWS) for name in "ab"}), path, row_group_size=ROWS)
    part = Part(str(path), format_of(path), "out.parquet")
    assert most_held(read(part, [], 10_000, lambda read: None)) < COLUMN
    assert most_held(tables(path, "parquet")) < COLUMN
