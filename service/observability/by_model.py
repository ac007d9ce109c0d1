"""How often each model of a server was asked, over all workers: the numbers of the start page and of `daylight models`.

counts_by_model("/dev/shm/daylight-0-4711", routes)     # {"tumour": {"requests": 204, "refused": 3, "failed": 0}}
"""

from __future__ import annotations

import fcntl
import glob
import json
import os
from collections.abc import Container

from prometheus_client.mmap_dict import MmapedDict

from .metric_files import locked

__all__ = ["NONE", "counts_by_model", "shadow_counts"]

NONE = {"requests": 0, "refused": 0, "failed": 0}  # of a model that nobody has asked
OUTCOMES = {"4": "refused", "5": "failed"}  # by the first digit of a status


def shadow_counts(folder: str, model: str, version: str) -> dict[str, float]:
    """What was counted of a shadow since the server started: rows, disagreements, failures, dropped, max_difference.

    folder: as of counts_by_model. Raises OSError.
    """
    counts = dict.fromkeys(("rows", "disagreements", "failures", "dropped", "max_difference"), 0.0)
    labels = {"model": model, "version": version}
    with locked(folder, fcntl.LOCK_SH):
        for path in glob.glob(os.path.join(folder, "*.db")):
            for key, value, _, _ in MmapedDict.read_all_values_from_file(path):
                metric, _, found, _ = json.loads(key)
                name = metric.removeprefix("daylight_shadow_")
                if name in counts and metric != name and found == labels:
                    counts[name] = max(counts[name], value) if name == "max_difference" else counts[name] + value
    return counts


def counts_by_model(folder: str, routes: Container[str]) -> dict[str, dict[str, int]]:
    """{model: {"requests", "refused", "failed"}} of these routes since the server started.

    folder: the `metrics` of the server's run folder. `refused` are answers with a status of 4xx, `failed` of 5xx.
    Raises OSError where it cannot be read.
    """
    counts: dict[str, dict[str, int]] = {}
    with locked(folder, fcntl.LOCK_SH):
        for path in glob.glob(os.path.join(folder, "counter_*.db")):
            for key, value, _, _ in MmapedDict.read_all_values_from_file(path):
                metric, _, labels, _ = json.loads(key)
                if metric != "daylight_requests" or not labels["model"] or labels["route"] not in routes:
                    continue
                count = counts.setdefault(labels["model"], dict(NONE))
                count["requests"] += int(value)
                outcome = OUTCOMES.get(labels["status"][0])
                if outcome:
                    count[outcome] += int(value)
    return counts
