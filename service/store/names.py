"""Names of models and versions, which become folders, URLs and metric labels."""

from __future__ import annotations

import re

from .about import ABOUT
from .receipts import CURRENT, HISTORY
from .shadow import SHADOW

__all__ = ["NAME", "check_name"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_name(name: str, what: str = "model name") -> str:
    """Return `name`, or raise ValueError: names become folders, URLs and metric labels."""
    if not NAME.fullmatch(name) or name in (CURRENT, HISTORY, ABOUT, SHADOW):
        raise ValueError(
            f"{name!r} cannot be a {what}: letters, digits, '.', '_', '-', at most 64, "
            f"not '{CURRENT}', '{HISTORY}', '{ABOUT}' or '{SHADOW}'"
        )
    return name
