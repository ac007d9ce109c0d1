"""The command line: `daylight`, and `python -m service` in a checkout."""

from .main import main

__all__ = ["main"]
