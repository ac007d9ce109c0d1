"""What is not in the store, in a sentence that says what is: the nearest name, or all there are."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["did_you_mean", "no_version"]


def did_you_mean(name: str, there: Iterable[str]) -> str:
    """`; did you mean tumour?`, or nothing where no name is near."""
    near = get_close_matches(name, list(there), 1)
    return f"; did you mean {near[0]}?" if near else ""


def no_version(root: object, model: str, version: str, models: Iterable[str], versions: Iterable[str]) -> str:
    """Why a version is not there. models, versions: those of the store, and of the model."""
    if present := list(versions):
        return f"{model} has no version {version}; it has {', '.join(present)}"
    if model in (known := list(models)):
        return f"{model} has no version {version}, and no other; pack it again"
    return f"the store {root} has no model {model}{did_you_mean(model, known)}"
