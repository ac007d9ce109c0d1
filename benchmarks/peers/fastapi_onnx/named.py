"""FastAPI and ONNX Runtime by hand with columns by name: a pydantic model of a row, its values in the row's order."""

import json
import os
from pathlib import Path

import numpy as np
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel, Field, create_model

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
graph = str(Path(os.environ["PEER_FOLDER"], "model.onnx"))
session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
dtype = {"tensor(float)": np.float32, "tensor(double)": np.float64}[session.get_inputs()[0].type]
columns = json.loads(Path(os.environ["PEER_COLUMNS"]).read_text())
app = FastAPI()
# The names hold spaces, which no attribute may.
Row = create_model("Row", **{name.replace(" ", "_"): (float, Field(alias=name)) for name in columns})


class Table(BaseModel):
    instances: list[Row]


class Answer(BaseModel):
    predictions: list[int]


@app.post("/predict")
async def predict(table: Table) -> Answer:
    rows = np.array([list(row.__dict__.values()) for row in table.instances], dtype)  # fields keep the class's order
    (labels,) = session.run(["label"], {"X": rows})
    return Answer(predictions=labels.tolist())
