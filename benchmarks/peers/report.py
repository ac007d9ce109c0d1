"""What was found: a Markdown table for each model and question, and all of it as one line of JSON."""

import json
import os
import platform
import re

from benchmarks.peers.rivals import DAYLIGHT, HERE

__all__ = ["report"]

LOAD = ("requests/s", "Daylight / it", "p50 ms", "p99 ms", "CPU us a request", "it / Daylight", "errors", "others %")
WHOLE = ("seconds to the first right answer", "MB before load", "MB after it")


def report(found, runtimes, *, rounds, seconds):
    """found: {(model, form): {rival: Found}}; runtimes: {model: how Daylight executes it}."""
    ratios = {}
    for (model, form), rivals in found.items():
        for question in rivals[DAYLIGHT].load:
            print(f"\n**{model}** (Daylight: {runtimes[model]}), {question} a request as {form}\n")
            ratios.setdefault(model, {}).setdefault(form, {})[question] = quotients = {}
            print_table(LOAD, [load_line(rivals, name, question, quotients) for name in rivals])
        print(f"\n**{model}**, {form}: start and memory (PSS of all its processes)\n")
        print_table(WHOLE, [whole_line(one) for one in rivals.values()])
    told = {
        "benchmark": "peers",
        "rounds": rounds,
        "seconds": seconds,
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "runtimes": runtimes,
        "ratios": ratios,
        "found": [
            {"model": model, "form": form, "rivals": {name: one.plain() for name, one in rivals.items()}}
            for (model, form), rivals in found.items()
        ],
        "versions": versions(),
    }
    print()
    print(json.dumps(told, default=str, separators=(",", ":")))


def load_line(rivals, name, question, quotients):
    """One rival's cells; its ratio is put into `quotients` too."""
    one, daylight = rivals[name], rivals[DAYLIGHT].load[question]
    if one.absent:
        return [one.title, one.absent]
    load = one.load[question]
    if name != DAYLIGHT and load["rate"]:  # on a busy machine a slow one answers nothing in two seconds
        quotients[name] = round(daylight["rate"] / load["rate"], 2)
    ratio = f"{quotients[name]:.2f}" if name in quotients else ""
    rate = f"{load['rate']:,.{0 if load['rate'] >= 100 else 1}f}"
    costs = f"{load['cpu_us'] / daylight['cpu_us']:.2f}" if ratio else ""
    times = (f"{load['p50_ms']:.1f}", f"{load['p99_ms']:.1f}", f"{load['cpu_us']:,.0f}")
    return [one.title, rate, ratio, *times, costs, str(load["errors"]), f"{load['others']:.0%}".rstrip("%")]


def whole_line(one):
    if one.absent:
        return [one.title, one.absent]
    return [one.title, f"{one.cold_start_s:.1f}", f"{one.idle_mb:.0f}", f"{one.memory_mb:.0f}"]


def print_table(heads, lines):
    """Markdown, the columns of numbers to the right; a short line (why somebody is absent) keeps its cells."""
    width = max(len(line[0]) for line in lines)
    print(f"| {'':{width}} | {' | '.join(heads)} |")
    print(f"|-{'-' * width}-|{'|'.join('-' * (len(head) + 1) + ':' for head in heads)}|")
    for title, *cells in lines:
        padded = [*cells, *[""] * (len(heads) - len(cells))]
        right = " | ".join(f"{cell:>{len(head)}}" for cell, head in zip(padded, heads, strict=True))
        print(f"| {title:{width}} | {right} |")


def versions():
    """{rival: {package: version}} as pinned in its requirements."""
    pinned = re.compile(r"^([\w.-]+)==([\w.]+)", re.MULTILINE)
    return {
        path.parent.name: dict(pinned.findall(path.read_text())) for path in sorted(HERE.glob("*/requirements.txt"))
    }
