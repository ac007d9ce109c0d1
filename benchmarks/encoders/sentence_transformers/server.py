"""sentence-transformers under FastAPI, as its documentation uses it."""

import os

from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer

model = SentenceTransformer(os.environ["PEER_CHECKPOINT"], device="cpu")
app = FastAPI()


class Texts(BaseModel):
    input: list[str]


@app.post("/embed")
def embed(texts: Texts) -> list[list[float]]:
    return model.encode(texts.input, convert_to_numpy=True).tolist()
