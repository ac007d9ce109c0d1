"""What the pages are sent with: the digest of scripts and styles, what a script imports, gzip, and ETags.

assets_digest()                 # "49c122b74d97": changes when any of the files does
imported("page.js")             # ("dom.js",): what a browser would otherwise find only when it has read page.js
"""

from __future__ import annotations

import gzip
import hashlib
import re
from functools import cache, lru_cache
from pathlib import Path

from flask import Response, request

__all__ = ["STATIC", "assets_digest", "compressed", "imported", "short_digest", "unless_known"]

STATIC = Path(__file__).parent / "static"
IMPORT = re.compile(r'^import .* from "\./(.+)";$', re.MULTILINE)
WORTH_IT = 1000  # bytes; below it the headers of compression outweigh what it saves
TEXTS = ("text/", "application/json", "image/svg")


@cache
def assets_digest() -> str:
    """One short digest of all files of static/."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


@cache
def imported(script: str) -> tuple[str, ...]:
    """Every module that a script of static/ imports, and those that these import; each once."""
    found: dict[str, None] = {}
    waiting = [script]
    while waiting:
        names = IMPORT.findall((STATIC / waiting.pop()).read_text(encoding="utf-8"))
        waiting += [name for name in names if name not in found]
        found |= dict.fromkeys(names)
    return tuple(found)


def compressed(response: Response) -> Response:
    """The response by gzip, where the browser takes that and it is worth it; for `after_request`."""
    if not (response.mimetype or "").startswith(TEXTS):
        return response
    response.vary.add("Accept-Encoding")
    if response.status_code != 200 or not takes_gzip() or response.content_encoding:
        return response
    response.direct_passthrough = False
    content = response.get_data()
    if len(content) < WORTH_IT:
        return response
    response.set_data(squeezed(content))
    response.content_encoding = "gzip"
    etag, _ = response.get_etag()
    if etag is not None:
        response.set_etag(etag, weak=True)  # the same text in other bytes
    return response


def takes_gzip() -> bool:
    """Whether the browser takes gzip; `gzip;q=0` says that it does not."""
    return request.accept_encodings.quality("gzip") > 0


def unless_known(response: Response, digest: str) -> Response:
    """The response, which a browser keeps but asks for again each time; or 304 where it holds this very one."""
    response.set_etag(digest)
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response


def short_digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


@lru_cache(maxsize=64)
def squeezed(content: bytes) -> bytes:
    """Compressed once: pages and assets are the same for everybody, until the models change."""
    return gzip.compress(content, mtime=0)
