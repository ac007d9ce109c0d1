"""Tokens a second of the text engine, against transformers' own `generate`, in one process, in turns.

    python -m benchmarks.text_engine --rows 1 4 16 --tokens 24
    python -m benchmarks.text_engine --alone --bandwidth --joins

One row is compared with one `generate`; many rows with `generate` of one prompt after the other,
which is what a server around it does, and with `generate` of all of them as one padded batch.
--bandwidth: the weights that one row reads in a second, beside what this machine can read.
--joins: how long 16 rows wait for their next token while prompts of 500 tokens join them.
The last line is one JSON document.
"""

import argparse
import json
import statistics
import threading
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import torch

from service import models
from service.generation.params import SamplingParams
from service.models.checkpoints import read_network
from service.settings import Settings
from service.store.versions import Store

STREAMS, JOINING, LONG = 16, 3, 500  # rows that are timed, prompts that join them, tokens of each
CALM = 30  # steps before the first of them joins
PROMPT = 16  # tokens, the same number for every row so that the padded batch needs no padding


def engine_seconds(model, prompts, tokens):
    params = SamplingParams(max_tokens=tokens, temperature=0, ignore_eos=True)
    began = perf_counter()
    running = [model.engine.generate(ids, params) for ids in prompts]
    for sequence in running:
        sequence.start()
    for sequence in running:
        assert len(list(sequence)) == tokens
    return perf_counter() - began


def generate_seconds(network, prompts, tokens):
    ids = torch.tensor(prompts)
    began = perf_counter()
    network.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=tokens,
        min_new_tokens=tokens,
        do_sample=False,
        pad_token_id=0,
    )
    return perf_counter() - began


def machine_bandwidth(threads):
    """Bytes a second that this machine reads from memory with so many threads: the best of several passes."""
    torch.set_num_threads(threads)
    array = torch.ones(2**28)

    def once():
        began = perf_counter()
        array.sum()
        return array.nbytes / (perf_counter() - began)

    return max(once() for _ in range(10))


def weight_bytes(version):
    """What a step reads of float32 weights: all of them, but of a table of embeddings no more than a line."""
    config = json.loads((version.folder / "config.json").read_text())
    stored = (version.folder / version.manifest.spec["weights"]).stat().st_size
    tied = config.get("tie_word_embeddings")  # then the table is the last layer, too
    return stored - (0 if tied else 4 * config["vocab_size"] * config["hidden_size"])


def step_seconds(model, steps=60, window=10):
    """Of one row: the time between two of its tokens, in its best ten steps."""
    params = SamplingParams(max_tokens=steps, temperature=0, ignore_eos=True)
    times = [perf_counter() for _ in model.engine.generate(list(range(1, 1 + PROMPT)), params)]
    return min(after - before for before, after in zip(times, times[window:], strict=False)) / window


def waits_while_prompts_join(model):
    """Seconds between two tokens of the rows, in two lists: before, and while one prompt after another joins them."""
    params = SamplingParams(max_tokens=1000, temperature=0, ignore_eos=True)
    rows = [[1 + (7 * row + place) % 1000 for place in range(PROMPT)] for row in range(STREAMS)]
    running = [model.engine.generate(ids, params) for ids in rows]
    for sequence in running:
        next(sequence)
    times = [[] for _ in running]

    def read(sequence, moments):
        moments.extend(perf_counter() for _ in sequence)

    threads = [threading.Thread(target=read, args=pair) for pair in zip(running, times, strict=True)]
    for thread in threads:
        thread.start()
    list(model.engine.generate([1], SamplingParams(max_tokens=CALM, temperature=0, ignore_eos=True)))
    began = perf_counter()
    for number in range(JOINING):
        ids = [1 + (11 * number + 3 * place) % 5000 for place in range(LONG)]
        list(model.engine.generate(ids, SamplingParams(max_tokens=4, temperature=0, ignore_eos=True)))
    for sequence, thread in zip(running, threads, strict=True):
        sequence.close()
        thread.join()
    pairs = [pair for moments in times for pair in pairwise(moments)]
    return tuple([after - before for before, after in pairs if (after > began) == joins] for joins in (False, True))


def memory():
    """Proportional and private memory of this process, in MB."""
    lines = [line.split() for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]]
    found = {name.rstrip(":"): int(size) // 1024 for name, size, *_ in lines}
    return {"pss": found["Pss"], "private": found["Private_Dirty"] + found["Private_Clean"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--store", type=Path, default=Settings.from_environ().store)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--version", help="of the engine's side (default: the current one)")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", action="store_true", help="the engine only, and its memory")
    parser.add_argument("--bandwidth", action="store_true", help="weights read a second by one row")
    parser.add_argument("--joins", action="store_true", help="waits of 16 rows while long prompts join")
    options = parser.parse_args()

    before = memory()
    version = Store(options.store).open(options.model, options.version)
    began = perf_counter()
    model = models.load(version, Settings(workers=1, prefix_bytes=0, slots=STREAMS + 1))
    model.warm_up()
    loaded = perf_counter() - began
    after = memory()
    told = {"load_seconds": round(loaded, 2), "memory_mb": {key: after[key] - before[key] for key in after}, "rows": {}}
    print(f"{version}: loaded and warm in {loaded:.1f} s, {told['memory_mb']} MB")
    if options.bandwidth:
        # In turns: a neighbour that takes memory from one of them takes it from the other.
        threads = Settings().engine_threads
        pairs = [
            (machine_bandwidth(threads), weight_bytes(version) / step_seconds(model)) for _ in range(options.rounds)
        ]
        machine, engine = (statistics.median(one) for one in zip(*pairs, strict=True))
        told["bandwidth"] = {"machine": round(machine / 1e9, 1), "engine": round(engine / 1e9, 1)}
        print(f"one row reads {engine / 1e9:.1f} GB/s of weights: {engine / machine:.0%} of {machine / 1e9:.1f} GB/s")
    if options.joins:
        calm, waits = waits_while_prompts_join(model)
        figures = {"calm": statistics.median(calm), "median": statistics.median(waits)}
        figures["p99"] = statistics.quantiles(waits, n=100)[98]
        told["joins_ms"] = {name: round(1e3 * seconds, 1) for name, seconds in figures.items()}
        times = figures["p99"] / figures["median"], figures["p99"] / figures["calm"]
        print(f"{STREAMS} rows while {LONG}-token prompts join: milliseconds a token {told['joins_ms']}")
        print(f"the p99 is {times[0]:.1f} x the median, and {times[1]:.1f} x the median when nobody joins")
    network = None if options.alone else read_network(version.folder, version.manifest.spec["weights"])
    for rows in options.rows:
        prompts = [[1 + (7 * row + place) % 1000 for place in range(PROMPT)] for row in range(rows)]
        took = {"engine": [], "generate": [], "padded": []}
        for _ in range(options.rounds):
            took["engine"].append(engine_seconds(model, prompts, options.tokens) / rows)
            if network is not None:
                took["generate"].append(generate_seconds(network, prompts[:1], options.tokens))
                took["padded"].append(generate_seconds(network, prompts, options.tokens) / rows)
        rates = {name: options.tokens / statistics.median(each) for name, each in took.items() if each}
        told["rows"][rows] = {name: round(rate, 1) for name, rate in rates.items()}
        ratios = "".join(f", {rates['engine'] / rates[name]:.1f} x {name}" for name in rates if name != "engine")
        print(f"{rows:3} rows: {rates['engine']:7.1f} tokens/s{ratios}")
    print(json.dumps(told))


if __name__ == "__main__":
    main()
