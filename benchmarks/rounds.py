"""Compare ways of doing one thing, in turns, so that a machine that slows down slows all of them.

medians = interleaved({"ours": ours, "plain": plain}, rounds=20, calls=100)
medians["ours"]          # seconds a call: the median over the rounds of each round's mean
"""

import json
import os
import platform
import statistics
from importlib.metadata import version
from time import perf_counter

__all__ = ["interleaved", "report"]


def interleaved(ways, *, rounds, calls):
    """Call every way `calls` times a round, after one round that does not count; {name: seconds a call}."""
    means = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            began = perf_counter()
            for _ in range(calls):
                way()
            if number:
                means[name].append((perf_counter() - began) / calls)
    return {name: statistics.median(found) for name, found in means.items()}


def report(benchmark, medians, ratios, libraries=(), also=None):
    """Print a table for people, then the same as one line of JSON.

    medians: {name: seconds a call}. ratios: pairs (name, name), the first divided by the second.
    also: {name: value}, what else the line of JSON has.
    """
    microseconds = {name: round(seconds * 1e6, 1) for name, seconds in medians.items()}
    quotients = {f"{one} / {other}": round(medians[one] / medians[other], 2) for one, other in ratios}
    width = max(map(len, [*microseconds, *quotients]))
    print(benchmark)
    for name, value in microseconds.items():
        print(f"  {name:{width}}  {value:10.1f} microseconds")
    for name, value in quotients.items():
        print(f"  {name:{width}}  {value:10.2f} times")
    machine = {
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
    versions = {library: version(library) for library in libraries}
    told = {"benchmark": benchmark, "microseconds": microseconds, "ratios": quotients, **machine, "versions": versions}
    told |= also or {}
    print(json.dumps(told))
