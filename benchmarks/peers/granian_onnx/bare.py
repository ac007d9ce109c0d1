"""A bare WSGI function over ONNX Runtime: no routes, checks, log or limits. What a server could cost at least."""

import json
import os
from pathlib import Path

import numpy as np
import onnxruntime
import orjson

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
graph = str(Path(os.environ["PEER_FOLDER"], "model.onnx"))
session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
dtype = {"tensor(float)": np.float32, "tensor(double)": np.float64}[session.get_inputs()[0].type]
columns = json.loads(Path(os.environ["PEER_COLUMNS"]).read_text())


def answer(rows, start_response):
    """rows: lists of numbers."""
    (labels,) = session.run(["label"], {"X": np.array(rows, dtype)})
    body = orjson.dumps({"predictions": labels.tolist()})
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def instances(environ):
    return orjson.loads(environ["wsgi.input"].read())["instances"]
