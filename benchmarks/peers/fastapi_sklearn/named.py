"""FastAPI and scikit-learn with columns by name: a pydantic model of a row, frames made of such rows."""

import json
import os
from pathlib import Path

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel, Field, create_model

app = FastAPI()
model = joblib.load(os.environ["PEER_MODEL"])
columns = json.loads(Path(os.environ["PEER_COLUMNS"]).read_text())
# The names hold spaces, which no attribute may.
Row = create_model("Row", **{name.replace(" ", "_"): (float, Field(alias=name)) for name in columns})


class Table(BaseModel):
    instances: list[Row]


class Answer(BaseModel):
    predictions: list[int]


@app.post("/predict")
def predict(table: Table) -> Answer:
    frame = pd.DataFrame([row.model_dump(by_alias=True) for row in table.instances])
    return Answer(predictions=model.predict(frame).tolist())
