"""Drift is summed over the workers of a real server, those that have been replaced included."""

import os
import re
import signal

import requests

from benchmarks.support.serving import eventually, live_server

V1 = "/v1/models/iris:predict"
FEWEST, WINDOW = 300, 1000  # rows: as many as several workers answer; the default of DAYLIGHT_DRIFT_ROWS


def number(server, metric):
    text = requests.get(f"{server}/metrics", timeout=10).text
    found = re.search(rf'^{metric}{{model="iris"}} (.*)$', text, re.MULTILINE)
    return float(found[1]) if found else 0


def test_rows_of_all_workers_are_added_up_and_those_of_ended_ones_stay(tabular_store):
    """Each worker is replaced after about sixty requests, and counts what still waits; then both are killed."""
    with live_server(tabular_store, workers=2, env={"MAX_REQUESTS": "60"}) as server:
        first, asked = set(server.workers()), 0
        while asked < FEWEST or first & set(server.workers()):  # one of them may get most of the requests
            assert asked < WINDOW, "a worker of the start is still there"
            body = {"instances": [[5.0 + asked % 7 / 10, 3.5, 1.4, 0.2]]}
            assert requests.post(f"{server}{V1}", json=body, timeout=30).ok
            asked += 1
        # Each worker adds rows to the window first, and then to its counter.
        counted = ("daylight_drift_rows", "daylight_drift_counted_rows_total")
        eventually(lambda: [number(server, one) for one in counted] == [asked, asked], what="all rows being counted")
        assert number(server, "daylight_drift_skipped_rows_total") == 0
        killed = server.workers()
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: len(set(server.workers()) - set(killed)) == 2, what="two new workers")
        eventually(lambda: requests.get(f"{server}/health/ready", timeout=10).ok, what="readiness")
        assert number(server, "daylight_drift_rows") == asked
