"""mosec over ONNX Runtime by hand: a process of its own for each of two workers, JSON as mosec reads it."""

import json
import os
from pathlib import Path

import numpy as np
import onnxruntime
from mosec import Server, Worker

columns = json.loads(Path(os.environ["PEER_COLUMNS"]).read_text())


class Predictor(Worker):
    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        graph = str(Path(os.environ["PEER_FOLDER"], "model.onnx"))
        self.session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self.dtype = {"tensor(float)": np.float32, "tensor(double)": np.float64}[self.session.get_inputs()[0].type]

    def rows(self, data):
        return data["instances"]

    def forward(self, data):
        (labels,) = self.session.run(["label"], {"X": np.array(self.rows(data), self.dtype)})
        return {"predictions": labels.tolist()}


class Named(Predictor):
    def rows(self, data):
        return [[row[name] for name in columns] for row in data["instances"]]


class Echo(Worker):
    def forward(self, data):
        return data


def start(worker):
    server = Server()
    server.append_worker(worker, num=2, route="/predict")
    server.run()
