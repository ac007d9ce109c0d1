"""What to do with a trained object that is no estimator: the sentence that a refusal ends with.

raise ValueError(f"dict has no predict: {other_way({'model': model, 'scaler': scaler})}")
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["CLASS_WAY", "EXPORT_WAY", "other_way"]

CLASS_WAY = (
    "a typed Python class serves whatever is no estimator: daylight pack mymodel.py:Class --files FOLDER, whose "
    "load() reads what is in FOLDER"
)
EXPORT_WAY = (
    "of another network, two lines where it was trained: program = torch.export.export(network.eval(), (example,), "
    "dynamic_shapes=({0: torch.export.Dim('rows')},)); torch.export.save(program, 'model.pt2'); then daylight pack "
    "model.pt2. Of one over a table, torch.onnx.export(network, (rows,), 'model.onnx', dynamic_shapes=({0: 'rows'},)), "
    f"and pack model.onnx --data sample.csv. Otherwise, {CLASS_WAY}"
)


def other_way(held: Any) -> str:
    """A way to serve an object without predict and transform."""
    parts = list(held.items()) if isinstance(held, Mapping) else list(enumerate(held)) if is_list(held) else []
    fitted = {key: part for key, part in parts if hasattr(part, "predict") or hasattr(part, "transform")}
    models = [key for key, part in fitted.items() if hasattr(part, "predict")]
    if not fitted:
        return CLASS_WAY
    listed = ", ".join(f"{key!r} is a {type(part).__name__}" for key, part in fitted.items())
    only = f"; pack {models[0]!r} alone where that is all (joblib.dump it)" if len(models) == 1 else ""
    return f"{listed}{only}, join the steps in a Pipeline, or keep the file as it is: {CLASS_WAY}"


def is_list(held: Any) -> bool:
    return isinstance(held, list | tuple)
