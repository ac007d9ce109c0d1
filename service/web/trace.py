"""The trace that a request belongs to, as W3C's Trace Context has it in the header `traceparent`.

    continued("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    # the same trace and flags with a span of our own, and the caller's span: ("00-0af7...-...-01", "b7ad6b7169203331")
    continued("nonsense")                       # ("", ""): as if there were none

Source: https://www.w3.org/TR/trace-context/. A trace is begun here only where spans go somewhere
(observability.traces).
"""

from __future__ import annotations

import os
import re

__all__ = ["continued"]

# version-trace-span-flags; later versions may have more behind a dash. An id of zeros alone is none, nor is version ff.
SOUND = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]*)?")
KNOWN = 0x03  # flags: sampled, random


def continued(header: str) -> tuple[str, str]:
    """(the caller's traceparent with this request as the span, the caller's span); ("", "") where it is not sound."""
    found = SOUND.fullmatch(header)
    if found is None or (found[1] == "00" and found[5]):
        return "", ""
    return f"00-{found[2]}-{os.urandom(8).hex()}-{int(found[4], 16) & KNOWN:02x}", found[3]
