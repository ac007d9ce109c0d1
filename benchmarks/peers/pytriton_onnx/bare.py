"""PyTriton over ONNX Runtime by hand: Triton's own HTTP server, and two processes of Python behind it."""

import json
import os
from pathlib import Path

import numpy as np
import onnxruntime
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

MOST = 1024  # rows in one call
WORKERS = 2

columns = json.loads(Path(os.environ["PEER_COLUMNS"]).read_text())


def predictor():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    graph = str(Path(os.environ["PEER_FOLDER"], "model.onnx"))
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    dtype = {"tensor(float)": np.float32, "tensor(double)": np.float64}[session.get_inputs()[0].type]

    @batch
    def predict(**tensors):
        rows = np.concatenate(list(tensors.values()), axis=1)
        (labels,) = session.run(["label"], {"X": rows.astype(dtype)})
        return {"label": labels.astype(np.int64).reshape(-1, 1)}

    return predict


def start(inputs):
    ports = {f"{name}_port": int(os.environ[f"PEER_{name.upper()}"]) for name in ("http", "grpc", "metrics")}
    with Triton(config=TritonConfig(http_address="127.0.0.1", **ports)) as triton:
        triton.bind(
            model_name="bench",
            infer_func=[predictor() for _ in range(WORKERS)],
            inputs=inputs,
            outputs=[Tensor(name="label", dtype=np.int64, shape=(1,))],
            config=ModelConfig(max_batch_size=MOST),
        )
        triton.serve()
