"""Tables and texts in one instance or in two: memory, and what a prediction waits beside texts that are being written.

    python -m benchmarks.placement --seconds 3 --rounds 3

Each placement is started, then a client asks for one row after the other, in turns while nothing else happens and
while `--streams` texts are written. The last line is one JSON document. Needs wrk.
"""

import argparse
import contextlib
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from time import perf_counter

from benchmarks.peers.rivals import HERE as PEERS
from benchmarks.support.serving import gunicorn, live_server
from benchmarks.text.asking import ask
from benchmarks.text.prompts import PROMPTS
from service.settings import Settings, cores
from service.store.versions import Store

TABLES, TEXTS = {"workers": cores(), "threads": 8}, {"workers": 1, "threads": 20}
# Name -> the instances: (what it serves, by kind; how it runs). The first serves tables, the last one texts.
PLACEMENTS = {
    "one instance, a worker a core": [("", TABLES)],
    "one instance, one worker": [("", TEXTS)],
    "two instances": [("tabular", TABLES), ("text_generation", TEXTS)],
    "two instances, texts give way": [
        ("tabular", TABLES),
        ("text_generation", TEXTS | {"command": ["nice", "-n", "10", *gunicorn()]}),
    ],
}


def started(stack, store, kind, options):
    models = [name for name in Store(store).models() if kind in ("", Store(store).open(name).manifest.kind)]
    return stack.enter_context(live_server(store, env={"DAYLIGHT_MODELS": ",".join(models)}, **options))


def memory(servers):
    """MB that are private to the processes of all servers, together."""
    total = 0
    for pid in (pid for server in servers for pid in (server.pid, *server.workers())):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Private_"):
                total += int(line.split()[1]) / 1e3
    return round(total)


def one_row(url, model, body, seconds):
    """wrk's figures of one client that asks for one row after the other."""
    command = ["wrk", "-t1", "-c1", f"-d{seconds}s", "--timeout", "30s", "-s", str(PEERS / "post.lua")]
    said = subprocess.run(
        [*command, f"{url}/v1/models/{model}:predict", "--", str(body)], check=True, capture_output=True, text=True
    ).stdout
    return json.loads(said.splitlines()[-1])


@contextlib.contextmanager
def writing(url, model, streams, rates):
    """`streams` texts are being written all the time; how many tokens a second that were, is put into `rates`."""
    over, written, began = threading.Event(), [], perf_counter()
    port = int(url.rpartition(":")[2])

    def write(place):
        while not over.is_set():
            asked = {"model": model, "prompt": PROMPTS[place], "max_tokens": 32, "temperature": 0, "ignore_eos": True}
            asked |= {"stream": True, "stream_options": {"include_usage": True}}
            written.append(ask("stream", port, asked).tokens)

    writers = [threading.Thread(target=write, args=(place,)) for place in range(streams)]
    for writer in writers:
        writer.start()
    try:
        yield
    finally:
        over.set()
        for writer in writers:
            writer.join()
        rates.append(sum(written) / (perf_counter() - began))


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.placement", description=__doc__.partition("\n")[0])
    parser.add_argument("--store", type=Path, default=Settings.from_environ().store)
    parser.add_argument("--table", default="tumour")
    parser.add_argument("--text", default="smollm2")
    parser.add_argument("--streams", type=int, default=4)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is missing; install it: apt-get install wrk")
    told = {}
    print(f"{'':32} private MB   tokens/s   p50/p99 ms idle   p50/p99 ms beside {options.streams} texts")
    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder, "body.json")
        example = Store(options.store).open(options.table).manifest.example["instances"][:1]
        body.write_text(json.dumps({"instances": example}))
        for name, instances in PLACEMENTS.items():
            with contextlib.ExitStack() as stack:
                servers = [started(stack, options.store.resolve(), *instance) for instance in instances]
                idle, busy, rates = [], [], []
                for _ in range(options.rounds):
                    idle.append(one_row(servers[0], options.table, body, options.seconds))
                    with writing(servers[-1], options.text, options.streams, rates):
                        busy.append(one_row(servers[0], options.table, body, options.seconds))
                told[name] = {"private_mb": memory(servers), "tokens_s": statistics.median(rates)}
            for state, figures in (("idle", idle), ("busy", busy)):
                told[name][state] = {
                    key: statistics.median(one[key] for one in figures) for key in ("p50_ms", "p99_ms")
                }
            shown = [
                f"{told[name][state]['p50_ms']:.1f} / {told[name][state]['p99_ms']:.1f}" for state in ("idle", "busy")
            ]
            rest = f"{told[name]['private_mb']:10} {told[name]['tokens_s']:10.0f}"
            print(f"{name:32} {rest} {shown[0]:>17} {shown[1]:>17}", flush=True)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
