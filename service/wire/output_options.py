"""The options of a table call that is not in JSON: its outputs, and top_k.

    from_query("outputs=predict,predict_proba&top_k=2")     # (["predict", "predict_proba"], 2)
    from_values({"outputs": ["predict"]})                   # (["predict"], None)

Every other name is refused: an option that is silently ignored looks like one that was followed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from ..errors import InvalidParameters, RequestError

__all__ = ["from_query", "from_values", "output_names"]

EXPLANATION = "explanation"  # the output, and what a catalogue entry says of it
MOST = 100  # names and values in one query


def from_query(query: str) -> tuple[list[str] | None, int | None]:
    """A URL's query -> (outputs or None, top_k or None). Raises RequestError or InvalidParameters."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MOST)
    except ValueError:
        raise RequestError(f"the query has more than {MOST} parameters") from None
    values: dict[str, Any] = {}
    for name, text in pairs:
        if name == "outputs":
            values.setdefault(name, []).extend(output for output in text.split(",") if output)
        else:
            values[name] = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else text
    return from_values(values)


def from_values(values: dict[str, Any]) -> tuple[list[str] | None, int | None]:
    """{name: plain value} -> (outputs or None, top_k or None). Raises InvalidParameters naming every fault."""
    faults = [
        {
            "parameter": name,
            "expected": RULES[name][1] if name in RULES else "outputs or top_k",
            "got": repr(value)[:80],
        }
        for name, value in values.items()
        if name not in RULES or not RULES[name][0](value)
    ]
    if faults:
        raise InvalidParameters.naming(faults)
    return values.get("outputs"), values.get("top_k")


def output_names(entry: dict[str, Any]) -> list[str]:
    """The outputs that may be asked for of a model that predicts tables. entry: of the catalogue."""
    explained = "background" in entry.get(EXPLANATION, {})
    return [*entry["outputs"], *([EXPLANATION] if explained else [])]


def names(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(name, str) for name in value)


def positive(value: Any) -> bool:
    return type(value) is int and value >= 1


RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "outputs": (names, "names of outputs"),
    "top_k": (positive, "a whole number, 1 or more"),
}
