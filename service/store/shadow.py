"""Which version of a model runs beside the current one, unseen by callers, and for which share of the requests.

<store>/<model>/shadow.json
{"version": "4", "share": 0.1}

set_shadow(store, "tumour", "4", 0.1)
read_shadow(store.root / "tumour")      # Shadow("4", 0.1), or None
end_shadow(store, "tumour")
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .atomic_write import atomic_write
from .remote.publishing import publisher_of
from .writing import changing

if TYPE_CHECKING:
    from .versions import Store

__all__ = ["SHADOW", "Shadow", "end_shadow", "read_shadow", "set_shadow"]

SHADOW = "shadow.json"


@dataclass(frozen=True)
class Shadow:
    """share: of the requests, more than 0 and at most 1."""

    version: str
    share: float


def read_shadow(home: Path) -> Shadow | None:
    """What the folder of a model says; None where it says nothing, or what is no shadow."""
    try:
        found = json.loads((home / SHADOW).read_text(encoding="utf-8"))
        shadow = Shadow(str(found["version"]), float(found["share"]))
    except (OSError, ValueError, TypeError, LookupError):
        return None
    return shadow if 0 < shadow.share <= 1 else None


def set_shadow(store: Store, model: str, version: str, share: float) -> None:
    """Let a version run beside the current one, in the place of any other that did. Raises StartupError, ValueError."""
    store.open(model, version)
    if version == store.current(model):
        raise ValueError(f"{model} version {version} is the current one: it answers already")
    text = json.dumps(asdict(Shadow(version, share))) + "\n"
    with changing(store.root, model):
        if (publisher := publisher_of(store.root)) is not None:
            publisher.put(model, SHADOW, text)
        atomic_write(store.root / model / SHADOW, text, mode=0o644)


def end_shadow(store: Store, model: str) -> Shadow | None:
    """Let none run beside; returns the one that did. Raises StartupError."""
    store.current(model)
    with changing(store.root, model):
        shadow = read_shadow(store.root / model)
        if (publisher := publisher_of(store.root)) is not None:
            publisher.put(model, SHADOW, None)
        with suppress(FileNotFoundError):
            (store.root / model / SHADOW).unlink()
    return shadow
