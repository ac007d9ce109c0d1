"""Memory that this process has freed goes back to the system: parsers free about as much as they keep.

release_freed()
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

__all__ = ["release_freed"]


def release_freed() -> None:
    """Return what is free of the heap; some milliseconds. Only glibc keeps it, and only glibc has malloc_trim."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
