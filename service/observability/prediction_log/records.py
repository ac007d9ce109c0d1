"""What was taken of an answered call, as rows of the log.

made = Records(hiding)
made.of(described, made.hidden(described), taken)
# [{"time": ..., "model": "tumour", "row": 0, "inputs": {...}, "outputs": {...}}]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .hiding import Hiding, Names

__all__ = ["Records"]


class Records:
    """Makes rows; for one thread."""

    def __init__(self, hiding: Hiding) -> None:
        self._hiding = hiding

    def hidden(self, described: Mapping[str, Any]) -> Names:
        """What is hidden of a version: {name of a column or an output: how}."""
        every = self._hiding.of_model(described["name"])
        names = [name for name, *_ in (*described["columns"], *described["outputs"])]
        return {name: every[name] for name in names if name in every}

    def of(self, described: Mapping[str, Any], hidden: Names, taken: Sequence[Any]) -> list[dict[str, Any]]:
        """The rows of a request, in its order. described, taken: as `taking` gives them."""
        time, request, trace, seconds, rows, outputs, more = taken
        head: dict[str, Any] = {"time": datetime.fromtimestamp(time, UTC), "request": request}
        if trace:
            head["trace"] = trace.split("-")[1]
        head |= {"model": described["name"], "version": described["version"], "row": 0, "seconds": seconds}
        if more:
            head |= more
        if hidden:
            head["hidden"] = list(hidden)
        names, keys = [name for name, _ in described["columns"]], list(outputs)
        if type(rows) is bytes:
            rows = memoryview(rows).cast("d", [len(rows) // (8 * len(names)), len(names)]).tolist()
        kept = []
        for place, (row, values) in enumerate(zip(rows, zip(*outputs.values(), strict=True), strict=True)):
            inputs, answers = dict(zip(names, row, strict=False)), dict(zip(keys, values, strict=True))
            if hidden:
                inputs, answers = self._hiding.apply(inputs, hidden), self._hiding.apply(answers, hidden)
            kept.append({**head, "row": place, "inputs": inputs, "outputs": answers})
        return kept
