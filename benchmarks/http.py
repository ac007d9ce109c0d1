"""What each layer of HTTP costs: a bare WSGI echo, the short way and Flask, on gthread and on the keep-alive worker.

    python -m benchmarks.http        (needs wrk)

All six servers run the same gunicorn configuration with 2 workers and get the same bytes: one row of 30 numbers
for a support vector machine behind a scaler. wrk keeps 16 connections; one server works at a time, in turns.
CPU is that of all workers, user and system, from /proc; rates on a busy machine mean little, ratios more.
"""

import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks.support.serving import gunicorn, live_server
from service.packing import pack

ROUNDS, SECONDS = 3, 1
THREADS = 24  # more than connections: none is refused, however they spread over the workers
WORKERS = {"gthread": "gthread", "keep-alive": "service.server.keepalive_worker.KeepAliveWorker"}
APPS = {"echo": "tests.support.worker_app:app", "short": "wsgi:app", "Flask": "benchmarks.flask_only:app"}
PREDICT, ECHO = "/v1/models/tumour:predict", "/echo"
RATE = re.compile(r"Requests/sec:\s+([0-9.]+)")
SLOWEST = re.compile(r"99%\s+([0-9.]+)(us|ms|s)")
FAILED = re.compile(r"Socket errors: .*|Non-2xx or 3xx responses: .*")
UNIT = {"us": 1e-3, "ms": 1, "s": 1e3}


def store_and_body(folder):
    """Pack the model; the body of a request with one row."""
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    pack(make_pipeline(StandardScaler(), SVC()).fit(X, y), X, y, name="tumour", store=folder)
    return json.dumps({"instances": X.head(1).to_dict("records")})


def script(folder, body):
    path = Path(folder, "post.lua")
    header = 'wrk.headers["Content-Type"] = "application/json"'
    path.write_text(f'wrk.method = "POST"; wrk.body = {json.dumps(body)}; {header}\n')
    return path


def cpu(server):
    """Seconds of processor time that the workers have used."""
    ticks = 0
    for pid in server.workers():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def load(server, path, lua):
    """One round of wrk: (requests a second, 99th percentile in ms, microseconds of CPU a request)."""
    before = cpu(server)
    command = ["wrk", "-t1", "-c16", f"-d{SECONDS}s", "--latency", "-s", str(lua), f"{server}{path}"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if failed := FAILED.search(said):
        raise SystemExit(f"{server}{path}: {failed[0]}")
    used, rate = cpu(server) - before, float(RATE.search(said)[1])
    slowest = SLOWEST.search(said)
    return rate, float(slowest[1]) * UNIT[slowest[2]], used / (rate * SECONDS) * 1e6


def main():
    if not shutil.which("wrk"):
        raise SystemExit("wrk is missing; install it: apt-get install wrk")
    found = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        lua = script(folder, store_and_body(Path(folder, "store")))
        servers = {}
        for worker, class_ in WORKERS.items():
            for app, module in APPS.items():
                chosen = {"workers": 2, "threads": THREADS, "env": {"WORKER_CLASS": class_}}
                started = live_server(Path(folder, "store"), **chosen, command=gunicorn(module))
                servers[f"{app} on {worker}"] = (stack.enter_context(started), ECHO if app == "echo" else PREDICT)
        for number in range(ROUNDS + 1):
            for name, (server, path) in servers.items():
                taken = load(server, path, lua)
                if number:
                    found.setdefault(name, []).append(taken)
    medians = {
        name: [statistics.median(column) for column in zip(*rounds, strict=True)] for name, rounds in found.items()
    }
    echo = {name.rpartition(" ")[2]: values for name, values in medians.items() if name.startswith("echo")}
    print("one row, 16 kept connections, 2 workers")
    print(f"  {'':22} {'requests/s':>10} {'p99 ms':>8} {'CPU us':>8} {'CPU / echo':>10}")
    told = {}
    for name, (rate, slowest, used) in medians.items():
        ratio = used / echo[name.rpartition(" ")[2]][2]
        print(f"  {name:22} {rate:10.0f} {slowest:8.1f} {used:8.0f} {ratio:10.2f}")
        told[name] = {
            "requests_per_second": round(rate),
            "p99_ms": slowest,
            "cpu_us": round(used),
            "per_echo": round(ratio, 2),
        }
    print(json.dumps({"benchmark": "http", "ways": told, "cores": len(os.sched_getaffinity(0))}))


if __name__ == "__main__":
    main()
