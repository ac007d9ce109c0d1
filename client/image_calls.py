"""What a client asks of classifiers of images.

    with Client("http://127.0.0.1:1200") as client:
        client.classify_images(Path("cat.jpg"))

The images go to `/v1/models/<model>:predict` as the files of a form, as they are: nothing is decoded here.
"""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Union
from urllib.parse import urlencode

import requests

from .answers import Predictions
from .base_client import BaseClient
from .calls import Body, Call
from .rows import without_none

__all__ = ["classify_images"]

Image = Union[bytes, str, PathLike[str]]


def classify_images(
    client: BaseClient,
    images: Image | Iterable[Image],
    model: str | None = None,
    *,
    version: str | None = None,
    top_k: int | None = None,
    timeout: float | None = None,
) -> Call[Predictions]:
    """Images, or one -> Predictions, for each a list of dicts, the most probable first: "label" and "score".

    images: the bytes of a JPEG, a PNG or a WebP each, or the path of such a file. model: a name; None is the
    server's default for images. top_k: how many labels of each; None is 5. Raises InvalidRequest whose `details`
    name every image that cannot be read, by its "row"; OSError for a file that cannot be read here.
    """
    several = [images] if isinstance(images, (bytes, str, PathLike)) else list(images)
    contents = [each if isinstance(each, bytes) else Path(each).read_bytes() for each in several]
    if not contents:
        raise ValueError("at least one image is needed")
    form = requests.Request("POST", client.url, files=[("image", ("image", content)) for content in contents])
    prepared = form.prepare()
    content = prepared.body
    assert isinstance(content, bytes)  # of files that are bytes
    body = Body(content, prepared.headers["Content-Type"], urlencode(without_none({"top_k": top_k})))
    return client._predict("image_classification", model, version, body, Predictions.from_answer, timeout)
