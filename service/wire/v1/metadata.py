"""A model's tensors as TensorFlow Serving's REST metadata tells them: one signature, an input per column.

    GET /v1/models/<m>/metadata -> {"model_spec": {...}, "metadata": {"signature_def": {...}}}

Source: https://www.tensorflow.org/tfx/serving/api_rest#model_metadata_api
"""

from ..v2.metadata import metadata

__all__ = ["signature"]

DTYPES = {"BOOL": "DT_BOOL", "FP16": "DT_HALF", "FP32": "DT_FLOAT", "FP64": "DT_DOUBLE", "BYTES": "DT_STRING"}


def signature(entry):
    """An entry of the catalogue -> TF Serving's answer."""
    told = metadata(entry)
    signature = {
        "inputs": {one["name"]: tensor(one) for one in told["inputs"]},
        "outputs": {one["name"]: tensor(one) for one in told["outputs"]},
        "method_name": "tensorflow/serving/predict",
    }
    return {
        "model_spec": {"name": entry["name"], "signature_name": "", "version": entry["version"]},
        "metadata": {"signature_def": {"signature_def": {"serving_default": signature}}},
    }


def tensor(one):
    dimensions = [{"size": str(size), "name": ""} for size in one["shape"]]
    return {
        "name": one["name"],
        "dtype": DTYPES.get(one["datatype"], f"DT_{one['datatype']}"),
        "tensor_shape": {"dim": dimensions, "unknown_rank": False},
    }
