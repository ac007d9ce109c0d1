"""Prove a compiled classifier of images: pixels as transformers' processor makes them, numbers as torch has them.

    manifest = prove(version, module, processor)
    manifest.spec["runtime"]["measured"]       # 2.4e-07

Each image is compared alone and among others, so the bound is also one on what neighbors may change.
"""

from __future__ import annotations

import io
import warnings
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers.image_utils import load_image

from ...errors import in_a_line
from ...models.class_scores import scores
from ...models.images.classifier import ImageClassifier, best
from ...settings import Settings
from ...store.manifest import Manifest
from ...store.versions import StoredVersion
from .network import Logits
from .processor import FILE
from .samples import Sample, samples

__all__ = ["PIXELS", "TOLERANCE", "prove"]

TOLERANCE = 3e-5  # between the graph's numbers and torch's, as a part of the largest of torch's
PIXELS = 1e-6  # between our numbers of pixels and transformers', which are about 1
DIGITS = 7  # of the example's scores
KEPT = 5  # labels of the example
NAMED = 3  # images in an error


def prove(version: StoredVersion, module: Logits, processor: Any) -> Manifest:
    """The manifest with an example, and with how far the served numbers are from torch's.

    Raises ValueError where the pixels of an image are others than transformers', or a number is too far away.
    """
    model = ImageClassifier.load(version, Settings(workers=1))
    images = list(samples())
    cut = model.cut([image.content for image in images])
    theirs = [prepared(processor, image) for image in images]
    check_pixels(processor, images, model.preparing.numbers(cut), theirs)
    expected = numbers(module, theirs)
    together = np.concatenate(list(model.logits(cut)))
    alone = np.concatenate([each for one in cut for each in model.logits([one])])
    scale = float(np.abs(expected).max()) or 1.0
    far, apart = (float(np.abs(together - other).max()) / scale for other in (expected, alone))
    if not max(far, apart) <= TOLERANCE:
        raise ValueError(
            f"the graph's numbers differ from torch's by {far:.1e} of the largest, and by {apart:.1e} between images "
            f"alone and among others; {TOLERANCE} is allowed"
        )
    measured = {"images": len(images), "measured": far, "neighbors": apart, "tolerance": TOLERANCE}
    spec = version.manifest.spec
    found = scores(expected[:1], spec["problem"])[0]
    given = [each | {"score": float(f"{each['score']:.{DIGITS}g}")} for each in best(spec["labels"], found, KEPT)]
    example = {"instances": [{"b64": b64encode(images[0].content).decode()}], "predictions": [given]}
    return replace(version.manifest, spec=spec | {"runtime": spec["runtime"] | measured}, example=example)


def check_pixels(processor: Any, images: Sequence[Sample], ours: np.ndarray, theirs: Sequence[np.ndarray]) -> None:
    """Raise ValueError naming the images whose pixels are others than transformers'."""
    wrong = [
        f"{image.name} ({reason})"
        for image, own, other in zip(images, ours, theirs, strict=True)
        if (reason := difference(own, other))
    ]
    if wrong:
        raise ValueError(
            f"{type(processor).__name__} prepares images otherwise than the steps of its {FILE}, so it is not served: "
            f"{', '.join(wrong[:NAMED])}{', ...' if len(wrong) > NAMED else ''}"
        )


def difference(ours: np.ndarray, theirs: np.ndarray) -> str:
    """Of two images' numbers, a few words; "" where they are the same."""
    if ours.shape != theirs.shape:
        return f"{list(theirs.shape)}, and not {list(ours.shape)}"
    apart = float(np.abs(ours - theirs).max())
    return "" if apart <= PIXELS else f"by {apart:.1e}"


def prepared(processor: Any, image: Sample) -> np.ndarray:
    """float32 [3, height, width], as the pipeline of transformers has it. Raises ValueError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, of palettes with transparency
            loaded = load_image(Image.open(io.BytesIO(image.content)))
        return np.asarray(processor(images=loaded, return_tensors="np")["pixel_values"][0])
    except Exception as error:  # a processor may raise anything
        raise ValueError(f"{type(processor).__name__} fails on an image of {image.name}: {in_a_line(error)}") from error


@torch.inference_mode()
def numbers(module: Logits, pixels: Sequence[np.ndarray]) -> np.ndarray:
    """float32 [images, labels] of torch, one image after the other."""
    return np.concatenate([module(torch.from_numpy(one[None])).numpy() for one in pixels])
