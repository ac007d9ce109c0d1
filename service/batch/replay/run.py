"""A replay: what was asked, asked of another version, and both answers compared.

comparison = replay(new, old, "answers/")       # a prediction log: its own answers are compared, `old` is not asked
comparison = replay(new, old, "rows.csv")       # a file of rows: both versions answer
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import orjson

from ..chunks import Chunk, Lines
from ..parts import find, plan
from ..reading import read
from ..scoring import Scorer, nothing
from .comparison import Comparison
from .logged import is_log, logged

__all__ = ["replay"]

ROWS = 2000  # that are asked at once


def replay(new: Any, old: Any, source: str) -> Comparison:
    """new: the loaded version that is asked. old: a function that loads the current one, called for a file of rows.

    Raises ValueError or OSError where there is nothing to compare, RequestError where a file cannot be read.
    """
    comparison = Comparison()
    if is_log(source, new.name):
        of_log(new, source, comparison)
    else:
        of_file(new, old(), source, comparison)
    if not (comparison.rows or comparison.refused):
        raise ValueError(f"{source} holds no row of {new.name} to compare")
    return comparison


def of_log(new: Any, source: str, comparison: Comparison) -> None:
    """Rows that were asked for different outputs are asked again in groups."""
    for rows in logged(source, new.name, new.plan.names, ROWS):
        comparison.versions.update(row["version"] for row in rows)
        groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for row in rows:
            groups.setdefault(tuple(name for name in row["outputs"] if name in new.outputs), []).append(row)
        for outputs, asked in groups.items():
            lines = Lines([orjson.dumps(row["inputs"]) for row in asked], range(len(asked)), {})
            for place, now in answered(new, lines, outputs, comparison) if outputs else ():
                compare(comparison, asked[place]["outputs"], now, partial(told_of_logged, asked[place]))


def told_of_logged(row: dict[str, Any]) -> dict[str, Any]:
    return {"request": row["request"], "time": str(row["time"]), "row": row["row"], "inputs": row["inputs"]}


def of_file(new: Any, old: Any, source: str, comparison: Comparison) -> None:
    """Rows that either version does not take are not compared; those that the new one does not take are counted."""
    columns = {column.name: column for column in (*old.plan.columns, *new.plan.columns)}
    common = tuple(name for name in old.outputs if name in new.outputs)
    if not common:
        raise ValueError(f"versions {old.version} and {new.version} of {new.name} have no output in common")
    for part in plan(find(source), None):
        for chunk in read(part, [*columns.values()], ROWS, lambda read: nothing(read, 0)):
            comparison.versions[old.version] += len(chunk)
            before = dict(answered(old, chunk, common, None))
            for place, now in answered(new, chunk, common, comparison):
                if place in before:
                    compare(comparison, before[place], now, partial(told_of_file, chunk, place, [*columns]))


def told_of_file(chunk: Chunk, place: int, names: list[str]) -> dict[str, Any]:
    row = chunk.objects[place] if isinstance(chunk, Lines) else chunk.take([place]).to_pylist()[0]
    return {"row": chunk.numbers[place], "inputs": {name: row.get(name) for name in names}}


def answered(
    model: Any, chunk: Chunk, outputs: tuple[str, ...], comparison: Comparison | None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (place, {output: value as JSON has it}) of the rows that the model takes; the others are counted."""
    for places, answer, wrong in Scorer(model, outputs, rows=ROWS).answers(chunk) if len(chunk) else ():
        if comparison is not None:
            for reason in wrong.values():
                comparison.refuse(reason)
        values = plain(answer.outputs) if places else {}
        for number, place in enumerate(places):
            yield place, {name: values[name][number] for name in outputs}


def plain(outputs: dict[str, Any]) -> dict[str, Any]:
    """As the log has them: labels that are numbers are texts where they are keys."""
    options = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
    return orjson.loads(orjson.dumps(outputs, default=str, option=options))


def compare(
    comparison: Comparison, was: dict[str, Any], now: dict[str, Any], row: Callable[[], dict[str, Any]]
) -> None:
    comparison.rows += 1
    for name, value in now.items():
        comparison.add(name, was[name], value, row)
