"""text-embeddings-inference's /predict, on the article's path: texts, or pairs of them, in, and their labels out.

    {"inputs": "a text", "raw_scores": false}       ->  [{"score": 0.98, "label": "good"}, {"score": 0.02, ...}]
    {"inputs": [["a text"], ["one", "another"]]}    ->  [[{"score", "label"}, ...], [...]]

A list of two texts is one pair; several texts are a list of lists. A request names no model: the one that tells what a
text is answers. Scores are those of transformers' pipelines, or with `raw_scores` the network's own numbers; the best
stands first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...capabilities import PREDICT_TABLE, ClassifyCall
from ...generation.limits import BOOLEAN, Parameter
from ..adapter import Adapter, Decoded, Encoded, Request
from ..envelope import fault, options_of, refuse
from ..json_body import dump
from ..json_limits import check_keys
from ..table_formats.parts import check_rows
from .errors import NAME, direction_faults, error_body

__all__ = ["ADAPTERS", "NAME", "OPTIONS", "PREFIX", "decode", "error_body", "is_meant"]

PREFIX = ""
INPUTS = "inputs"
OPTIONS: Mapping[str, Parameter] = {"raw_scores": BOOLEAN, "truncate": BOOLEAN}
OWN = (INPUTS, "truncation_direction")
NAMES = frozenset((*OWN, *OPTIONS))


def is_meant(value: Any) -> bool:
    """Whether a body, where it is no table, may be one of this protocol: it has its members, and no others."""
    return isinstance(value, dict) and INPUTS in value and value.keys() <= NAMES


def decode(request: Request, _model: Any) -> Decoded:
    """Raises RequestError with every fault of the envelope, InvalidParameters, or PayloadTooLarge."""
    value = request.json
    check_keys(value)
    texts, alone = texts_of(value[INPUTS], request.max_rows)
    faults = direction_faults(value)
    if texts is None:
        expected = 'a text, a pair of texts ["one", "another"], or a list of lists of one text or two'
        faults.append(fault(INPUTS, f"expected {expected}"))
    refuse(faults)
    chosen = options_of(value, OWN, OPTIONS)
    call = ClassifyCall(texts or [], chosen.get("truncate", False))
    return Decoded(call, note=(alone, chosen.get("raw_scores", False)))


def texts_of(value: Any, max_rows: int) -> tuple[list[str | tuple[str, str]] | None, bool]:
    """(the texts and pairs, whether there is one that stands in no list); None for what is neither.

    Raises PayloadTooLarge.
    """
    if isinstance(value, str):
        return [value], True
    if not isinstance(value, list) or not value:
        return None, False
    check_rows(len(value), max_rows)
    alone = isinstance(value[0], str)
    found = [text_of(each) for each in ([value] if alone else value)]
    texts = [each for each in found if each is not None]
    return (texts if len(texts) == len(found) else None), alone


def text_of(value: Any) -> str | tuple[str, str] | None:
    """The text in a list of one, the pair in a list of two; None for anything else."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        return None
    if len(value) == 1:
        return value[0]
    return (value[0], value[1]) if len(value) == 2 else None


def encode(_model: Any, _request: Request, decoded: Decoded, answer: Any) -> Encoded:
    """A ClassifyAnswer."""
    alone, raw = decoded.note
    found = answer.logits if raw else answer.scores
    given = [
        [{"score": row[place], "label": answer.labels[place]} for place in np.argsort(-row, kind="stable").tolist()]
        for row in found
    ]
    return Encoded(dump(given[0] if alone else given))


ADAPTERS = {PREDICT_TABLE: Adapter(decode, encode)}
