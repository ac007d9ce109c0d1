"""Tokens a second of the text engine, against transformers' own `generate`, in one process, in turns.

    python -m benchmarks.text_engine --rows 1 4 16 --tokens 24

One row is compared with one `generate`; many rows with `generate` of one prompt after the other,
which is what a server around it does, and with `generate` of all of them as one padded batch.
The last line is one JSON document.
"""

import argparse
import json
import statistics
from pathlib import Path
from time import perf_counter

import torch

from service import models
from service.generation.params import SamplingParams
from service.models.checkpoints import read_network
from service.settings import Settings
from service.store.versions import Store

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
    options = parser.parse_args()

    before = memory()
    version = Store(options.store).open(options.model, options.version)
    began = perf_counter()
    model = models.load(version, Settings(workers=1, prefix_bytes=0))
    model.warm_up()
    loaded = perf_counter() - began
    after = memory()
    told = {"load_seconds": round(loaded, 2), "memory_mb": {key: after[key] - before[key] for key in after}, "rows": {}}
    print(f"{version}: loaded and warm in {loaded:.1f} s, {told['memory_mb']} MB")
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
