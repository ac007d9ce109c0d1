"""What a version carries so that its answers can be explained: background rows, and what is explained by them.

described, content = background(contract)
described        # {"output": "predict_proba", "by_class": True, "background": "background.json", "rows": 100}
described        # or {"reason": "its answers are labels alone"}, and no content
"""

from __future__ import annotations

import json
from math import prod
from typing import Any

import numpy as np

from ..models.tables.output import NUMBERS
from .additive import additive
from .contract import Contract

__all__ = ["BACKGROUND", "background"]

BACKGROUND = "background.json"
SCORES = ("predict_proba", "decision_function")  # methods
ROWS = 100  # as many as `shap` takes of a background
WIDEST = 100  # numbers of an answer, of all classes or targets


def background(contract: Contract) -> tuple[dict[str, Any], bytes | None]:
    """(the manifest's "explanation", the content of its file of background rows, or None)."""
    measured = explained(contract)
    reason = why_not(contract, measured)
    if reason is not None or measured is None:
        return {"reason": reason}, None
    name, of_classes = measured
    places = np.random.default_rng(0).permutation(len(contract.rows))[:ROWS]
    rows = [contract.rows[place] for place in places]
    described = {"output": name, "by_class": of_classes, "background": BACKGROUND, "rows": len(rows)}
    shown = additive(contract, name, by_class=of_classes)
    if shown is not None:
        described["additive"] = shown
    return described, json.dumps(rows, ensure_ascii=False, allow_nan=False).encode()


def explained(contract: Contract) -> tuple[str, bool] | None:
    """(the method whose numbers are explained, whether they are scores of classes); None where there are none."""
    outputs = contract.outputs
    several_targets = "predict" in outputs and len(outputs["predict"].shape) == 2
    for name, output in outputs.items():
        if name not in SCORES or output.dtype not in NUMBERS or len(output.shape) > 2:
            continue
        if len(output.shape) == 1 or (several_targets and output.targets is None):
            return name, False
        if output.labels is not None or name == "predict_proba":  # without labels, a score may be of two classes
            return name, True
    predicted = outputs.get("predict")
    if contract.task == "regressor" and predicted and predicted.dtype in NUMBERS and len(predicted.shape) <= 2:
        return "predict", False
    return None


def why_not(contract: Contract, measured: tuple[str, bool] | None) -> str | None:
    """Why its answers are not explained; None where they are."""
    if not contract.sample_rows:
        return "it was packed without sample rows"
    if contract.rows_depend:
        return "its answer for a row depends on the other rows of the request"
    if measured is None:
        return "its answers are no numbers that could be added up"
    if prod(contract.outputs[measured[0]].shape[1:]) > WIDEST:
        return f"its answers have more than {WIDEST} numbers a row"
    return None
