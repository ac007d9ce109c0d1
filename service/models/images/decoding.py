"""The bytes of a JPEG, a PNG or a WebP as an image of Pillow, within a bound on its pixels.

    found = opened(content, most=25_000_000)        # its header is read, and no pixel
    found.size                                      # (1024, 768)
    found.image()                                   # PIL.Image.Image, mode RGB, turned as its EXIF says

Both raise Unreadable. What is not one of the three formats reaches no decoder, and the size of a WebP is read here:
its decoder takes the memory of all pixels as soon as it is made.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageOps, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from ...capabilities import Unread
from ...errors import in_a_line

__all__ = ["MODES", "Opened", "Unreadable", "opened"]

# Modes of 8 bits a channel. Pillow would cut brighter ones off at white: 16 bits of gray, whole numbers, floats.
MODES = frozenset(("1", "CMYK", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "YCbCr"))
STILL = "a JPEG, PNG or WebP image"
JPEG, PNG, RIFF, WEBP = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"WEBP"
OTHERS = {b"GIF8": "a GIF", b"BM": "a BMP", b"II*\0": "a TIFF", b"MM\0*": "a TIFF", b"%PDF": "a PDF", b"<": "a text"}
HEIF = b"ftyp"  # behind the length of the first box, of HEIC and AVIF


class Unreadable(Exception):
    """why: an Unread."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.why = Unread(expected, got)


@dataclass(frozen=True)
class Opened:
    """An image whose header has been read; `image` may be called once."""

    source: Image.Image

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.source.size

    def image(self) -> Image.Image:
        """The image as transformers' `load_image` gives it: upright, RGB; what is transparent has its own color.

        Raises Unreadable.
        """
        try:
            self.source.load()
            ImageOps.exif_transpose(self.source, in_place=True)
            self.source.info.pop("transparency", None)  # RGB has none, and a palette's would be warned of
            return self.source if self.source.mode == "RGB" else self.source.convert("RGB")
        except Exception as error:  # each decoder raises exceptions of its own
            raise broken(error) from None


def opened(content: bytes, most: int) -> Opened:
    """most: pixels. Raises Unreadable for what is no image of the three formats, is animated, or has more pixels."""
    make = decoder_of(content)
    if make is WebPImagePlugin.WebPImageFile:
        check_size(*webp_size(content), most)
    try:
        source = make(io.BytesIO(content))
    except Exception as error:  # as in Opened.image
        raise broken(error) from None
    check_size(*source.size, most)
    if getattr(source, "is_animated", False):
        raise Unreadable("an image that stands still", "an animation")
    if source.mode not in MODES:
        raise Unreadable("an image of 8 bits a channel", f"pixels of the mode {source.mode}")
    return Opened(source)


def decoder_of(content: bytes) -> Callable[[Any], Image.Image]:
    """The class of Pillow that reads a file which begins so. Raises Unreadable."""
    if content.startswith(JPEG):
        return JpegImagePlugin.JpegImageFile
    if content.startswith(PNG):
        return PngImagePlugin.PngImageFile
    if content.startswith(RIFF) and content[8:12] == WEBP:
        return WebPImagePlugin.WebPImageFile
    if not content:
        raise Unreadable(STILL, "nothing")
    told = next((name for mark, name in OTHERS.items() if content.startswith(mark)), None)
    if content[4:8] == HEIF:
        told = "a HEIC or AVIF image"
    raise Unreadable(STILL, told or f"{len(content)} bytes that begin with {content[:8].hex(' ')}")


def check_size(width: int, height: int, most: int) -> None:
    """Raise Unreadable where the header announces more pixels than are taken, or none."""
    if not 0 < width * height <= most:
        raise Unreadable(f"an image of at most {most} pixels", f"{width} x {height} pixels")


def webp_size(content: bytes) -> tuple[int, int]:
    """(width, height) by the header of a WebP: https://developers.google.com/speed/webp/docs/riff_container.

    Raises Unreadable.
    """
    chunk, head = content[12:16], content[20:30]
    if len(head) == 10 and chunk == b"VP8X":
        return 1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little")
    if len(head) == 10 and chunk == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if len(head) == 10 and chunk == b"VP8 ":
        return int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF
    raise Unreadable(STILL, "a WebP without a header")


def broken(error: Exception) -> Unreadable:
    return Unreadable("an image that can be decoded", f"one that is broken: {in_a_line(error, 120)}")
