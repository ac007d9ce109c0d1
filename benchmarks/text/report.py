"""What was found: a Markdown table for each number of clients, and all of it as one line of JSON."""

import json
import os
import platform
import re

from benchmarks.peers.report import print_table
from benchmarks.text.contest import equal
from benchmarks.text.rivals import BASELINE, HERE, OURS

__all__ = ["report"]

LOAD = (
    "tokens/s",
    "Daylight / it",
    "TTFT p50 ms",
    "TTFT p99 ms",
    "gap p50 ms",
    "gap p99 ms",
    "texts as generate's",
    "others %",
)
WHOLE = ("seconds to the first answer", "MB before load", "MB after it")


def report(found, *, rounds, tokens):
    """found: {rival: Found}. Daylight is compared in the precision that the rival has."""
    ratios = {}
    for clients in sorted({number for one in found.values() for number in one.load}):
        print(f"\n**{clients} clients**, {tokens} tokens each, greedy, streamed\n")
        ratios[clients] = quotients = {}
        print_table(LOAD, [load_line(found, name, clients, quotients) for name in found])
    print("\nStart, and the memory that all its processes would take alone\n")
    print_table(WHOLE, [whole_line(one) for one in found.values()])
    told = {
        "benchmark": "text",
        "rounds": rounds,
        "tokens": tokens,
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "ratios": ratios,
        "texts_equal": {name: equal(found, name) for name in found},
        "found": {name: one.plain() for name, one in found.items()},
        "versions": versions(),
    }
    print()
    print(json.dumps(told, default=str, separators=(",", ":")))


def titled(one):
    return f"{one.title}, {one.precision}"


def load_line(found, name, clients, quotients):
    """One rival's cells; its ratio is put into `quotients` too."""
    one = found[name]
    load = one.load.get(clients)
    if load is None:
        return [titled(one), one.absent]
    ours = found.get(OURS[one.precision])
    if ours and clients in ours.load and name not in OURS.values():
        quotients[name] = round(ours.load[clients]["rate"] / load["rate"], 2)
    same, compared = equal(found, name)
    return [
        titled(one),
        f"{load['rate']:.1f}",
        f"{quotients[name]:.2f}" if name in quotients else "",
        *(milliseconds(load[key]) for key in ("ttft_ms", "ttft_p99_ms", "gap_p50_ms", "gap_p99_ms")),
        f"{same}/{compared}" if name != BASELINE else "",
        f"{100 * load['others']:.0f}",
    ]


def milliseconds(value):
    return "" if value is None else f"{value:,.1f}"


def whole_line(one):
    if one.memory_mb is None:
        return [titled(one), one.absent]
    return [titled(one), f"{one.cold_start_s:.1f}", f"{one.idle_mb:.0f}", f"{one.memory_mb:.0f}"]


def versions():
    """{list: {package: version}} as pinned."""
    pinned = re.compile(r"^([\w.-]+)==([\w.]+)", re.MULTILINE)
    return {f"{path.parent.name}/{path.stem}": dict(pinned.findall(path.read_text())) for path in HERE.glob("*/*.txt")}
