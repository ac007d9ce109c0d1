"""Places of stores: folders of this machine, and URLs, each of which a folder follows."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TypeGuard

__all__ = ["folder_of", "is_read_only", "is_url"]


def is_read_only(url: str) -> bool:
    """Whether what lies there is a store as somebody has put it there whole."""
    return url.startswith(("hf://", "oci://"))


def is_url(place: Path | str) -> TypeGuard[str]:
    """Whether a store is elsewhere."""
    return isinstance(place, str) and "://" in place


def folder_of(url: str, caches: Path) -> Path:
    """The folder that follows a URL, below that of all caches; its name can be read by people, and is its own."""
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", url)[:60].strip("-")
    return caches.expanduser() / f"{readable}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
