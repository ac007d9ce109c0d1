"""What RFC 9112 refuses of a request and gunicorn's parser lets through.

    check_lines(head)                   # of a head that has not arrived whole: a line that ends with a bare LF
    check_framing(request, headers)     # Host, and transfer codings other than chunked

Both raise gunicorn's own exceptions, which become a 400 or a 501.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from gunicorn.http.errors import InvalidHeader, InvalidRequestLine, UnsupportedTransferCoding

__all__ = ["check_framing", "check_lines", "is_host"]

BARE_LF = re.compile(rb"(?<!\r)\n")
# RFC 3986, section 3.2.2: a registered name, an IPv4 address, or an IPv6 address in brackets; and a port.
HOST = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")


def check_lines(head: bytes | bytearray) -> None:
    """Raises InvalidRequestLine where a line ends with LF alone: the empty line after it would never come."""
    if BARE_LF.search(head):
        raise InvalidRequestLine("a line ends with LF; expected CRLF")


def check_framing(request: Any, headers: Mapping[str, str]) -> None:
    """Raises InvalidHeader for a Host that is missing, repeated or malformed, UnsupportedTransferCoding.

    request: gunicorn's, parsed. headers: the same as its own, each name once.
    """
    host = headers.get("HOST")
    if host is None:
        if request.version >= (1, 1):
            raise InvalidHeader("Host: expected one, as every request of HTTP/1.1 has it")
    elif not is_host(host):
        raise InvalidHeader("Host: expected a name or an address, and perhaps a port")
    if len(headers) < len(request.headers) and [name for name, _ in request.headers].count("HOST") > 1:
        raise InvalidHeader("Host: expected one, got several")
    coding = headers.get("TRANSFER-ENCODING")
    if coding is not None and coding.lower() != "chunked":
        raise UnsupportedTransferCoding(coding)


@lru_cache(maxsize=64)
def is_host(value: str) -> bool:
    """Whether it is what a Host header may hold: a name or an address, and perhaps a port."""
    return HOST.fullmatch(value) is not None
