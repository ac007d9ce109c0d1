"""Compressed bodies: decompressed as their Content-Encoding says, never to more than the limit in memory.

    expand(gzip.compress(b"{}"), "gzip", limit=16_777_216)      # b"{}"
    expand(b"{}", "br", limit=16_777_216)                       # UnsupportedMediaType: ...; send gzip, ...

RFC 9110 (gzip, deflate) and RFC 9659 (zstd, whose window may be 8 MiB at most).
"""

from __future__ import annotations

import zlib
from typing import Any

from ..errors import PayloadTooLarge, RequestError, UnsupportedMediaType

__all__ = ["CODINGS", "expand"]

WINDOW_LOG_MAX = 23  # 8 MiB: the format alone would let a body of a few bytes ask for gigabytes


def expand(body: bytes, coding: str, limit: int) -> bytes:
    """Bytes in the coding that a Content-Encoding names -> the decompressed bytes, at most `limit`.

    Raises UnsupportedMediaType, PayloadTooLarge, or RequestError where the bytes are not of that coding.
    """
    name = coding.strip().lower()
    if name in ("", "identity"):
        return body
    if name not in CODINGS:
        raise UnsupportedMediaType(f"the body is encoded as {name}; send {', '.join(CODINGS)}, or identity")
    try:
        decompressor = CODINGS[name](body)
        content = decompressor.decompress(body, limit + 1)
    except Exception as error:  # each codec raises a class of its own
        raise RequestError(f"the body is not {name}: {error}") from None
    if len(content) > limit:
        raise PayloadTooLarge(f"the body is larger than {limit} bytes once it is decompressed, the most taken")
    if not decompressor.eof:
        raise RequestError(f"the body is not {name}: it breaks off")
    if decompressor.unused_data:
        raise RequestError(f"the body is not {name}: {len(decompressor.unused_data)} bytes follow its end")
    return content


def gzip(_: bytes) -> Any:
    return zlib.decompressobj(16 + zlib.MAX_WBITS)


def deflate(body: bytes) -> Any:
    """RFC 9110 means zlib's format; some clients send a raw deflate stream, which never begins like zlib's header."""
    zlib_header = len(body) > 1 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    return zlib.decompressobj(zlib.MAX_WBITS if zlib_header else -zlib.MAX_WBITS)


def zstd(_: bytes) -> Any:
    from backports import zstd  # imported when first needed: few requests use it

    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG_MAX})


CODINGS = {"gzip": gzip, "deflate": deflate, "zstd": zstd, "x-gzip": gzip}
