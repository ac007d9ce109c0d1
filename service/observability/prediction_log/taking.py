"""An answered call as plain values that another process can read: as little work as there can be for it.

    content, rows = packed(answered)    # bytes of (time, request, trace, seconds, rows, outputs, more), for marshal
    describe(model)                     # what the rows and outputs of its answers are, once for each version

Rows are lists in the order of the described columns; those of an array of float64 are its bytes. Of a table nothing is
kept that the model does not read.
"""

from __future__ import annotations

import json
import marshal
from typing import Any

import numpy as np

from ...capabilities import GENERATE_TEXT, PREDICT_TABLE

__all__ = ["LOGGED", "Answered", "describe", "fields_of", "packed", "row_count"]

LOGGED = (PREDICT_TABLE, GENERATE_TEXT)  # the capabilities whose answers are logged
FLOAT64 = np.dtype(np.float64)
TEXT, JSON = "text", "json"  # kinds of columns, besides number, integer, boolean
TEXTS = {"columns": [("prompt", JSON)], "outputs": [("completion", TEXT, None), ("finish_reason", TEXT, None)]}


# An answered request: when, in Unix time; its id; its traceparent, "" without one; the model; the call and the answer,
# of a capability in LOGGED.
Answered = tuple[float, str, str, Any, Any, Any]


def describe(model: Any) -> dict[str, Any]:
    """{"name", "version", "columns": [(name, kind)], "outputs": [(name, kind, keys of its objects or None)]}."""
    named = {"name": model.name, "version": model.version}
    if PREDICT_TABLE not in model.capabilities:
        return named | TEXTS
    columns = [(column.name, kind_of(column)) for column in model.plan.columns]
    return named | {
        "columns": columns,
        "outputs": [(name, *kind_of_output(one)) for name, one in model.answers.items()],
    }


def kind_of(column: Any) -> str:
    if column.kind != "category":
        return column.kind if column.kind in ("number", "integer", "boolean") else TEXT
    types = {type(category) for category in column.categories or ()}
    return "integer" if types == {int} else "boolean" if types == {bool} else TEXT


def kind_of_output(output: Any) -> tuple[str, list[str] | None]:
    """A number or a text a row; objects of them by label, or by target; JSON for whatever else there is."""
    kind = {"string": TEXT}.get(dtype := getattr(output, "dtype", JSON), dtype)
    if kind not in ("number", "integer", "boolean", TEXT) or (output.labels is not None and output.targets is not None):
        return JSON, None
    keys = output.targets if output.labels is None else output.labels
    if keys is not None:
        return kind, [str(key) for key in keys]
    return (kind if len(output.shape) == 1 else JSON), None


def fields_of(model: Any) -> list[str]:
    """The names of what a model's rows hold: what can be hidden."""
    if not set(LOGGED) & set(model.capabilities):
        return []
    described = describe(model)
    return [name for name, *_ in (*described["columns"], *described["outputs"])]


def row_count(call: Any) -> int:
    """How many rows of the log a call makes, about: fewer where a table is in an odd form."""
    if call.capability is GENERATE_TEXT:
        return len(call.prompts) * call.n
    rows = call.texts if hasattr(call, "texts") else call.instances
    if isinstance(rows, dict):
        return max(map(len, rows.values()), default=0)
    return len(rows[0]) if isinstance(rows, tuple) else len(rows)


def packed(answered: Answered) -> tuple[bytes, int]:
    """(what is kept of it, how many rows that is). Raises what an answer of a model's own code may raise."""
    time, request, trace, model, call, answer = answered
    more = None
    if call.capability is GENERATE_TEXT:
        rows, outputs, more = texts(call, answer)
    elif hasattr(call, "texts"):
        rows, outputs = classified(call, answer)
    else:
        rows, outputs = table_rows(model.plan, call.instances), answer.outputs
    kept = time, request, trace, answer.seconds.get("predict"), rows, outputs, more
    count = len(next(iter(outputs.values())))
    try:
        return marshal.dumps(kept), count
    except ValueError:  # a cell of another type than JSON's: it becomes what it would be there
        return marshal.dumps(json.loads(json.dumps(kept, default=plain))), count


def plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def texts(call: Any, answer: Any) -> tuple[list[Any], dict[str, Any], dict[str, Any] | None]:
    completions = answer.completions
    rows = [[call.prompts[place // answer.n]] for place in range(len(completions))]
    outputs = {
        "completion": [one.text for one in completions],
        "finish_reason": [one.finish_reason for one in completions],
    }
    return rows, outputs, {"parameters": call.parameters} if call.parameters else None


def classified(call: Any, answer: Any) -> tuple[list[Any], dict[str, Any]]:
    rows = [[text] if isinstance(text, str) else list(text) for text in call.texts]
    return rows, {"predict_proba": [dict(zip(answer.labels, row, strict=True)) for row in answer.scores.tolist()]}


def table_rows(plan: Any, instances: Any) -> Any:
    if isinstance(instances, tuple) and isinstance(instances[0], np.ndarray):  # a Table of numbers
        values = instances[0]
        return values.tobytes() if values.dtype == FLOAT64 else values.tolist()
    if isinstance(instances, list) and all(type(row) is dict for row in instances):
        return [[row.get(name) for name in plan.names] for row in instances]
    return [[None if type(cell) is object else cell for cell in row.values()] for row in plan.records(instances)]
