"""The examples of docs/ray.md that score frames, as they stand there."""

import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from benchmarks.support.serving import ROOT

pytestmark = pytest.mark.heavy

PYTHON = ROOT / ".venv-ray/bin/python"
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs/ray.md").read_text(), re.DOTALL)
LIBRARIES = ("ray.data", "pyspark", "dask")
# Before the example: a Ray of the test's own.
BEFORE = {"ray.data": "import ray; ray.init('local', num_cpus=2, include_dashboard=False)\n"}


def test_each_library_has_an_example():
    assert len(EXAMPLES) == len(LIBRARIES)


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_example_scores_frames_and_tells_of_wrong_rows(library, environment, package, predict, tmp_path):
    """As files are scored: the same predictions, and the reasons of those that are rejected there."""
    if library == "pyspark" and not shutil.which("java"):
        pytest.skip("Spark needs Java 17: apt-get install openjdk-17-jre-headless")
    (example,) = (each for each in EXAMPLES if library in each)
    sample = pd.read_csv(ROOT / "artifacts/data.csv")
    rows = sample.assign(id=range(len(sample)))
    rows.loc[[3, 400], rows.columns[0]] = np.nan
    (tmp_path / "rows").mkdir()
    for place in range(4):
        rows[place::4].to_parquet(tmp_path / f"rows/{place}.parquet", index=False)
    own = environment | {
        "PYTHONPATH": str(package),
        "DAYLIGHT_STORE": str(ROOT / "artifacts"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": str(PYTHON),
    }
    code = BEFORE.get(library, "") + example
    ran = subprocess.run([PYTHON, "-c", code], cwd=tmp_path, env=own, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr[-4000:]
    scored = read(tmp_path / "scored")
    out = tmp_path / "out"
    assert predict("tumour", tmp_path / "rows", "-o", out, "--processes", 1).returncode == 3
    wanted, rejects = (read(folder) for folder in (out, out / "_rejects"))
    assert scored["predict"].dropna().to_dict() == wanted["predict"].to_dict()
    assert scored["reason"].dropna().to_dict() == rejects["reason"].to_dict()
    assert (len(scored), len(rejects)) == (len(rows), 2)


def read(folder):
    return pd.concat(map(pd.read_parquet, folder.glob("*.parquet"))).set_index("id").sort_index()
