"""ONNX Runtime by hand under FastAPI: the same graph, and the texts of one request padded to the longest."""

import os
from pathlib import Path

import numpy as np
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel
from tokenizers import Tokenizer

FOLDER = Path(os.environ["PEER_VERSION"])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = len(os.sched_getaffinity(0))
session = onnxruntime.InferenceSession(FOLDER / "model.onnx", options, providers=["CPUExecutionProvider"])
inputs = {each.name for each in session.get_inputs()}
tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
tokenizer.enable_truncation(256)
tokenizer.enable_padding()
app = FastAPI()


class Texts(BaseModel):
    input: list[str]


@app.post("/embed")
def embed(texts: Texts) -> list[list[float]]:
    encodings = tokenizer.encode_batch(texts.input)
    fed = {
        "input_ids": np.array([each.ids for each in encodings]),
        "attention_mask": np.array([each.attention_mask for each in encodings]),
        "token_type_ids": np.array([each.type_ids for each in encodings]),
    }
    (vectors,) = session.run(None, {name: array for name, array in fed.items() if name in inputs})
    return vectors.tolist()
