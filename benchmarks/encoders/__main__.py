"""Embeddings beside ONNX Runtime by hand, sentence-transformers and fastembed, each under FastAPI, and infinity-emb.

Requests a second, in turns; then the memory of Daylight's processes, and a table's latency beside 16 embedding clients.

    python -m benchmarks.encoders MINILM            # the folder of all-MiniLM-L6-v2, from its wheel
    python -m benchmarks.encoders MINILM --rounds 5 --only onnx_fastapi

Answers are compared before anything is timed. The last line is JSON.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPException
from pathlib import Path

from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from benchmarks.encoders.asking import Server
from benchmarks.encoders.neighbors import beside, memory
from benchmarks.peers.environments import CannotServe, install, programs, reason
from benchmarks.peers.processes import Processes, processor_time
from benchmarks.peers.rivals import inherited
from benchmarks.support.nginx import free_port
from benchmarks.support.serving import eventually, live_server
from service.packing import pack
from service.packing.encoder import pack_encoder

HERE = Path(__file__).parent
# How each is started in its environment, and where it embeds.
FASTAPI = ("python", "-m", "uvicorn", "server:app", "--port", "{port}", "--log-level", "warning")
INFINITY = ("infinity_emb", "v2", "--model-id", "{checkpoint}", "--served-model-name", "minilm", "--engine", "torch")
RIVALS = {
    "onnx_fastapi": (FASTAPI, "/embed"),
    "sentence_transformers": (FASTAPI, "/embed"),
    "fastembed": (FASTAPI, "/embed"),
    "infinity_emb": ((*INFINITY, "--device", "cpu", "--port", "{port}", "--log-level", "warning"), "/embeddings"),
}
WORDS = ("harbour", "quiet", "ferry", "came", "two", "men", "yellow", "caught", "ropes", "made", "them", "fast", "rain")


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


@contextmanager
def rival(name, version, checkpoint, logs):
    install(name, lists=HERE)
    port = free_port()
    (program, *arguments), route = RIVALS[name]
    command = [str(programs(name) / program), *(each.format(port=port, checkpoint=checkpoint) for each in arguments)]
    env = {**inherited(), "PEER_VERSION": str(version), "PEER_CHECKPOINT": str(checkpoint), "HF_HUB_OFFLINE": "1"}
    env |= {"PEER_FASTEMBED": str(both(version, checkpoint, logs / "fastembed")), "DO_NOT_TRACK": "1"}
    server = Server(f"http://127.0.0.1:{port}{route}", {"model": "minilm"} if name == "infinity_emb" else {})

    with Processes(command, cwd=HERE / name, env=env, log=logs / f"{name}.log") as processes:

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
        server.cpu = processes.cpu
        yield server


def both(version, checkpoint, folder):
    """A folder with the checkpoint's files and the version's graph; links are not followed to weights elsewhere."""
    folder.mkdir(exist_ok=True)
    for path in (*checkpoint.glob("*.json"), *version.glob("model.onnx*")):
        shutil.copy(path, folder)
    return folder


def check(servers):
    """The same vectors from all, for texts of every scenario."""
    texts = [text for requests, _ in SCENARIOS.values() for texts in requests[:4] for text in texts]
    expected = servers["daylight"].ask(texts)
    for name, server in servers.items():
        cosines = (server.ask(texts) * expected).sum(axis=1)
        assert cosines.min() > 0.999999, f"{name} answers otherwise: a cosine of {cosines.min()}"


def measured(servers, rounds):
    """{scenario: {server: (requests a second, milliseconds of processor time a request)}}: medians of rounds in which
    all take turns.
    """
    found = {scenario: {name: [] for name in servers} for scenario in SCENARIOS}
    for number in range(rounds + 1):
        for scenario, (requests, clients) in SCENARIOS.items():
            for name, server in servers.items():
                rate, seconds = server.rate(requests, clients)
                if number:  # the first round warms up
                    found[scenario][name].append((rate, seconds * 1000))
    return {
        scenario: {name: tuple(map(statistics.median, zip(*told, strict=True))) for name, told in each.items()}
        for scenario, each in found.items()
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
        X, y = load_iris(return_X_y=True)
        pack(LogisticRegression(max_iter=1000).fit(X, y), X, y, name="iris", store=folder / "store")
        url = stack.enter_context(live_server(folder / "store", workers=2, threads=16))
        cpu = partial(processor_time, url.pid)
        servers = {"daylight": Server(f"{url}/v1/embeddings", {"model": "minilm"}, cpu=cpu)}
        for name in options.only or RIVALS:
            try:
                servers[name] = stack.enter_context(rival(name, version.folder, options.checkpoint.resolve(), folder))
            except CannotServe as error:
                print(f"{name} {error}", file=sys.stderr)
        check(servers)
        rates = measured(servers, options.rounds)
        weight = memory(url, version)
        tables = Server(f"{url}/v1/models/iris:predict", {}, "instances")
        mixed, _ = SCENARIOS["128 tokens, 16 clients"]
        latency = beside(tables, X[:1].tolist(), servers["daylight"], mixed)
    for scenario, each in rates.items():
        print(scenario)
        rate, spent = each["daylight"]
        for name, (other, more) in each.items():
            told = f"daylight / {name}: {rate / other:.2f}, of processor time {more / spent:.2f}"
            print(f"  {name:22} {other:9.1f} requests/s {more:8.2f} ms of processor time   {told}")
    print(", ".join(f"{name} {size:.1f}" for name, size in weight.items()))
    print("a table's row: " + "; ".join(f"{when} {latency[when]}" for when in ("idle_ms", "beside_ms")))
    told = {"benchmark": "encoders", "per_second_and_cpu_ms": rates, "memory": weight, "tables": latency}
    print(json.dumps(told | {"cores": len(os.sched_getaffinity(0)), "load": os.getloadavg()}))


if __name__ == "__main__":
    main()
