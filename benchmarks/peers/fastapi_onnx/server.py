"""FastAPI and ONNX Runtime by hand: one session of one thread, no hand-over to a thread pool for microseconds."""

import os
from pathlib import Path
from typing import Annotated

import numpy as np
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel, Field

COLUMNS = 30

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
graph = str(Path(os.environ["PEER_FOLDER"], "model.onnx"))
session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
dtype = {"tensor(float)": np.float32, "tensor(double)": np.float64}[session.get_inputs()[0].type]
app = FastAPI()


class Table(BaseModel):
    instances: list[Annotated[list[float], Field(min_length=COLUMNS, max_length=COLUMNS)]]


class Answer(BaseModel):
    predictions: list[int]


@app.post("/predict")
async def predict(table: Table) -> Answer:
    (labels,) = session.run(["label"], {"X": np.asarray(table.instances, dtype)})
    return Answer(predictions=labels.tolist())
