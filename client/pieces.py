"""Tables that are larger than a server takes in one request: cut into pieces of rows, whose answers are joined.

for start, body in bodies({"inputs": {"age": [31, 44, 52]}}, {}, Limits(2, 16_777_216)):
    ...                                  # 0, b'{"inputs":{"age":[31,44]}}'; then 2, b'{"inputs":{"age":[52]}}'
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from .answers import Predictions
from .rows import dump

__all__ = ["Limits", "bodies", "count_rows", "joined", "least_bytes"]

SAMPLE = 1000  # rows, from whose length that of all is estimated


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


def least_bytes(table: dict[str, Any]) -> int:
    """Fewer bytes than the JSON of a table has: a cell takes a character, and one between it and the next."""
    columns = len(table["inputs"]) if "inputs" in table else 1
    return 2 * count_rows(table) * columns


def bodies(table: dict[str, Any], options: dict[str, Any], limits: Limits) -> Iterator[tuple[int, bytes]]:
    """Yield (number of its first row, body) of each piece, one after the other, so that few are there at once.

    A single row that is larger than the limit is yielded as it is: the server says so best. Raises as rows.dump.
    """
    total = count_rows(table)
    start, size = 0, min(limits.rows or total, total)
    if limits.bytes is not None and size > SAMPLE:
        size = min(size, fitting(SAMPLE, len(dump(rows_between(table, 0, SAMPLE))), limits.bytes))
    while True:
        part = table if size >= total else rows_between(table, start, start + size)
        body = dump({**part, **options})
        rows = min(size, total - start)
        if limits.bytes is not None and len(body) > limits.bytes and rows > 1:
            size = min(rows - 1, fitting(rows, len(body), limits.bytes))
            continue
        yield start, body
        start += size
        if start >= total:
            return


def fitting(rows: int, size: int, most: int) -> int:
    """How many rows are likely within `most` bytes, where so many take `size`; rows differ in length."""
    return max(1, rows * most // size * 9 // 10)


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
