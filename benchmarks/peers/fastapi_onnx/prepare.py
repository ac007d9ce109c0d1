"""Compile a pickle as a careful engineer would: float32 first, float64 where that changes a label.

skl2onnx compiles scikit-learn, onnxmltools XGBoost and LightGBM, CatBoost itself.
"""

import os
import sys
from pathlib import Path

import joblib
import numpy as np
import onnx
import onnxruntime
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from skl2onnx import to_onnx

MODEL, ROWS, FOLDER = os.environ["PEER_MODEL"], os.environ["PEER_ROWS"], Path(os.environ["PEER_FOLDER"])


def lightgbm(model, width):
    return convert_lightgbm(model, initial_types=[("X", FloatTensorType([None, width]))], zipmap=False)


def xgboost(model, width):
    model.get_booster().feature_names = None  # onnxmltools wants none of them
    return convert_xgboost(model, initial_types=[("X", FloatTensorType([None, width]))])


def catboost(model, width):
    path = str(FOLDER / "catboost.onnx")
    model.save_model(path, format="onnx")
    graph = onnx.load(path)
    graph.graph.input[0].name = "X"
    for node in graph.graph.node:
        node.input[:] = ["X" if name == "features" else name for name in node.input]
    return graph


BOOSTED = {"lightgbm": lightgbm, "xgboost": xgboost, "catboost": catboost}


def compiled(model, rows):
    library = type(model).__module__.partition(".")[0]
    if library in BOOSTED:
        return BOOSTED[library](model, rows.shape[1]).SerializeToString()
    return to_onnx(model, rows[:1], options={"zipmap": False}).SerializeToString()


def main():
    model, rows = joblib.load(MODEL), np.load(ROWS)
    expected = model.predict(rows)
    for dtype in (np.float32, np.float64):
        graph = compiled(model, rows.astype(dtype))
        session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        asked = rows.astype(np.float32 if session.get_inputs()[0].type == "tensor(float)" else np.float64)
        (labels,) = session.run(["label"], {"X": asked})
        if np.array_equal(labels, expected):
            (FOLDER / "model.onnx").write_bytes(graph)
            return
    sys.exit("neither float32 nor float64 gives scikit-learn's labels")


if __name__ == "__main__":
    main()
