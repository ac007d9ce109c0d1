"""What embeddings cost others: the memory of the server's processes, and a table's latency beside embedding clients.

memory(server, version)                     # {"worker_private_mb": 31.2, "engine_mb": 118.0, "weights_mb": 90.3}
beside(tables, embeddings, clients=16)      # {"idle_ms": {"p50": 0.6, "p99": 1.1}, "beside_ms": {...}}
"""

import json
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from subprocess import PIPE, Popen
from time import perf_counter, sleep

import numpy as np

from benchmarks.support.serving import ROOT

__all__ = ["beside", "memory"]

ASKED = 2000  # requests of a table in one measurement
WARM = 200
PAUSE = 0.002  # seconds between two of them: they are to meet embeddings, not to keep them away
MEGABYTE = 2**20


def rolled_up(pid, pattern):
    """Bytes of the lines of /proc/PID/smaps_rollup whose names match."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return sum(int(line.split()[1]) * 1024 for line in lines if re.match(pattern, line))


def memory(server, version):
    """Megabytes: what the largest worker has for itself, the engine process (RSS), the graph with its weights."""
    (engine,) = server.engines()
    return {
        "worker_private_mb": max(rolled_up(pid, "Private_(Clean|Dirty)") for pid in server.workers()) / MEGABYTE,
        "engine_mb": rolled_up(engine, "Rss:") / MEGABYTE,
        "engine_private_mb": rolled_up(engine, "Private_(Clean|Dirty)") / MEGABYTE,
        "weights_mb": sum(path.stat().st_size for path in version.folder.glob("model.onnx*")) / MEGABYTE,
    }


@contextmanager
def embedding(server, requests, clients):
    """That many clients ask for vectors, from a process of their own, while this lasts; yields its rates at the end."""
    command, rates = [sys.executable, "-m", "benchmarks.encoders.asking"], []
    asked = {"url": server.url, "extra": server.extra, "requests": requests, "clients": clients}
    with Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True) as process:
        try:
            process.stdin.write(json.dumps(asked))
            process.stdin.close()
            process.stdout.readline()  # it has asked for a while
            yield rates
        finally:
            process.terminate()
            rates += map(float, process.stdout.read().split())


def latencies(server, rows):
    """{"p50", "p99"}: milliseconds of one client's requests of one row."""
    connection, found = server.connection(), []
    for number in range(WARM + ASKED):
        began = perf_counter()
        server.post(connection, rows)
        if number >= WARM:
            found.append(perf_counter() - began)
        sleep(PAUSE)
    return {f"p{rank}": float(np.percentile(found, rank)) * 1000 for rank in (50, 99)}


def beside(tables, rows, embeddings, requests, clients=16):
    """A table's latency while nobody embeds and while others do, in turns: the better of two each. With the medians of
    requests of vectors a second meanwhile."""
    idle, busy, rates = [], [], []
    for _ in range(2):
        idle.append(latencies(tables, rows))
        with embedding(embeddings, requests, clients) as rate:
            busy.append(latencies(tables, rows))
        rates += rate
    told = {"idle_ms": min(idle, key=lambda each: each["p99"]), "beside_ms": min(busy, key=lambda each: each["p99"])}
    return told | {"embeddings_per_second": median(rates) if rates else None}
