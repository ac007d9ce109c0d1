"""The folder of an MLflow model, read without mlflow: which file in it is the model, and the rows that came with it.

    file, example = read_folder(Path("mlruns/1/models/m-1/artifacts"))    # .../model.pkl, a DataFrame or None

`MLmodel` describes one model in several flavours; the library's own one names the file that the library wrote. The
flavour `python_function` would import the code that it names, so it is never followed.
Format: https://mlflow.org/docs/latest/ml/model/
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from ..errors import in_a_line
from .other_ways import CLASS_WAY, EXPORT_WAY

__all__ = ["META", "is_folder", "read_folder", "registered_as"]

DESCRIPTION = "MLmodel"
META = "registered_model_meta"  # in a folder that came from a registry: which registered model it is
# Flavour -> the key with the path of its file.
FLAVOURS = {
    "sklearn": "pickled_model",
    "xgboost": "data",
    "lightgbm": "data",
    "catboost": "data",
    "onnx": "data",
}
ORIENTS = ("split", "records", "columns", "index", "values")


def is_folder(path: Path) -> bool:
    """Whether this is the folder of an MLflow model."""
    return (path / DESCRIPTION).is_file()


def read_folder(folder: Path) -> tuple[Path, Any]:
    """(the file that the library wrote, the input example or None), as its description names them.

    Raises ValueError for a flavour that cannot be packed, and for paths outside it.
    """
    described = description(folder)
    flavours = described.get("flavors")
    if not isinstance(flavours, dict):
        raise ValueError(f"{folder / DESCRIPTION} names no flavors")
    flavour = next((name for name in FLAVOURS if isinstance(flavours.get(name), dict)), None)
    if flavour is None:
        listed = ", ".join(sorted(map(str, flavours)))
        if "pytorch" in flavours:
            raise ValueError(f"{folder} holds a model of torch in MLflow's pytorch flavour; {EXPORT_WAY}")
        raise ValueError(
            f"{folder} holds an MLflow model of the flavours {listed}; {', '.join(FLAVOURS)} can be packed from it. "
            f"Otherwise, {CLASS_WAY}"
        )
    file = inside(folder, flavours[flavour].get(FLAVOURS[flavour]))
    if file.is_dir():
        raise ValueError(f"{file} is a folder; a model in a file of {flavour}'s own can be packed")
    return file, example_of(folder, described.get("saved_input_example_info"))


def registered_as(folder: Path) -> dict[str, str]:
    """What a folder says of the registry that it came from: its model_name, model_version and more; empty without."""
    try:
        told = yaml.safe_load((folder / META).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return {}
    return {str(name): str(value) for name, value in told.items()} if isinstance(told, dict) else {}


def description(folder: Path) -> dict[str, Any]:
    try:
        described = yaml.safe_load((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{folder / DESCRIPTION} is no YAML: {in_a_line(error, 200)}") from None
    if not isinstance(described, dict):
        raise ValueError(f"{folder / DESCRIPTION} holds no mapping")
    return described


def inside(folder: Path, name: Any) -> Path:
    """The path of a file that the description names. Raises ValueError where it leaves the folder, or is not there."""
    if not isinstance(name, str):
        raise ValueError(f"{folder / DESCRIPTION} does not name the file of the model")
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{folder / DESCRIPTION} names {name}, which lies outside the folder")
    if not path.exists():
        raise ValueError(f"{folder / DESCRIPTION} names {name}, which is not there")
    return path


def example_of(folder: Path, told: Any) -> Any:
    """The input example: a DataFrame or an ndarray [rows, columns]; None without one, or where it is no table."""
    if not isinstance(told, dict) or told.get("type") not in ("dataframe", "ndarray"):
        return None
    if told["type"] == "ndarray":
        return array_of(inside(folder, told.get("artifact_path")))
    orient = told.get("pandas_orient", "split")
    if orient not in ORIENTS:
        return None
    path = inside(folder, told.get("artifact_path"))
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return frame(content, orient)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no input example of MLflow's: {in_a_line(error, 200)}") from None


def array_of(path: Path) -> Any:
    """The example that MLflow writes of an array: {"inputs": rows}."""
    try:
        rows = np.array(json.loads(path.read_text(encoding="utf-8"))["inputs"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no input example of MLflow's: {in_a_line(error, 200)}") from None
    return rows if rows.ndim == 2 and rows.dtype.kind in "biuf" and len(rows) else None


def frame(content: Any, orient: str) -> Any:
    if orient == "split":
        return pd.DataFrame(content["data"], columns=content.get("columns"))
    return pd.DataFrame.from_dict(content, orient="index") if orient == "index" else pd.DataFrame(content)
