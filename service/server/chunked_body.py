"""Where a chunked body ends, known as its bytes arrive.

body = ChunkedBody(limit=2**24)
body.follow(b"3\\r\\nabc\\r\\n")      # Progress.NEED_MORE
body.follow(b"0\\r\\n\\r\\n")         # Progress.COMPLETE
"""

from __future__ import annotations

import re
from enum import Enum

__all__ = ["ChunkedBody", "Progress"]

LONGEST_LINE = 8192  # bytes of a line with the size of a chunk
LONGEST_TRAILERS = 2**16  # bytes
SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")


class Progress(Enum):
    """How far a chunked body has arrived. UNPARSABLE: broken, or too large; the parser is to refuse it."""

    NEED_MORE = "need more"
    COMPLETE = "complete"
    UNPARSABLE = "unparsable"


class ChunkedBody:
    """Follows a chunked body to its end, without keeping it."""

    def __init__(self, limit: int) -> None:
        """limit: bytes of the body."""
        self.limit = limit
        self.unread = bytearray()  # from the next line on
        self.skip = 0  # bytes of a chunk, and its CRLF, that are still to come
        self.size = self.on_the_wire = 0
        self.in_trailers = False

    def follow(self, data: bytes) -> Progress:
        self.on_the_wire += len(data)
        # A chunk of one byte takes six on the wire; few are honest.
        if self.on_the_wire > 2 * self.limit + LONGEST_TRAILERS:
            return Progress.UNPARSABLE
        self.unread += data
        while not self.in_trailers:
            skipped = min(self.skip, len(self.unread))
            del self.unread[:skipped]
            self.skip -= skipped
            end = self.unread.find(b"\r\n")
            if self.skip or end < 0:
                return Progress.UNPARSABLE if len(self.unread) > LONGEST_LINE else Progress.NEED_MORE
            if not self.begin_chunk(end):
                return Progress.UNPARSABLE
        if b"\r\n\r\n" in self.unread:
            return Progress.COMPLETE
        return Progress.UNPARSABLE if len(self.unread) > LONGEST_TRAILERS else Progress.NEED_MORE

    def begin_chunk(self, end: int) -> bool:
        """Read the line of a chunk's size, which ends at `end`; False where it has none, or exceeds the limit."""
        digits = SIZE.match(self.unread)
        if not digits:
            return False
        size = int(digits[0], 16)
        self.size += size
        if self.size > self.limit:
            return False
        del self.unread[: end + (0 if size == 0 else 2)]
        self.in_trailers = size == 0
        self.skip = size + 2
        return True
