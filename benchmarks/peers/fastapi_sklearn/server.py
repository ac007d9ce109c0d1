"""FastAPI and scikit-learn: a pydantic body that checks types and widths, arrays instead of frames."""

import os
from typing import Annotated

import joblib
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel, Field

COLUMNS = 30

app = FastAPI()
model = joblib.load(os.environ["PEER_MODEL"])


class Table(BaseModel):
    instances: list[Annotated[list[float], Field(min_length=COLUMNS, max_length=COLUMNS)]]


class Answer(BaseModel):
    predictions: list[int]


@app.post("/predict")
def predict(table: Table) -> Answer:
    return Answer(predictions=model.predict(np.asarray(table.instances)).tolist())
