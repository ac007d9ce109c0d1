"""A classifier of images small enough for any test: which of three colors an image has most of.

    pack_colors(store)                    # `colors`: red, green, blue; images are read at 8 x 8 pixels
    picture("red"), picture((9, 9, 200), form="JPEG")         # bytes

It is written as packing writes it, in a millisecond: the mean of each channel is a label's number.
"""

import io
from base64 import b64encode

import numpy as np
import onnx
from onnx import helper
from PIL import Image

from service.store.manifest import Manifest
from service.store.versions import Store
from tests.support import graphs

COLORS = ["red", "green", "blue"]
SIDE = 8
STEPS = {
    "resize": {"height": SIDE, "width": SIDE},
    "resample": 2,
    "crop": None,
    "rescale": 1 / 255,
    "offset": 0.0,
    "normalize": [{"mean": [0.5] * 3, "std": [0.25] * 3}],
    "flip": False,
    "height": SIDE,
    "width": SIDE,
}
FULL = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


def picture(color, size=(20, 10), form="PNG", mode="RGB", **options):
    """The bytes of an image of one color. options: of Pillow's `save`."""
    file = io.BytesIO()
    Image.new("RGB", size, FULL.get(color, color)).convert(mode).save(file, form, **options)
    return file.getvalue()


def b64(content):
    return {"b64": b64encode(content).decode()}


def scores_of(color):
    """What `colors` gives for an image of one color, computed by hand: float64 [3]."""
    powers = np.exp((np.array(FULL.get(color, color)) / 255 - 0.5) / 0.25)
    return powers / powers.sum()


def pack_colors(store, name="colors", steps=STEPS, **spec):
    graph = graphs.model(
        [helper.make_node("ReduceMean", ["pixel_values", "sides"], ["logits"], keepdims=0)],
        [graphs.value("pixel_values", shape=["images", 3, steps["height"], steps["width"]])],
        [graphs.value("logits", shape=["images", 3])],
        {"sides": [2, 3]},
        {"": 21},
    )
    own = {
        "architecture": "Colors",
        "parameter_count": 0,
        "task": "image classification",
        "problem": "single_label_classification",
        "labels": COLORS,
        "preprocessing": steps,
        "runtime": {"name": "onnx", "compiler": "by hand", "payload": "model.onnx", "precision": "float32"}
        | {"images": 1, "measured": 0.0, "neighbors": 0.0, "tolerance": 3e-5},
    }
    scores = scores_of("red").tolist()
    given = [{"label": label, "score": score} for label, score in zip(COLORS, scores, strict=True)]
    opened = Store(store)
    with opened.adding(name) as draft:
        onnx.save(graph, draft.folder / "model.onnx")
        draft.manifest = Manifest(
            draft.model,
            draft.version,
            "image_classification",
            draft.digests(),
            own | spec,
            {"instances": [b64(picture("red"))], "predictions": [given]},
            provenance={"packages": {}},
        )
    return opened.open(name)
