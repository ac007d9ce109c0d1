"""Images that a version is proven on: of several sizes, forms and modes, each made here.

[each.name for each in samples()]       # ["24 x 16 RGB PNG", "300 x 200 RGB JPEG", ...]
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

__all__ = ["Sample", "samples"]

ORIENTATION = 0x0112  # of EXIF
# (width, height, mode, form, EXIF's orientation). The first one is small: it is kept as the version's example.
KINDS = (
    *((24, 16, "RGB", "PNG", 0), (300, 200, "RGB", "JPEG", 0), (200, 300, "RGB", "JPEG", 6), (31, 90, "L", "PNG", 0)),
    *(
        (400, 57, "RGBA", "PNG", 0),
        (224, 224, "RGB", "WEBP", 0),
        (640, 480, "P", "PNG", 0),
        (256, 250, "CMYK", "JPEG", 0),
    ),
    *((1, 1, "RGB", "PNG", 0), (999, 701, "RGB", "JPEG", 3), (65, 129, "1", "PNG", 0), (90, 61, "LA", "PNG", 0)),
    *((513, 385, "L", "JPEG", 5), (120, 200, "RGBA", "WEBP", 8)),
)


class Sample(NamedTuple):
    name: str
    content: bytes


def samples() -> Iterator[Sample]:
    """The same ones each time, as far as Pillow encodes them alike."""
    for place, (width, height, mode, form, orientation) in enumerate(KINDS):
        name = f"{width} x {height} {mode} {form}" + (f", turned by EXIF {orientation}" if orientation else "")
        yield Sample(name, encoded(picture(width, height, mode, place), form, orientation))


def picture(width: int, height: int, mode: str, seed: int) -> Image.Image:
    """Waves, an edge and noise: what filters of different kinds change in different ways."""
    random = np.random.default_rng(seed)
    down, across = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = [127 + 100 * np.sin(across / (5 + channel) + down / (9 - channel) + seed) for channel in range(4)]
    pixels = np.stack(waves, axis=-1)
    pixels[height // 3 :, width // 2 :, seed % 3] = 250
    pixels[: height // 2] += random.normal(scale=12, size=(height // 2, width, 1))
    whole = Image.fromarray(pixels.clip(0, 255).astype(np.uint8), "RGBA")
    if mode == "P":
        palette = whole.convert("RGB").quantize(61)
        palette.info["transparency"] = bytes(range(61))
        return palette
    return whole.convert("RGB").convert(mode) if mode == "CMYK" else whole.convert(mode)


def encoded(image: Image.Image, form: str, orientation: int) -> bytes:
    options: dict[str, Any] = {"lossless": False} if form == "WEBP" else {}
    if orientation:
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        options["exif"] = exif
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()
