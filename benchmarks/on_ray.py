"""A folder of Parquet scored by processes of this machine, by actors of Ray, and by the graph in a loop by hand.

    make bench-ray    (.venv-ray/bin/python -m benchmarks.on_ray)

The model is the demo's `tumour`, 30 numbers a row; its sample is repeated. Both engines have as many processes as there
are processors; by hand, one process reads a file, has the graph compute all of its rows, and writes it. Told are rows a
minute of the whole run, and of what follows the first part of each process: the whole run of Ray has the start of its
actors in it, not that of its nodes. Memory is the most that a process that scores has had.
"""

import json
import os
import statistics
import tempfile
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import ray

from benchmarks.support.serving import ROOT
from service.batch import run
from service.batch.local import score_locally
from service.batch.on_ray import score_on_ray
from service.batch.task import Task
from service.settings import Settings
from service.settings.machine import cores
from service.store.versions import Store

STORE = ROOT / "artifacts"
FILES, ROWS = 8, 1_000_000
ROUNDS = 3
SCORERS = (b"ray::Actor", b"spawn_main")  # how the processes that score are called


def timed(engine, moments):
    """The engine, which notes when it has finished which part."""

    def scoring(task, parts, progress):
        for outcome in engine(task, parts, progress):
            moments.append((time.monotonic(), outcome.tally.scored))
            yield outcome

    return scoring


@contextmanager
def memory():
    """Gives a list whose last number is the most memory that a process that scores has had, in MB."""
    most, over = [0.0], threading.Event()

    def watch():
        while not over.wait(0.1):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    if any(name in (process / "cmdline").read_bytes() for name in SCORERS):
                        lines = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
                        most.append(max(most[-1], int(lines["VmHWM"].split()[0]) / 1024))
                except (OSError, KeyError):
                    pass  # it has ended meanwhile

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


def scored(engine, task, source):
    """Rows a minute: (of the whole run, of what follows the first part of each process), MB."""
    moments = []
    with memory() as most:
        summary = run.score_folder(task, str(source), engine=timed(engine, moments), overwrite=True)
    assert summary.scored == FILES * ROWS
    later = moments[cores() :]
    rows, seconds = sum(rows for _, rows in later), later[-1][0] - moments[cores() - 1][0]
    return summary.rows_per_second * 60, rows / seconds * 60, most[-1]


def by_hand(version, names, source, out):
    session = onnxruntime.InferenceSession(version.folder / version.manifest.spec["runtime"]["payload"])
    began = time.monotonic()
    for path in sorted(source.iterdir()):
        table = pq.read_table(path)
        X = np.column_stack([table[name].to_numpy() for name in names])
        (predicted,) = session.run(["predict"], {"X": X})
        pq.write_table(table.append_column("predict", pa.array(predicted)), out / path.name)
    rate = FILES * ROWS / (time.monotonic() - began) * 60
    return rate, rate, 0.0  # of memory it takes what the files are


def main():
    version = Store(STORE).open("tumour")
    sample = pd.read_csv(STORE / "data.csv")
    names = [column["name"] for column in version.manifest.spec["columns"]]
    rows = pd.concat([sample[names]] * (ROWS // len(sample) + 1), ignore_index=True).head(ROWS)
    ray.init("local", num_cpus=cores(), include_dashboard=False, log_to_driver=False)
    with tempfile.TemporaryDirectory() as folder:
        source, hand = Path(folder, "in"), Path(folder, "hand")
        source.mkdir()
        hand.mkdir()
        for place in range(FILES):
            rows.to_parquet(source / f"{place}.parquet")
        task = partial(Task, Settings(store=STORE), STORE, "tumour", version.manifest.version)
        ways = {
            "local": lambda: scored(score_locally, task(Path(folder, "local")), source),
            "ray": lambda: scored(score_on_ray, task(Path(folder, "ray")), source),
            "by hand": lambda: by_hand(version, names, source, hand),
        }
        rounds = [{name: way() for name, way in ways.items()} for _ in range(ROUNDS)]
    told = {}
    for name in ways:
        whole, steady, most = (statistics.median(each[name][place] for each in rounds) for place in range(3))
        told[name] = {
            "rows_a_minute": round(whole),
            "steady": round(steady),
            "mb": round(most, 1) if most > 0 else None,
        }
        print(f"{name:8} {whole:12,.0f} rows a minute, {steady:12,.0f} after the first parts", end="")
        print(f", {most:5.0f} MB a process" if most else "")
    ratios = {
        "ray of local, after the first parts": told["ray"]["steady"] / told["local"]["steady"],
        "ray of local, whole": told["ray"]["rows_a_minute"] / told["local"]["rows_a_minute"],
        "by hand of ray, after the first parts": told["by hand"]["steady"] / told["ray"]["steady"],
        "by hand of local, after the first parts": told["by hand"]["steady"] / told["local"]["steady"],
    }
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:.2f}")
    load = round(os.getloadavg()[0], 1)
    print(json.dumps({"rows": FILES * ROWS, "rounds": rounds, **told, "ratios": ratios, "load": load}))


if __name__ == "__main__":
    main()
