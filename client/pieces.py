"""Tables that are larger than a server takes in one request: cut into pieces of rows, whose answers are joined.

for start, body in bodies({"inputs": {"age": [31, 44, 52]}}, {}, Limits(2, 16_777_216)):
    ...                                  # 0, b'{"inputs":{"age":[31,44]}}'; then 2, b'{"inputs":{"age":[52]}}'
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from .answers import Predictions
from .rows import dump

__all__ = ["Limits", "bodies", "count_rows", "joined"]


class Limits(NamedTuple):
    """What a server takes in one request at most: rows of a table, and bytes of a body. None: as many as there are."""

    rows: int | None = None
    bytes: int | None = None

    @classmethod
    def of(cls, description: dict[str, Any]) -> Limits:
        """Those in the description of a model; of a server that tells none, no limits."""
        told = description.get("limits", {})
        return cls(told.get("max_rows"), told.get("max_body_bytes"))


def count_rows(table: dict[str, Any]) -> int:
    """How many rows a table of rows.table() has; 0 where its columns differ in length, which the server refuses."""
    if "instances" in table:
        return len(table["instances"])
    lengths = {len(cells) if isinstance(cells, list) else 0 for cells in table["inputs"].values()}
    return lengths.pop() if len(lengths) == 1 else 0


def rows_between(table: dict[str, Any], start: int, stop: int) -> dict[str, Any]:
    """Some of the rows of a table."""
    if "instances" in table:
        return {"instances": table["instances"][start:stop]}
    return {"inputs": {name: cells[start:stop] for name, cells in table["inputs"].items()}}


def bodies(table: dict[str, Any], options: dict[str, Any], limits: Limits) -> Iterator[tuple[int, bytes]]:
    """Yield (number of its first row, body) of each piece, one after the other, so that few are there at once.

    A single row that is larger than the limit is yielded as it is: the server says so best. Raises as rows.dump.
    """
    total = count_rows(table)
    start, size = 0, limits.rows or total
    while True:
        whole = start == 0 and size >= total
        body = dump({**(table if whole else rows_between(table, start, start + size)), **options})
        rows = min(size, total - start)
        if limits.bytes is not None and len(body) > limits.bytes and rows > 1:
            size = max(1, min(rows - 1, rows * limits.bytes // len(body) * 9 // 10))  # rows differ in length
            continue
        yield start, body
        start += size
        if start >= total:
            return


def joined(answers: list[Predictions]) -> Predictions:
    """The answers to the pieces of a table, in order, as the answer to the whole."""
    first = answers[0]
    if len(answers) == 1:
        return first
    return Predictions(
        [prediction for answer in answers for prediction in answer],
        model=first.model,
        version=first.version,
        outputs={name: [value for answer in answers for value in answer.outputs[name]] for name in first.outputs},
        warnings=dict.fromkeys(warning for answer in answers for warning in answer.warnings),
    )
