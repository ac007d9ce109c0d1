"""Offline scoring: 100,000 rows of a file through a compiled model, against the loop that people write themselves.

    make bench        (python -m benchmarks.offline)

The model is the demo's `tumour`, 30 numbers a row; its sample is repeated. Daylight reads the file in pieces, checks
every cell, and writes the rows in the form it has read, those that it could not take elsewhere; the loop is
`pandas.read_csv`, `predict` and `to_csv`. By hand, the graph has all rows in memory and a thread for each
core; Daylight is one process of those that `daylight predict` starts. 6 seconds are a million rows a minute.
"""

import tempfile
from pathlib import Path

import joblib
import numpy as np
import onnxruntime
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.rounds import interleaved, report
from benchmarks.support.serving import ROOT
from service import models
from service.batch.scoring import score
from service.settings import Settings
from service.store.versions import Store

STORE = ROOT / "artifacts"
ROWS = 100_000
ROUNDS = 3


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

        def graph_by_hand():
            table = pq.read_table(parquet)
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
    for name, seconds in medians.items():
        print(f"{name}: {ROWS / seconds * 60:,.0f} rows a minute")
    report(
        f"{ROWS:,} rows of a file",
        medians,
        [
            ("pandas and scikit-learn, CSV", "Daylight, CSV"),
            ("pandas and scikit-learn, CSV", "Daylight, Parquet"),
            ("the graph by hand, Parquet", "Daylight, Parquet"),
        ],
        libraries=("scikit-learn", "onnxruntime", "pandas"),
    )


if __name__ == "__main__":
    main()
