"""This checkout beside another one, with the settings that each has by itself: texts, tables, both, memory, start.

    python -m benchmarks.releases ../other --rounds 3 --callers 1 4 16 64

Both checkouts have their `.venv` and their demo models (`make install artifacts`). They are started and asked in turns;
what is printed are medians over the rounds. The model writes greedily, to 64 tokens a text; a table is one row by name.
"""

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from benchmarks.support.nginx import free_port
from benchmarks.support.serving import OWN_SETTINGS, ROOT

TOKENS = 64
TEXT_SECONDS, TABLE_SECONDS = 12, 4
STREAMS = 4  # that are written beside the tables


@contextlib.contextmanager
def serving(root, log):
    """A server of this checkout, as `make serve` starts it: (its URL, its master's process id, seconds to ready)."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not OWN_SETTINGS.fullmatch(name)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a start with bytecode is what users see
    began = time.monotonic()
    process = subprocess.Popen(
        [root / ".venv" / "bin" / "python", "-m", "gunicorn", "--config", "gunicorn.conf.py"],
        cwd=root,
        env=environment | {"PORT": str(port)},
        stdout=log,
        stderr=log,
        process_group=0,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while not ready(url):
            assert process.poll() is None, "the server ended"
            time.sleep(0.01)
        yield url, process.pid, time.monotonic() - began
        process.send_signal(signal.SIGTERM)
        process.wait(90)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def ready(url):
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{url}/health/ready", timeout=10).ok
    return False


def texts(url, callers, seconds):
    """(tokens a second of all callers, requests that were refused)."""
    ends, refused = time.monotonic() + seconds, []

    def ask(number):
        written, turn = 0, 0
        with requests.Session() as session:
            while time.monotonic() < ends:
                turn += 1
                asked = {"model": "smollm2", "prompt": f"Caller {number}, turn {turn}: once", "max_tokens": TOKENS}
                answer = session.post(f"{url}/v1/completions", json=asked | {"temperature": 0}, timeout=300)
                if answer.status_code == 200:
                    written += answer.json()["usage"]["completion_tokens"]
                else:
                    refused.append(answer.status_code)
                    time.sleep(0.1)
        return written

    began = time.monotonic()
    with ThreadPoolExecutor(callers) as pool:
        written = sum(pool.map(ask, range(callers)))
    return written / (time.monotonic() - began), len(refused)


def tables(url, seconds, pause=0.005):
    """Sorted milliseconds of one row after the other, by one caller who pauses in between."""
    row = requests.get(f"{url}/v1/models/tumour", timeout=10).json()["example"]["instances"][0]
    body, taken = json.dumps({"instances": [row]}), []
    ends = time.monotonic() + seconds
    with requests.Session() as session:
        while time.monotonic() < ends:
            began = time.perf_counter()
            answer = session.post(f"{url}/v1/models/tumour:predict", data=body, timeout=30)
            taken.append(1000 * (time.perf_counter() - began))
            assert answer.status_code == 200, answer.text
            time.sleep(pause)
    return sorted(taken)


def tables_beside_streams(url, seconds):
    stop = threading.Event()

    def write():
        asked = {"model": "smollm2", "prompt": "Once upon a time", "max_tokens": 512, "temperature": 0}
        asked |= {"stream": True, "ignore_eos": True}
        while not stop.is_set():
            with requests.post(f"{url}/v1/completions", json=asked, stream=True, timeout=300) as answer:
                for _ in answer.iter_lines():
                    if stop.is_set():
                        return

    writers = [threading.Thread(target=write) for _ in range(STREAMS)]
    for writer in writers:
        writer.start()
    time.sleep(2)
    taken = tables(url, seconds)
    stop.set()
    for writer in writers:
        writer.join()
    return taken


def private_megabytes(master):
    """Of the master and all its descendants: what each has for itself, and its share of what is shared."""
    pids = [master]
    for pid in pids:  # it grows meanwhile
        pids += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    kilobytes = 0
    for pid in pids:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        kilobytes += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 1000


def measure(root, callers, log):
    """One round of one checkout: {what: number}."""
    found = {}
    with serving(root, log) as (url, master, seconds):
        found["start, s"] = seconds
        idle = tables(url, TABLE_SECONDS)
        found["table idle p50, ms"], found["table idle p99, ms"] = at(idle, 0.5), at(idle, 0.99)
        found["tables/s, one caller"] = len(tables(url, TABLE_SECONDS, pause=0)) / TABLE_SECONDS
        for count in callers:
            speed, refused = texts(url, count, TEXT_SECONDS)
            found[f"tokens/s, {count} callers"], found[f"refused, {count} callers"] = speed, refused
        beside = tables_beside_streams(url, TABLE_SECONDS)
        found["table beside texts p50, ms"], found["table beside texts p99, ms"] = at(beside, 0.5), at(beside, 0.99)
        found["memory, MB"] = private_megabytes(master)
    return found


def at(taken, share):
    return taken[int(share * (len(taken) - 1))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("other", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--callers", type=int, nargs="*", default=[1, 4, 16, 64])
    options = parser.parse_args()
    roots = {"other": options.other.resolve(), "this": ROOT}
    rounds = {name: [] for name in roots}
    for _ in range(options.rounds):
        for name, root in roots.items():
            rounds[name].append(measure(root, options.callers, subprocess.DEVNULL))
    for what in rounds["this"][0]:
        other, this = (statistics.median(found[what] for found in rounds[name]) for name in roots)
        print(f"{what:28} other {other:9.2f}  this {this:9.2f}  ratio {this / other if other else float('nan'):.3f}")


if __name__ == "__main__":
    main()
