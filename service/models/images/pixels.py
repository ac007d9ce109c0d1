"""From an image to the numbers that a network reads, as the image processors of transformers make them.

    preparing = Preparing(spec["preprocessing"])
    whole = preparing.cut(image)                    # uint8 [height, width, 3]: resized and cropped
    preparing.numbers([whole, whole])               # float32 [2, 3, height, width]: rescaled and normalized

`preprocessing` of the manifest: {"resize": {"height", "width"} or {"shortest_edge"} or None, "resample": Pillow's
number of the filter, "crop": {"height", "width"} or None, "rescale": a factor or None, "offset": what is subtracted
then, "normalize": a list of {"mean", "std"}, three numbers each, "flip": whether blue is the first channel, "height",
"width": of what comes out}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

__all__ = ["Preparing"]

CHANNELS = 3
LEVELS = 256  # of a channel


class Preparing:
    """The steps of one image processor. For any number of threads at once."""

    def __init__(self, steps: Mapping[str, Any]) -> None:
        self.steps = steps
        self.shape: tuple[int, int] = steps["height"], steps["width"]
        self._table = table(steps["rescale"], steps["offset"], steps["normalize"])
        self._channels = range(CHANNELS)[::-1] if steps["flip"] else range(CHANNELS)

    def work(self, width: int, height: int) -> int:
        """Pixels of an image of this size once it is resized: many, where one side is far longer than the other."""
        if self.steps["resize"] is None:
            return width * height
        new_height, new_width = resized(height, width, self.steps["resize"])
        return new_height * new_width

    def cut(self, image: Image.Image) -> np.ndarray:
        """uint8 [height, width, 3] of an RGB image."""
        if self.steps["resize"] is not None:
            height, width = resized(image.height, image.width, self.steps["resize"])
            image = image.resize((width, height), self.steps["resample"])
        pixels = np.asarray(image)
        crop = self.steps["crop"]
        return pixels if crop is None else cropped(pixels, crop["height"], crop["width"])

    def numbers(self, cut: Sequence[np.ndarray]) -> np.ndarray:
        """float32 [images, 3, height, width] of what `cut` gave."""
        found = np.empty((len(cut), CHANNELS, *self.shape), np.float32)
        for place, pixels in enumerate(cut):
            for to, channel in enumerate(self._channels):
                np.take(self._table[channel], pixels[..., channel], out=found[place, to], mode="clip")
        return found


def table(rescale: float | None, offset: float, normalize: Sequence[Mapping[str, Sequence[float]]]) -> np.ndarray:
    """float32 [3, 256]: what becomes of each level of a channel, rounded step by step as transformers rounds it."""
    levels = np.tile(np.arange(LEVELS, dtype=np.uint8), (CHANNELS, 1))
    if rescale is not None:
        levels = (levels.astype(np.float64) * rescale).astype(np.float32)
    found = levels.astype(np.float32) - np.float32(offset)
    for each in normalize:
        mean, std = (np.array(each[name], np.float32)[:, None] for name in ("mean", "std"))
        found = (found - mean) / std
    return np.ascontiguousarray(found, np.float32)


def resized(height: int, width: int, size: Mapping[str, int]) -> tuple[int, int]:
    """(height, width) of an image once it is resized. A side keeps at least one pixel."""
    if "shortest_edge" not in size:
        return size["height"], size["width"]
    short = size["shortest_edge"]
    long = int(short * max(height, width) / min(height, width))
    return (long, short) if width <= height else (short, long)


def cropped(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle of uint8 [rows, columns, 3]; black stands where the image is smaller than that."""
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    if top >= 0 and left >= 0:
        return pixels[top : top + height, left : left + width]
    rows, columns = max(height, pixels.shape[0]), max(width, pixels.shape[1])
    above, before = -((pixels.shape[0] - rows) // 2), -((pixels.shape[1] - columns) // 2)
    canvas = np.zeros((rows, columns, CHANNELS), np.uint8)
    canvas[above : above + pixels.shape[0], before : before + pixels.shape[1]] = pixels
    top, left = top + above, left + before
    return canvas[max(0, top) : top + height, max(0, left) : left + width]
