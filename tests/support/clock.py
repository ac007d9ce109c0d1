"""Clocks that a test moves: the wall clock of a process, and the module `time` of a module under test.

with launch(store, env=clock_at(file)): jump(file, 86_400)
monkeypatch.setattr(module, "time", clock := Clock())
"""

import importlib.util
from pathlib import Path

import pytest

__all__ = ["Clock", "clock_at", "jump"]


class Clock:
    """Stands for the module `time`: it stands still until a test moves `now`, in seconds."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


def libfaketime():
    """The library that moves a process's clock, out of the package that brings it along; None without it."""
    found = importlib.util.find_spec("libfaketime")
    return next(Path(found.origin).parent.rglob("libfaketime.so.1"), None) if found else None


def clock_at(file):
    """The environment of a process whose clock is off by what `jump` writes into a file, at first by nothing."""
    if libfaketime() is None:
        pytest.skip("needs libfaketime: pip install libfaketime")
    jump(file, 0)
    return {
        "LD_PRELOAD": str(libfaketime()),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # as in life: CLOCK_MONOTONIC never jumps
    }


def jump(file, seconds):
    """Let the clock of the processes of this file be so many seconds ahead."""
    file.write_text(f"{seconds:+d}s\n")
