"""Memory that this process has freed goes back to the system: parsers free about as much as they keep.

release_freed()
"""

from __future__ import annotations

import ctypes

__all__ = ["release_freed"]

# Only glibc keeps what is freed, and only glibc has malloc_trim. Looked up once: no file is opened while models are.
TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None)


def release_freed() -> None:
    """Return what is free of the heap; some milliseconds."""
    if TRIM is not None:
        TRIM(0)
