"""Requests of the Open Inference Protocol and the models they are for, for tests.

post("iris", **call(tensor()))
post("iris", **raw([tensor()], [X.tobytes()]))
"""

import json
import struct

import numpy as np
import pandas as pd
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder
from sklearn.tree import DecisionTreeClassifier

from service.packing import pack
from tests.support.tiny_text import pack_tiny

__all__ = ["HEADER", "NAMES", "WANTED", "X", "call", "columns", "framed", "outputs", "pack_models", "raw", "tensor"]

HEADER = "Inference-Header-Content-Length"
X = load_iris().data[[0, 60, 120]]
NAMES = load_iris().feature_names
PETS = pd.DataFrame({"kind": ["cat", "dog", None, "cat"] * 5, "name": ["Tom", "Rex", "Ivy", "Ann"] * 5})


def tensor(data=X, datatype="FP64", name="x", shape=None, **parameters):
    shape = list(np.shape(data)) if shape is None else shape
    told = {"name": name, "datatype": datatype, "shape": shape, "data": np.asarray(data, dtype=object).tolist()}
    return told | ({"parameters": parameters} if parameters else {})


def call(*inputs, **more):
    return {"json": {"inputs": list(inputs), **more}}


def raw(entries, raws, **more):
    """A body of the binary extension: JSON with binary_data_size, then the raw tensors."""
    for entry, one in zip(entries, raws, strict=True):
        entry.pop("data", None)
        entry["parameters"] = {"binary_data_size": len(one)}
    head = json.dumps({"inputs": entries, **more}).encode()
    return {"data": b"".join([head, *raws]), "headers": {HEADER: str(len(head))}}


def framed(*texts):
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def outputs(answer):
    return {one["name"]: one for one in answer["outputs"]}


WANTED = ["setosa", "versicolor", "virginica"]


def columns(table=X, names=NAMES, datatype="FP64", width=()):
    return [
        tensor(cells, datatype, name, [len(table), *width])
        for name, cells in zip(names, np.transpose(table), strict=True)
    ]


def pack_models(store):
    """iris (in two versions), numbered, several, pets and tiny into a store."""
    iris = load_iris(as_frame=True)
    labels = iris.target.map(dict(enumerate(iris.target_names)))
    for turns in (200, 1000):
        pack(LogisticRegression(max_iter=turns).fit(iris.data, labels), iris.data, labels, name="iris", store=store)
    numbered = LogisticRegression(max_iter=1000).fit(iris.data, iris.target)
    pack(numbered, iris.data, iris.target, name="numbered", store=store)
    several = pd.DataFrame({"a": labels, "b": (iris.target > 1).map({True: "yes", False: "no"})})
    forest = RandomForestClassifier(3, random_state=0).fit(iris.data, several)
    pack(forest, iris.data, several, name="several", store=store)
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
    pets = make_pipeline(ordinal, DecisionTreeClassifier()).fit(PETS, [0, 1, 1, 0] * 5)
    pack(pets, PETS, [0, 1, 1, 0] * 5, name="pets", store=store)
    pack_tiny(store)
