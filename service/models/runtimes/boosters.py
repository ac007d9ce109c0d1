"""Boosters as estimators: bare ones of XGBoost and LightGBM, and the files that three libraries write themselves.

    estimator = load(open("model.ubj", "rb"))     # XGBClassifier where a wrapper wrote the file, else BareBooster
    estimator = as_estimator(booster)             # anything else stays as it is

Such a file holds numbers and names, and no code: unlike a pickle it may come from strangers. What it is, is told by
its first bytes.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

__all__ = ["SUFFIXES", "BareBooster", "as_estimator", "library_of", "load"]

SUFFIXES = (".json", ".ubj", ".txt", ".cbm", ".model", ".bst", ".xgb", ".lgb", ".cb")  # the last ones: by MLflow
HEAD = 2**16  # bytes in which a file tells whose it is
WRAPPERS = {"classifier": "XGBClassifier", "regressor": "XGBRegressor", "ranker": "XGBRanker"}
WAYS = {
    "xgboost": "booster.save_model('model.ubj')",
    "lightgbm": "booster.save_model('model.txt')",
    "catboost": "model.save_model('model.cbm')",
}


class BareBooster:
    """A Booster of XGBoost or LightGBM with the one method of an estimator that it has.

    `native`: the Booster. predict(X) is what its own predict gives: numbers, of a classification probabilities.
    """

    def __init__(self, native: Any) -> None:
        self.native = native
        xgboost = library(native) == "xgboost"
        self.n_features_in_ = native.num_features() if xgboost else native.num_feature()
        names = native.feature_names if xgboost else native.feature_name()
        if names:
            self.feature_names_in_ = np.array(names, dtype=object)

    def predict(self, X: Any) -> np.ndarray:
        """X: ndarray [rows, columns], sparse matrix or DataFrame -> [rows] or [rows, classes or targets]."""
        if library(self.native) == "lightgbm":
            return self.native.predict(X, num_threads=1)
        from xgboost import DMatrix

        named = hasattr(X, "columns")  # a frame tells the names and types of its columns
        names, types = (None, None) if named else (self.native.feature_names, self.native.feature_types)
        rows = DMatrix(X, feature_names=names, feature_types=types, enable_categorical=True, nthread=1)
        return self.native.predict(rows)


def library(value: Any) -> str:
    """The library that defines the class of a value."""
    return type(value).__module__.partition(".")[0]


def as_estimator(model: Any) -> Any:
    """A bare Booster as an estimator; anything else as it is."""
    bare = type(model).__name__ == "Booster" and library(model) in ("xgboost", "lightgbm")
    return BareBooster(model) if bare else model


def library_of(file: BinaryIO) -> str:
    """xgboost, lightgbm or catboost: whose an open file is, which is left at its start. Raises ValueError."""
    head = file.read(HEAD)
    file.seek(0)
    if head.startswith(b"CBM1"):
        return "catboost"
    if head.startswith((b"tree\n", b"tree\r\n")):
        return "lightgbm"
    if head.startswith(b"{L") or b'"learner"' in head:
        return "xgboost"
    if head.lstrip().startswith(b"{") and (b'"features_info"' in head or b'"oblivious_trees"' in head):
        return "catboost"
    if b'"tree_info"' in head or b'"feature_infos"' in head:
        raise ValueError(f"what LightGBM's dump_model wrote, which it cannot read again: {WAYS['lightgbm']}")
    ways = ", ".join(f"{name}'s {way}" for name, way in WAYS.items())
    raise ValueError(f"no file of XGBoost, LightGBM or CatBoost that can be read; they write one by {ways}")


def load(file: BinaryIO) -> Any:
    """The model in an open file, as an estimator. Raises ValueError, ImportError, or what the library raises."""
    return {"xgboost": xgboost_model, "lightgbm": lightgbm_model, "catboost": catboost_model}[library_of(file)](file)


def xgboost_model(file: BinaryIO) -> Any:
    import xgboost

    content = bytearray(file.read())
    native = xgboost.Booster({"nthread": 1}, model_file=content)
    written_by = json.loads(native.attr("scikit_learn") or "{}").get("_estimator_type")
    if written_by not in WRAPPERS:
        return BareBooster(native)
    estimator = getattr(xgboost, WRAPPERS[written_by])(n_jobs=1)
    estimator.load_model(content)
    return estimator


def lightgbm_model(file: BinaryIO) -> Any:
    import lightgbm

    return BareBooster(lightgbm.Booster(model_str=file.read().decode()))


def catboost_model(file: BinaryIO) -> Any:
    import catboost

    content = file.read()
    model = read_catboost(catboost.CatBoost(), content)
    metadata = model.get_metadata()
    keys = list(metadata.keys())
    if "class_params" in keys:
        return read_catboost(catboost.CatBoostClassifier(), content)
    loss = json.loads(metadata["params"])["loss_function"] if "params" in keys else {}
    if loss.get("type", "").endswith(("Rank", "Logit", "Pairwise", "NDCG", "Map")):
        return model
    # Reading a file does not bring the loss back, and by it predict knows whether to give exp of the sums.
    return read_catboost(catboost.CatBoostRegressor(**{"loss_function": described(loss)} if loss else {}), content)


def read_catboost(model: Any, content: bytes) -> Any:
    if content.startswith(b"CBM1"):
        return model.load_model(blob=content)
    with tempfile.TemporaryDirectory() as folder:  # CatBoost reads JSON from files alone
        path = Path(folder, "model.json")
        path.write_bytes(content)
        return model.load_model(str(path), format="json")


def described(loss: dict[str, Any]) -> str:
    """{"type": "Tweedie", "params": {"variance_power": "1.5"}} -> "Tweedie:variance_power=1.5"."""
    options = ";".join(f"{name}={value}" for name, value in loss.get("params", {}).items())
    return f"{loss['type']}:{options}" if options else loss["type"]
