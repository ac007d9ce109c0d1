"""Bytes that are images, and bytes that are not: within a bound on pixels, whatever their header says."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from service.models.images.decoding import Unreadable, opened, webp_size
from tests.support.tiny_images import picture

MOST = 10_000


def refusal(content, most=MOST):
    with pytest.raises(Unreadable) as caught:
        opened(content, most).image()
    return caught.value.why.expected, caught.value.why.got


def png_header(width, height):
    """A PNG that announces this size, and holds nothing."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


def test_modes_become_rgb():
    for form, modes in (
        ("PNG", ("1", "L", "LA", "P", "RGB", "RGBA")),
        ("JPEG", ("CMYK", "L", "RGB")),
        ("WEBP", ("RGBA",)),
    ):
        for mode in modes:
            found = opened(picture("red", form=form, mode=mode), MOST).image()
            assert (found.mode, found.size) == ("RGB", (20, 10))


def test_a_palette_with_transparency_warns_of_nothing():
    image = Image.new("RGB", (4, 4), "red").quantize(2)
    file = io.BytesIO()
    image.save(file, "PNG", transparency=bytes([0, 255]))
    assert np.asarray(opened(file.getvalue(), MOST).image())[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_stands_upright(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = opened(picture("red", form="JPEG", exif=exif), MOST)
    assert found.size == (20, 10)
    assert found.image().size == ((20, 10) if orientation < 5 else (10, 20))


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (b"", "nothing"),
        (b"GIF89a", "a GIF"),
        (b"\x00\x00\x00\x18ftypheic", "a HEIC or AVIF image"),
        (b"<svg xmlns=", "a text"),
        (b"hello there", "11 bytes that begin with 68 65 6c 6c 6f 20 74 68"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "a WebP without a header"),
    ],
)
def test_what_is_no_image_is_told(content, got):
    assert refusal(content) == ("a JPEG, PNG or WebP image", got)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_broken_one_is_refused(form):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8)).save(file, form)
    content = file.getvalue()
    for end in range(12, len(content) - 100, len(content) // 40):
        expected, _ = refusal(content[:end])
        assert expected in ("an image that can be decoded", "a JPEG, PNG or WebP image")


def test_a_bomb_is_refused_by_its_header():
    """Pillow's own bound is on what it decodes; a header that announces gigabytes has to be enough."""
    assert refusal(png_header(40_000, 40_000)) == ("an image of at most 10000 pixels", "40000 x 40000 pixels")
    extended = b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (16382).to_bytes(3, "little") * 2
    assert webp_size(extended) == (16383, 16383)
    assert refusal(extended)[1] == "16383 x 16383 pixels"
    for lossless in (False, True):
        assert webp_size(picture("red", form="WEBP", lossless=lossless)) == (20, 10)


def test_more_than_8_bits_of_gray_are_refused():
    file = io.BytesIO()
    Image.fromarray(np.full((4, 4), 40_000, np.uint16)).save(file, "PNG")
    assert refusal(file.getvalue()) == ("an image of 8 bits a channel", "pixels of the mode I;16")
