"""Compile a pickle with skl2onnx as a careful engineer would: float32 first, float64 where that changes a label."""

import os
import sys
from pathlib import Path

import joblib
import numpy as np
import onnxruntime
from skl2onnx import to_onnx

MODEL, ROWS, FOLDER = os.environ["PEER_MODEL"], os.environ["PEER_ROWS"], Path(os.environ["PEER_FOLDER"])


def main():
    model, rows = joblib.load(MODEL), np.load(ROWS)
    expected = model.predict(rows)
    for dtype in (np.float32, np.float64):
        graph = to_onnx(model, rows[:1].astype(dtype), options={"zipmap": False}).SerializeToString()
        session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        (labels,) = session.run(["label"], {"X": rows.astype(dtype)})
        if np.array_equal(labels, expected):
            (FOLDER / "model.onnx").write_bytes(graph)
            return
    sys.exit("neither float32 nor float64 gives scikit-learn's labels")


if __name__ == "__main__":
    main()
