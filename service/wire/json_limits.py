"""What a JSON body may hold: a few bytes of it can ask for much memory.

    check_containers(b"[[], []]", 10)       # nothing: three lists
    check_keys({"instances": []})           # nothing: one key

`[],` is three bytes of a body and 64 of memory, and millions of them keep a thread busy for seconds. A table needs one
list or object for each row, so a body with many more of them than rows are taken is no table.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import PayloadTooLarge, RequestError

__all__ = ["MOST_KEYS", "SPARE", "check_containers", "check_keys", "count_of", "outside_strings"]

# Lists and objects besides the rows: V2 has up to four for each column, a chat two for each message.
SPARE = 100_000
MOST_KEYS = 1_000  # of an envelope, or of parameters: the dialects know some fifty
ALL = frozenset(range(256))
SMALL = 2048  # bytes: up to here bytes.count is quicker than numpy


def count_of(body: bytes, mark: bytes) -> int:
    """How often this one character stands in the body; in a large one in a fifth of the time of `bytes.count`."""
    if len(body) <= SMALL:
        return body.count(mark)
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == mark[0]))


def check_containers(body: bytes, max_rows: int) -> None:
    """Raise PayloadTooLarge where a JSON text opens more lists and objects than `max_rows` + SPARE.

    Brackets within strings do not count, and nothing is parsed.
    """
    most = max_rows + SPARE
    if len(body) <= most or count_of(body, b"[") + count_of(body, b"{") <= most:
        return
    if outside_strings(body, b"[{", most) > most:
        raise PayloadTooLarge(
            f"the JSON holds more than {most} lists and objects: {max_rows} rows are taken, and {SPARE} besides"
        )


def outside_strings(body: bytes, marks: bytes, most: int | None = None) -> int:
    """How many of these characters stand outside the strings of a JSON text.

    marks: ASCII characters, not the quote and the backslash. most: what is beyond it need not be counted to its end.
    """
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Quotes and marks are left, and no two quotes in a row: these are an empty string, or the end of one and the
    # beginning of the next, and without them the same marks are within strings.
    left = body.translate(None, bytes(ALL - set(marks + b'"'))).replace(b'""', b"")
    # So there is a mark between any two strings, and more pieces than this mean more marks than `most`.
    return sum(map(len, left.split(b'"', -1 if most is None else 2 * most + 2)[::2]))


def check_keys(value: dict[str, Any]) -> None:
    """Raise RequestError where an object of named members has more of them than any request needs."""
    if len(value) > MOST_KEYS:
        raise RequestError(f"an object of {len(value)} keys; at most {MOST_KEYS} are taken beside the rows")
