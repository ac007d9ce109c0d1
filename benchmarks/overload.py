"""Beyond capacity: what is answered, how late, and how quickly the rest is told to come back.

    python -m benchmarks.overload [--seconds 60] [--worker CLASS] [--compiled] [--nginx]

A random forest of scikit-learn (or, with --compiled, a support vector machine as a graph) behind 2 workers. Its
capacity is where more arrivals bring no more answers; then requests arrive at 0.8, 1, 2 and 5 times that, by
benchmarks/arrivals.py, with a probe of /health/live twenty times a second. With --nginx they come through it, by
deploy/nginx.conf; for the slow model it lets in as many as the workers do, as the comment there advises.
The generator is calibrated first, at the highest of those rates, against an echo on the keep-alive worker: its lag
there is how late it is by itself, and its share of the processors is what the server lacks.
"""

import argparse
import contextlib
import json
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks.arrivals import Call, post, run
from benchmarks.support.nginx import behind_nginx
from benchmarks.support.serving import gunicorn, live_server
from service.packing import pack
from service.scheduling.admission import RESERVED_THREADS

LOADS = (0.8, 1.0, 2.0, 5.0)
COMPILED_LOADS = LOADS[:3]  # at 5 times the capacity of a graph, the generator would be what is overloaded
PREDICT, ECHO, LIVE = "/v1/models/tumour:predict", "/echo", "/health/live"
WORKERS, THREADS = 2, 8
PLACES = WORKERS * (THREADS - RESERVED_THREADS)  # the predictions that all workers together let in
STEP = 1.5  # from one rate to the next, while capacity is looked for
MOST_LAG = 100.0  # ms that the generator itself may be late
PROBES = 20  # a second


def store_and_body(folder, compiled):
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    if compiled:
        pack(make_pipeline(StandardScaler(), SVC()).fit(X, y), X, y, name="tumour", store=folder)
    else:
        forest = RandomForestClassifier(200, random_state=0).fit(X, y)
        pack(forest, X, y, name="tumour", store=folder, runtime="sklearn")
    return json.dumps({"instances": X.head(1).to_dict("records")}).encode()


def capacity(server, body, seconds):
    """Predictions a second at the most: the arrivals grow until more of them bring no more answers."""
    most, rate = 0.0, 25.0
    while True:
        found = load(server, post(PREDICT, body), rate, seconds)
        if found["goodput"] < 1.1 * most or found["lag_p99_ms"] > MOST_LAG:
            return max(most, found["goodput"])
        most, rate = found["goodput"], rate * STEP


def percentile(values, share):
    found = sorted(values)
    return found[min(len(found) - 1, int(share * len(found)))] * 1000 if found else 0.0


def load(server, request, rate, seconds):
    """One run: what a caller sees, in milliseconds and requests a second."""
    where = urlsplit(server)
    calls = {"predict": Call(request, rate), "live": Call(post(LIVE, b"", method="GET"), PROBES, regular=True)}
    began, own = time.perf_counter(), time.process_time()
    found, lost = run(where.hostname, where.port, calls, seconds)
    share = (time.process_time() - own) / (time.perf_counter() - began)
    accepted = [one for one in found["predict"] if one.status == 200]
    refused = [one for one in found["predict"] if one.status in (429, 503)]
    return {
        "offered": round(len(found["predict"]) / seconds, 1),
        "goodput": round(len(accepted) / seconds, 1),
        "p50_ms": round(percentile([one.seconds for one in accepted], 0.5), 1),
        "p99_ms": round(percentile([one.seconds for one in accepted], 0.99), 1),
        "refused": len(refused),
        "refusal_p99_ms": round(percentile([one.seconds for one in refused], 0.99), 1),
        "refusal_max_ms": round(percentile([one.seconds for one in refused], 1.0), 1),
        "without_retry_after": sum(one.retry_after < 1 for one in refused),
        "others": len(found["predict"]) - len(accepted) - len(refused) + lost,
        "live_max_ms": round(percentile([one.seconds for one in found["live"]], 1.0), 1),
        "lag_p99_ms": round(percentile([one.lag for one in found["predict"]], 0.99), 1),
        "generator_cores": round(share, 2),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--worker", default="")
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--nginx", action="store_true")
    options = parser.parse_args()
    told = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        store = Path(folder, "store")
        body = store_and_body(store, options.compiled)
        asked = {"workers": WORKERS, "threads": THREADS, "env": {"WORKER_CLASS": options.worker}}
        if options.nginx:
            changes = [] if options.compiled else [("limit_conn instance 128", f"limit_conn instance {PLACES}")]
            _, server = stack.enter_context(behind_nginx(store, Path(folder), changes, **asked))
        else:
            server = stack.enter_context(live_server(store, **asked))
        loads = COMPILED_LOADS if options.compiled else LOADS
        most = capacity(server, body, min(options.seconds, 10) / 2)
        echo = {"WORKER_CLASS": "service.server.keepalive_worker.KeepAliveWorker"}
        with live_server(store, workers=1, env=echo, command=gunicorn("tests.support.worker_app:app")) as plain:
            where, rate = urlsplit(plain), max(loads) * most
            answers, _ = run(where.hostname, where.port, {"echo": Call(post(ECHO, body), rate)}, options.seconds / 2)
            late = percentile([one.lag for one in answers["echo"]], 0.99)
            took = percentile([one.seconds for one in answers["echo"]], 0.99)
        print(
            f"capacity {most:.0f}/s; the generator alone at {rate:.0f}/s: lag p99 {late:.1f} ms, echo p99 {took:.1f} ms"
        )
        for share in loads:
            found = told[f"{share:g}x"] = load(server, post(PREDICT, body), share * most, options.seconds)
            print(f"{share:3.1f}x  " + "  ".join(f"{name} {value:g}" for name, value in found.items()))
    peak = max(one["goodput"] for one in told.values())
    for share in loads[2:]:
        found = told[f"{share:g}x"]
        ratio, slower = found["goodput"] / peak, found["p99_ms"] / told["0.8x"]["p99_ms"]
        print(f"{share:g}x: goodput {ratio:.0%} of the peak, p99 of accepted {slower:.1f} times that at 0.8x")
    print(json.dumps({"benchmark": "overload", "seconds": options.seconds, "capacity": round(most, 1), "loads": told}))


if __name__ == "__main__":
    main()
