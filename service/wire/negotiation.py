"""The Accept header: which of the forms an answer can have the caller wants, best first.

    preferred("text/csv, */*;q=0.1", ("application/json", "text/csv"))   # ("text/csv", "application/json")
    preferred("text/html", ("application/json", "text/csv"))             # NotAcceptable names both

RFC 9110, section 12.5.1: the most specific range decides a type's quality; 0 means no.
"""

import re
from functools import lru_cache

from ..errors import NotAcceptable

__all__ = ["preferred"]

QUALITY = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


def preferred(accept, offered):
    """The media types of `offered` that the header takes, as a tuple: best first, then in the order offered.

    accept: the header, None or "" where there is none. Raises NotAcceptable where nothing is left.
    """
    if not accept or accept == "*/*":
        return offered
    return judged(accept, offered)


@lru_cache(maxsize=128)  # few clients, each with one header; a header is at most what the server lets be one
def judged(accept, offered):
    ranges = list(read(accept))
    qualities = {one: quality(one, ranges) for one in offered}
    taken = tuple(sorted((one for one in offered if qualities[one] > 0), key=lambda one: -qualities[one]))
    if not taken:
        raise NotAcceptable(f"nothing that Accept names can be given here; there are {', '.join(offered)}")
    return taken


def read(accept):
    """Yield (range, quality) for every element; what is not well formed asks for nothing."""
    for element in accept.split(","):
        media_range, *parameters = (part.strip().lower() for part in element.split(";"))
        given = [value.strip() for name, _, value in (one.partition("=") for one in parameters) if name.strip() == "q"]
        if not given:
            yield media_range, 1.0
        elif QUALITY.fullmatch(given[0]):
            yield media_range, float(given[0])


def quality(media_type, ranges):
    group = media_type.partition("/")[0]
    for wanted in (media_type, f"{group}/*", "*/*"):
        found = [quality for media_range, quality in ranges if media_range == wanted]
        if found:
            return max(found)
    return 0.0
