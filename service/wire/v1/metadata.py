"""A model's tensors as TensorFlow Serving's REST metadata describes them: one signature, an input per column.

    GET /v1/models/<m>/metadata -> {"model_spec": {...}, "metadata": {"signature_def": {...}}}

Source: https://www.tensorflow.org/tfx/serving/api_rest#model_metadata_api
"""

from __future__ import annotations

from typing import Any

from ..v2.metadata import metadata

__all__ = ["signature"]

DTYPES = {"BOOL": "DT_BOOL", "FP16": "DT_HALF", "FP32": "DT_FLOAT", "FP64": "DT_DOUBLE", "BYTES": "DT_STRING"}


def signature(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of the catalogue -> TF Serving's answer."""
    tensors = metadata(entry)
    serving_default = {
        "inputs": {tensor["name"]: tensor_info(tensor) for tensor in tensors["inputs"]},
        "outputs": {tensor["name"]: tensor_info(tensor) for tensor in tensors["outputs"]},
        "method_name": "tensorflow/serving/predict",
    }
    return {
        "model_spec": {"name": entry["name"], "signature_name": "", "version": entry["version"]},
        "metadata": {"signature_def": {"signature_def": {"serving_default": serving_default}}},
    }


def tensor_info(tensor: dict[str, Any]) -> dict[str, Any]:
    """A tensor of V2's metadata as TensorFlow's TensorInfo."""
    dimensions = [{"size": str(size), "name": ""} for size in tensor["shape"]]
    return {
        "name": tensor["name"],
        "dtype": DTYPES.get(tensor["datatype"], f"DT_{tensor['datatype']}"),
        "tensor_shape": {"dim": dimensions, "unknown_rank": False},
    }
