"""Robyn (HTTP in Rust) over ONNX Runtime by hand: no checks, log or limits."""

import json
import os
from pathlib import Path

import numpy as np
import onnxruntime
import orjson
from robyn import Headers, Response, Robyn

HEADERS = Headers({"Content-Type": "application/json"})

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
columns = json.loads(Path(os.environ["PEER_COLUMNS"]).read_text())
app = Robyn(__file__)


class Model:
    """Opened by the process that predicts, at its first request: Robyn forks after this module."""

    def __init__(self):
        self.session = None

    def answer(self, rows):
        """rows: lists of numbers."""
        if self.session is None:
            graph = str(Path(os.environ["PEER_FOLDER"], "model.onnx"))
            self.session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
            self.dtype = {"tensor(float)": np.float32, "tensor(double)": np.float64}[self.session.get_inputs()[0].type]
        (labels,) = self.session.run(["label"], {"X": np.array(rows, self.dtype)})
        return Response(200, HEADERS, orjson.dumps({"predictions": labels.tolist()}))


model = Model()


def instances(request):
    return orjson.loads(request.body)["instances"]


def start(function):
    app.post("/predict")(function)
    app.start(host="127.0.0.1", port=int(os.environ["PEER_PORT"]))
