"""Daylight: the shortest way from a trained model to a production endpoint.

    import daylight                                     # in a checkout: import service
    daylight.pack(estimator, X, y, name="churn")        # a version in the store, proven on X

Importing the package imports nothing else, so gunicorn's master, the command line and a notebook each pay only for
what they use.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .packing import pack, pack_file

__all__ = ["__version__", "pack", "pack_file"]

__version__ = "0.1.0"

# ONNX Runtime 1.32 reports its sessions to Microsoft, and keeps a device id in ~/.cache, unless it finds this while it
# is imported; its function that turns this off comes too late.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def __getattr__(name: str) -> Any:
    """Import what packs when it is first used (PEP 562)."""
    if name in ("pack", "pack_file"):
        try:
            return getattr(import_module(".packing", __package__), name)
        except ModuleNotFoundError as error:
            install = import_module(".store.missing_libraries", __package__).install
            raise ImportError(install(error, "pack"), name=error.name) from None
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
