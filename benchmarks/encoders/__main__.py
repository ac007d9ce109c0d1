"""Embeddings beside ONNX Runtime by hand and sentence-transformers, each under FastAPI: requests a second, in turns.

    python -m benchmarks.encoders MINILM            # the folder of all-MiniLM-L6-v2, from its wheel
    python -m benchmarks.encoders MINILM --rounds 5 --only onnx_fastapi

Answers are compared before anything is timed. The last line is JSON.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import numpy as np

from benchmarks.peers.environments import CannotServe, install, programs, reason
from benchmarks.peers.processes import Processes
from benchmarks.peers.rivals import inherited
from benchmarks.support.nginx import free_port
from benchmarks.support.serving import eventually, live_server
from service.packing.encoder import pack_encoder

HERE = Path(__file__).parent
RIVALS = ("onnx_fastapi", "sentence_transformers")
WORDS = ("harbour", "quiet", "ferry", "came", "two", "men", "yellow", "caught", "ropes", "made", "them", "fast", "rain")
SECONDS = 3.0  # of one measurement


def text(tokens, seed):
    """So many tokens of MiniLM's, its two marks among them: each of these words is one."""
    chosen = random.Random(seed)
    return " ".join(chosen.choice(WORDS) for _ in range(tokens - 2))


SCENARIOS = {
    **{
        f"{tokens} tokens, {clients} clients": ([[text(tokens, seed)] for seed in range(64)], clients)
        for tokens in (16, 128)
        for clients in (1, 16)
    },
    "64 mixed texts, 1 client": ([[text(random.Random(seed).randint(3, 200), seed) for seed in range(64)]], 1),
}


class Server:
    """url: of its route. ask(texts): the vectors."""

    def __init__(self, url, extra):
        self.parts, self.extra = urlsplit(url), extra

    def connection(self):
        return HTTPConnection(self.parts.hostname, self.parts.port, timeout=120)

    def post(self, connection, texts):
        body = json.dumps({"input": texts, **self.extra})
        connection.request("POST", self.parts.path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content[:500]
        return content

    def ask(self, texts):
        found = json.loads(self.post(self.connection(), texts))
        return np.array([each["embedding"] for each in found["data"]] if isinstance(found, dict) else found)

    def rate(self, requests, clients):
        """Requests a second, of so many clients that each ask again as soon as they are answered."""
        counts, until = [0] * clients, monotonic() + SECONDS

        def work(place):
            connection = self.connection()
            while monotonic() < until:
                self.post(connection, requests[(place + counts[place]) % len(requests)])
                counts[place] += 1

        began = monotonic()
        with ThreadPoolExecutor(clients) as threads:
            list(threads.map(work, range(clients)))  # which raises what any of them raised
        return sum(counts) / (monotonic() - began)


@contextmanager
def rival(name, version, checkpoint, logs):
    install(name, lists=HERE)
    port = free_port()
    command = [programs(name) / "python", "-m", "uvicorn", "server:app", "--port", str(port), "--log-level", "warning"]
    env = {**inherited(), "PEER_VERSION": str(version), "PEER_CHECKPOINT": str(checkpoint), "HF_HUB_OFFLINE": "1"}
    server = Server(f"http://127.0.0.1:{port}/embed", {})

    with Processes(list(map(str, command)), cwd=HERE / name, env=env, log=logs / f"{name}.log") as processes:

        def answers():
            if processes.ended:
                raise CannotServe(f"does not start: {reason(processes.said())}")
            try:
                return server.ask(["ready?"]) is not None
            except (OSError, HTTPException):
                return False

        try:
            eventually(answers, what=name)
        except AssertionError as error:
            raise CannotServe(f"gives no answer: {error}: {reason(processes.said())}") from None
        yield server


def check(servers):
    """The same vectors from all, for texts of every scenario."""
    texts = [text for requests, _ in SCENARIOS.values() for texts in requests[:4] for text in texts]
    expected = servers["daylight"].ask(texts)
    for name, server in servers.items():
        cosines = (server.ask(texts) * expected).sum(axis=1)
        assert cosines.min() > 0.999999, f"{name} answers otherwise: a cosine of {cosines.min()}"


def measured(servers, rounds):
    """{scenario: {server: requests a second}}: medians of rounds in which all take turns."""
    found = {scenario: {name: [] for name in servers} for scenario in SCENARIOS}
    for number in range(rounds + 1):
        for scenario, (requests, clients) in SCENARIOS.items():
            for name, server in servers.items():
                rate = server.rate(requests, clients)
                if number:  # the first round warms up
                    found[scenario][name].append(rate)
    return {
        scenario: {name: statistics.median(rates) for name, rates in each.items()} for scenario, each in found.items()
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", choices=RIVALS)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        version = pack_encoder(options.checkpoint, name="minilm", store=folder / "store")
        url = stack.enter_context(live_server(folder / "store", workers=2, threads=16))
        servers = {"daylight": Server(f"{url}/v1/embeddings", {"model": "minilm"})}
        for name in options.only or RIVALS:
            try:
                servers[name] = stack.enter_context(rival(name, version.folder, options.checkpoint.resolve(), folder))
            except CannotServe as error:
                print(f"{name} {error}", file=sys.stderr)
        check(servers)
        rates = measured(servers, options.rounds)
    for scenario, each in rates.items():
        print(scenario)
        for name, rate in each.items():
            print(f"  {name:22} {rate:9.1f} requests/s   daylight / {name}: {each['daylight'] / rate:.2f}")
    print(json.dumps({"benchmark": "encoders", "requests_per_second": rates, "cores": len(os.sched_getaffinity(0))}))


if __name__ == "__main__":
    main()
