"""Memory after a million requests: the worker is as large as it was after the first tenth.

FAULTS_REQUESTS=100000 pytest -m heavy -s tests/faults/test_memory.py
"""

import json
import os
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sklearn.datasets import load_iris

from benchmarks.support.serving import live_server
from tests.support.workers import GTHREAD, KEEP_ALIVE

pytestmark = pytest.mark.heavy

REQUESTS = int(os.environ.get("FAULTS_REQUESTS", "1000000"))
WARM = 10  # by a tenth of them everything has been used once, and caches are full
MOST_GROWTH = 0.02


def request(number):
    """One of many different ones: predictions of several rows and forms, and one in sixteen that is refused."""
    rows = load_iris().data[number : number + 1 + number % 3].tolist()
    body = json.dumps({"instances": [["x"]] if number % 16 == 0 else rows}).encode()
    head = f"POST /v1/models/iris:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def ask(url, count):
    """So many requests over one kept connection, each sent when the one before is answered."""
    where = urlsplit(url)
    asked = [request(number) for number in range(48)]
    with socket.create_connection((where.hostname, where.port), timeout=60) as sock, sock.makefile("rb") as answers:
        for number in range(count):
            sock.sendall(asked[number % len(asked)])
            status, length = int(answers.readline()[9:12]), 0
            while (line := answers.readline()) != b"\r\n":
                if line[:15].lower() == b"content-length:":
                    length = int(line[15:])
            answers.read(length)
            assert status == (422 if number % 16 == 0 else 200), status


def kilobytes(pid):
    """(all, private) memory of a process that is in RAM."""
    told = Path(f"/proc/{pid}/smaps_rollup").read_text().split("\n")
    found = {line.split(":")[0]: int(line.split()[1]) for line in told[1:] if line}
    return found["Rss"], found["Private_Clean"] + found["Private_Dirty"]


# gthread needs three times as long for each, so it gets a fifth of them.
@pytest.mark.parametrize(
    ("env", "count"), [(KEEP_ALIVE, REQUESTS), (GTHREAD, REQUESTS // 5)], ids=["keep-alive", "gthread"]
)
def test_memory_does_not_grow_with_requests(tabular_store, env, count):
    with live_server(tabular_store, workers=1, env=env) as server:
        (worker,) = server.workers()
        ask(server, count // WARM)
        first = kilobytes(worker)
        began = time.monotonic()
        ask(server, count - count // WARM)
        rate = (count - count // WARM) / (time.monotonic() - began)
        last = kilobytes(worker)
        assert server.workers() == [worker]
    growth = last[0] / first[0] - 1
    print(f"{count:,} requests, {rate:,.0f}/s: after a tenth RSS {first[0]:,} KB, private {first[1]:,}")
    print(f"at the end {last[0]:,} KB ({growth:+.2%}), private {last[1]:,}")
    assert growth < MOST_GROWTH
