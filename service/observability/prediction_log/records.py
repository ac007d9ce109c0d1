"""What was asked and answered, as rows of plain values: an object for each row of a table, or for each completion.

    records = Records(hiding)
    records.of(answered)        # [{"time": ..., "model": "tumour", "row": 0, "inputs": {...}, "outputs": {...}}]

Of a table the columns that the model reads are kept, and none of what a caller sent besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from ...capabilities import GENERATE_TEXT, PREDICT_TABLE
from .hiding import Hiding, Names

__all__ = ["LOGGED", "Answered", "Records", "fields_of", "row_count"]

LOGGED = (PREDICT_TABLE, GENERATE_TEXT)  # the capabilities whose answers are logged
PROMPT, COMPLETION = "prompt", "completion"
Values = dict[str, Any]


class Answered(NamedTuple):
    """An answered request. time: when, in Unix time. call, answer: of a capability in LOGGED. trace: "" without one."""

    time: float
    request: str
    trace: str
    model: Any
    call: Any
    answer: Any


def fields_of(model: Any) -> list[str]:
    """The names of what a model's rows hold: what can be hidden."""
    if PREDICT_TABLE in model.capabilities:
        return [*model.plan.names, *model.answers]
    return [PROMPT, COMPLETION] if GENERATE_TEXT in model.capabilities else []


def row_count(call: Any) -> int:
    """How many rows of the log a call makes, about: fewer where a table is in an odd form."""
    if call.capability is GENERATE_TEXT:
        return len(call.prompts) * call.n
    rows = call.texts if hasattr(call, "texts") else call.instances
    if isinstance(rows, dict):
        return max(map(len, rows.values()), default=0)
    return len(rows[0]) if isinstance(rows, tuple) else len(rows)


class Records:
    """Makes rows; for one thread."""

    def __init__(self, hiding: Hiding) -> None:
        self._hiding = hiding
        self._hidden: dict[tuple[str, str], Names] = {}  # by model and version

    def of(self, answered: Answered) -> list[Values]:
        """The rows of a request, in its order. Raises what reading an odd table raises."""
        time, request, trace, model, call, answer = answered
        head: Values = {"time": datetime.fromtimestamp(time, UTC), "request": request}
        if trace:
            head["trace"] = trace.split("-")[1]
        head |= {"model": model.name, "version": model.version}
        seconds = answer.seconds.get("predict")
        key = model.name, model.version
        hidden = self._hidden.get(key)
        if hidden is None:
            names = fields_of(model)
            every = self._hiding.of_model(model.name)
            hidden = self._hidden[key] = {name: every[name] for name in names if name in every}
        kept = []
        for place, (inputs, outputs, more) in enumerate(rows_of(model, call, answer)):
            row = {**head, "row": place, "seconds": seconds, **more}
            if hidden:
                row["hidden"] = list(hidden)
                inputs, outputs = self._hiding.apply(inputs, hidden), self._hiding.apply(outputs, hidden)
            kept.append(row | {"inputs": inputs, "outputs": outputs})
        return kept


def rows_of(model: Any, call: Any, answer: Any) -> Iterator[tuple[Values, Values, Values]]:
    """(inputs, outputs, what else is known) of each row."""
    if call.capability is GENERATE_TEXT:
        parameters = {"parameters": call.parameters} if call.parameters else {}
        for place, completion in enumerate(answer.completions):
            outputs = {COMPLETION: completion.text, "finish_reason": completion.finish_reason}
            yield {PROMPT: call.prompts[place // answer.n]}, outputs, parameters
    elif hasattr(call, "texts"):
        for text, scores in zip(call.texts, answer.scores.tolist(), strict=True):
            texts = (text,) if isinstance(text, str) else text
            inputs = dict(zip(model.plan.names, texts, strict=False))
            yield inputs, {"predict_proba": dict(zip(answer.labels, scores, strict=True))}, {}
    else:
        outputs, rows = answer.outputs, table_rows(model.plan, call.instances)
        for inputs, values in zip(rows, zip(*outputs.values(), strict=True), strict=True):
            yield inputs, dict(zip(outputs, values, strict=True)), {}


def table_rows(plan: Any, instances: Any) -> Sequence[Values]:
    """{column: cell} of each row, of the columns that the model reads; a cell that is not there is None."""
    if isinstance(instances, list) and all(type(row) is dict for row in instances):
        return [{name: row.get(name) for name in plan.names} for row in instances]
    if isinstance(instances, tuple) and isinstance(instances[0], np.ndarray):  # a Table of numbers
        return [dict(zip(plan.names, row, strict=True)) for row in instances[0].tolist()]
    absent = object
    return [
        {name: None if type(cell) is absent else cell for name, cell in row.items()} for row in plan.records(instances)
    ]
