"""What a version carries so that drift can be seen: how the sample's columns, and the answers for it, are distributed.

features = column_features(columns, frame)          # one of service.observability.drift.profile for each column
described, content = profile(contract)
described        # {"file": "profile.json", "rows": 569}, or None without a sample
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from ..models.tables.column import Column
from ..models.tables.numbers import column_numbers, output_labels, output_numbers
from ..models.tables.output import NUMBERS, Output
from ..observability.drift.profile import Feature, of_numbers, of_places, of_presence
from .contract import Contract

__all__ = ["PROFILE_FILE", "profile"]

PROFILE_FILE = "profile.json"
WIDEST = 200  # columns of which drift is measured, the first ones
OUTPUT_WIDEST = 20  # numbers of a row, of an output
MOST_LABELS = 200  # of an output; more are texts rather than labels
COUNTED = (*NUMBERS, "boolean", "string")


def profile(contract: Contract) -> tuple[dict[str, Any] | None, bytes | None]:
    """(the manifest's "profile", the content of its file)."""
    if not contract.sample_rows:
        return None, None
    read = [column for column in contract.columns if not column.unread][:WIDEST]
    columns = [feature_of(column, contract.seen[column.name]) for column in read]
    outputs = {name: output_profile(name, contract.answers[name], output) for name, output in contract.outputs.items()}
    content = {
        "columns": [feature.to_json() for feature in columns],
        "outputs": {name: told for name, told in outputs.items() if told is not None},
    }
    rows = max(feature.rows for feature in columns)
    return {"file": PROFILE_FILE, "rows": rows}, json.dumps(content, ensure_ascii=False, allow_nan=False).encode()


def feature_of(column: Column, cells: pd.Series) -> Feature:
    numbers = column_numbers(column, cells)
    if column.categories is not None:
        return of_places(column.name, numbers, column.categories)
    if column.kind == "datetime":
        return of_presence(column.name, np.isnan(numbers))
    return of_numbers(column.name, numbers)


def output_profile(name: str, raw: Any, output: Output) -> dict[str, Any] | None:
    """{"labels": of an output of texts, "features": one for each number of a row}; None where nothing is counted."""
    if output.dtype not in COUNTED:
        return None
    labels = output_labels(raw, output)
    known = None if labels is None else {label: place for place, label in enumerate(labels)}
    numbers = output_numbers(raw, output, known)
    if len(labels or ()) > MOST_LABELS or numbers.shape[1] > OUTPUT_WIDEST:
        return None
    names = [name] if numbers.shape[1] == 1 else [f"{name} {each}" for each in parts_of(output, numbers.shape[1])]
    features = [
        of_numbers(each, values) if labels is None else of_places(each, values, labels)
        for each, values in zip(names, numbers.T, strict=True)
    ]
    told: dict[str, Any] = {"features": [feature.to_json() for feature in features]}
    return told if labels is None else {"labels": labels} | told


def parts_of(output: Output, width: int) -> list[str]:
    """The names of a row's numbers: its targets, or labels, or both."""
    if output.labels is not None and output.targets is not None:
        pairs = zip(output.targets, output.labels, strict=True)
        names = [f"{target} {label}" for target, labels in pairs for label in labels]
    else:
        names = list(output.labels or output.targets or ())
    return names if len(names) == width else [str(place) for place in range(width)]
