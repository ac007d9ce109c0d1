"""fastembed under FastAPI, as its documentation uses it, on the same graph: its vectors come out pooled already."""

import os
from pathlib import Path

from fastapi import FastAPI
from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType
from pydantic import BaseModel

FOLDER = Path(os.environ["PEER_FASTEMBED"])  # the checkpoint's files and the graph, as it looks for them
TextEmbedding.add_custom_model(
    model="minilm",
    pooling=PoolingType.DISABLED,
    normalization=False,
    sources=ModelSource(hf="minilm"),
    dim=384,
    model_file="model.onnx",
)
model = TextEmbedding("minilm", specific_model_path=str(FOLDER), threads=len(os.sched_getaffinity(0)))
app = FastAPI()


class Texts(BaseModel):
    input: list[str]


@app.post("/embed")
def embed(texts: Texts) -> list[list[float]]:
    return [vector.tolist() for vector in model.embed(texts.input)]
