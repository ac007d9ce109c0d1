"""Offline scoring: 100,000 rows of a file through a compiled model, against the loop that people write themselves.

    make bench        (python -m benchmarks.offline)

The model is the demo's `tumour`, 30 numbers a row; its sample is repeated. Daylight reads the file in pieces, checks
every cell, and writes the rows in the form it has read, those that it could not take elsewhere; the loop is
`pandas.read_csv`, `predict` and `to_csv`. By hand, the graph has all rows in memory and a thread for each
core; Daylight is one process of those that `daylight predict` starts. 6 seconds are a million rows a minute.

Then the command itself, over one file of 1 GB in row groups of pyarrow's default size, and the graph by hand over the
same: rows a minute, and the most memory that the command and all its processes have had together (PSS).
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from time import perf_counter, sleep

import joblib
import numpy as np
import onnxruntime
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.peers.processes import Processes
from benchmarks.rounds import interleaved, report
from benchmarks.support.serving import ROOT
from service import models
from service.batch.scoring import score
from service.settings import Settings
from service.store.versions import Store

STORE = ROOT / "artifacts"
ROWS = 100_000
ROUNDS = 3
LARGE = 4_000_000  # rows of the file of 1 GB


def write_large(sample, path):
    """Rows of the sample, each number a bit another, so that hardly any comes twice."""
    rng = np.random.default_rng(0)
    places = rng.integers(0, len(sample), LARGE)
    columns = {name: sample[name].to_numpy()[places] * rng.uniform(0.9, 1.1, LARGE) for name in sample}
    pq.write_table(pa.table(columns), path)


def by_command(source, out):
    """(seconds, megabytes): of `daylight predict` and all its processes, the most they have at once."""
    command = [sys.executable, "-m", "service", "predict", "tumour", source, "-o", out, "--store", STORE, "--json"]
    most, log = 0, out.with_suffix(".log")
    with Processes(command, cwd=ROOT, env=os.environ, log=log) as processes:
        while not processes.ended:
            most = max(most, processes.memory())
            sleep(0.1)
    summary = json.loads(log.read_text().splitlines()[-1])
    assert (summary["scored"], summary["rejected"]) == (LARGE, 0)
    return summary["seconds"], most / 1e6


def main():
    version = Store(STORE).open("tumour")
    model = models.load(version, Settings(store=STORE))
    with version.open(version.manifest.spec["payload"]) as file:
        estimator = joblib.load(file)
    sample = pd.read_csv(STORE / "data.csv")[list(model.plan.names)]
    rows = pd.concat([sample] * (ROWS // len(sample) + 1), ignore_index=True).head(ROWS)
    with tempfile.TemporaryDirectory() as folder:
        csv, parquet = Path(folder, "in.csv"), Path(folder, "in.parquet")
        rows.to_csv(csv, index=False)
        rows.to_parquet(parquet)

        def by_hand():
            frame = pd.read_csv(csv)
            frame.assign(predict=estimator.predict(frame)).to_csv(Path(folder, "by_hand.csv"), index=False)

        def out_of(source):
            return source.with_stem("scored")

        def ours(source):
            def scored():
                tally = score(model, source, out_of(source), rejects=Path(folder, "rejects.csv"))
                assert (tally.scored, tally.rejected) == (ROWS, 0)

            return scored

        session = onnxruntime.InferenceSession(version.folder / version.manifest.spec["runtime"]["payload"])

        def graph_by_hand(source=parquet):
            table = pq.read_table(source)
            X = np.column_stack([table[name].to_numpy() for name in model.plan.names])
            (predicted,) = session.run(["predict"], {"X": X})
            pq.write_table(table.append_column("predict", pa.array(predicted)), Path(folder, "by_hand.parquet"))

        ways = {
            "Daylight, CSV": ours(csv),
            "Daylight, Parquet": ours(parquet),
            "pandas and scikit-learn, CSV": by_hand,
            "the graph by hand, Parquet": graph_by_hand,
        }
        medians = interleaved(ways, rounds=ROUNDS, calls=1)
        large = Path(folder, "large.parquet")
        write_large(sample, large)
        seconds, megabytes = by_command(large, Path(folder, "scored_large.parquet"))
        began = perf_counter()
        graph_by_hand(large)
        hand = perf_counter() - began
    for name, each in medians.items():
        print(f"{name}: {ROWS / each * 60:,.0f} rows a minute")
    size = f"one file of {LARGE:,} rows"
    print(f"{size}, daylight predict: {LARGE / seconds * 60:,.0f} rows a minute, {megabytes:.0f} MB together at most")
    print(f"{size}, the graph by hand: {LARGE / hand * 60:,.0f} rows a minute")
    report(
        f"{ROWS:,} rows of a file",
        medians,
        [
            ("pandas and scikit-learn, CSV", "Daylight, CSV"),
            ("pandas and scikit-learn, CSV", "Daylight, Parquet"),
            ("the graph by hand, Parquet", "Daylight, Parquet"),
        ],
        libraries=("scikit-learn", "onnxruntime", "pandas"),
        also={"large": {"rows": LARGE, "seconds": seconds, "by_hand": hand, "megabytes": megabytes}},
    )


if __name__ == "__main__":
    main()
