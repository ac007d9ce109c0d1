"""How much of a file is in memory while it is read."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.support.serving import ROOT
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


PROGRAM = """
import sys
from service.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    assert ended.code == 3, ended.code  # rows were rejected
assert "onnxruntime" in sys.modules
assert "pandas" not in sys.modules
"""


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow"])
def test_a_compiled_model_scores_files_without_pandas(tabular_store, tmp_path, ending):
    """Arrow imports it for the first array or scalar that it is asked to make, unless arrays.py makes that."""
    names = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
    csv, source, scored = tmp_path / "in.csv", tmp_path / f"in.{ending}", tmp_path / f"out.{ending}"
    csv.write_text("\n".join([",".join(names), *["1.5,2,3,4", "1,,3,4", "1,two,3,4", "1,2,3"] * 9]))
    if ending != "csv":
        table = pa.table({name: [1.5, None, 2.5] for name in names} | {"note": ["a, b", None, ""]})
        if ending == "parquet":
            pq.write_table(table, source)
        else:
            with pa.ipc.new_file(source, table.schema) as file:
                file.write_table(table)
    command = ["predict", "iris", source, "-o", scored, "--store", tabular_store]
    done = subprocess.run([sys.executable, "-c", PROGRAM, *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert scored.exists()
