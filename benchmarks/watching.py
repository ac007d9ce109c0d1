"""What watching costs: requests/s of the fast path with drift, and with the prediction log, at a share and whole.

    python -m benchmarks.watching        (needs wrk)

The servers run one worker each and get the same bytes: one row of 30 numbers for a support vector machine behind a
scaler, in turns, so that a machine that slows down slows all of them. Ratios are medians over the rounds of the ratio
within a round.
"""

import contextlib
import json
import os
import shutil
import statistics
import tempfile
from pathlib import Path

from benchmarks.http import PREDICT, load, script, store_and_body
from benchmarks.support.serving import live_server

ROUNDS = 15
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
BARE, DRIFT, TRACED = "nothing", "drift", "and traceparent"


def ways(folder):
    """{name: settings} of the servers."""
    log = {"DAYLIGHT_PREDICTION_LOG": str(Path(folder, "log"))}
    return {
        BARE: {"DAYLIGHT_DRIFT_ROWS": "0"},
        DRIFT: {},
        TRACED: {},
        "and log at 10 %": log | {"DAYLIGHT_PREDICTION_LOG_SHARE": "0.1"},
        "and log at 100 %": log,
    }


def main():
    if not shutil.which("wrk"):
        raise SystemExit("wrk is missing; install it: apt-get install wrk")
    found = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        store = Path(folder, "store")
        lua = script(folder, store_and_body(store))
        traced = Path(folder, "traced.lua")
        traced.write_text(lua.read_text() + f'wrk.headers["traceparent"] = "{TRACE}"\n')
        servers = {name: stack.enter_context(live_server(store, env=env)) for name, env in ways(folder).items()}
        for number in range(ROUNDS + 1):
            for name, server in servers.items():
                taken = load(server, PREDICT, lua if name in (BARE, DRIFT) else traced)
                if number:
                    found.setdefault(name, []).append(taken)
    told = {}
    print("one row, 16 kept connections, 1 worker")
    print(f"  {'':24} {'requests/s':>10} {'p99 ms':>8} {'CPU us':>8} {'of the first':>12}")
    for name, rounds in found.items():
        rate, slowest, used = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratio = statistics.median(mine[0] / bare[0] for mine, bare in zip(rounds, found[BARE], strict=True))
        print(f"  {name:24} {rate:10.0f} {slowest:8.1f} {used:8.0f} {ratio:12.3f}")
        told[name] = {"requests_per_second": round(rate), "p99_ms": slowest, "cpu_us": round(used), "ratio": ratio}
    print(json.dumps({"benchmark": "watching", "ways": told, "cores": len(os.sched_getaffinity(0))}))


if __name__ == "__main__":
    main()
