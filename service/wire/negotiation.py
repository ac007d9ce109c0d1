"""The Accept header: which of the forms an answer can have the client wants, best first.

    preferred("text/csv, */*;q=0.1", ("application/json", "text/csv"))   # ("text/csv", "application/json")
    preferred("text/html", ("application/json", "text/csv"))             # NotAcceptable names both

RFC 9110, section 12.5.1: the most specific range decides a type's quality; 0 means no.
"""

from __future__ import annotations

import re
from functools import lru_cache

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from ..errors import NotAcceptable

__all__ = ["preferred"]

CHARSET = re.compile(r";\s*charset=[^,;]*", re.IGNORECASE)


def preferred(accept: str | None, offered: tuple[str, ...]) -> tuple[str, ...]:
    """The media types of `offered` that the header takes: best first, then in the order offered.

    accept: the header, None or "" where there is none. Raises NotAcceptable where it takes none of them.
    """
    if not accept or accept == "*/*":
        return offered
    return ranked(accept, offered)


@lru_cache(maxsize=128)  # few clients, each with one header; the server bounds a header's length
def ranked(accept: str, offered: tuple[str, ...]) -> tuple[str, ...]:
    # All text is UTF-8 here: `text/csv; charset=utf-8` means `text/csv`, and werkzeug compares parameters, too.
    ranges = parse_accept_header(CHARSET.sub("", accept), MIMEAccept)
    accepted = [media_type for media_type in offered if ranges.quality(media_type) > 0]
    if not accepted:
        raise NotAcceptable(f"nothing that Accept names can be sent here; there are {', '.join(offered)}")
    return tuple(sorted(accepted, key=lambda media_type: -ranges.quality(media_type)))
