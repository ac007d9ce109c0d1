"""Texts with masks in, the likeliest tokens for each mask out, as transformers' fill-mask pipeline gives them.

    model = MaskFiller.load(version, settings)
    model.run(FillMaskCall(["The capital of France is [MASK]."], top_k=1)).values
    # [[{"score": 0.42, "token": 3000, "token_str": "paris", "sequence": "the capital of france is paris."}]]

A text with several masks gets a list for each of them; their scores know nothing of each other.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np

from ...capabilities import FILL_MASK, FillMaskCall
from ...errors import InvalidParameters, PayloadTooLarge
from .asked_texts import at_least_one, fault, rows_of
from .entities import softmax
from .text_model import PARAMETER, TextAnswer, TextModel
from .tokens import Tokens

__all__ = ["MaskFiller", "fillings"]

MOST_NUMBERS = 2**24  # that one request may have the engine send: 64 MB


class MaskFiller(TextModel):
    """One loaded version of an encoder with a head for tokens that are masked."""

    capabilities = (FILL_MASK,)

    def run(self, call: FillMaskCall, deadline: float | None = None) -> TextAnswer:
        """Raises as `TurnModel.run`, ContextLengthExceeded for a text that is too long, and InvalidParameters for one
        without a mask."""
        began = perf_counter()
        at_least_one(call.texts, PARAMETER)
        rows = rows_of(self.tokens, call.texts, PARAMETER, most=self.max_texts, truncate=call.truncate)
        spec = self.manifest.spec
        counts = [int((row.ids == spec["mask_id"]).sum()) for row in rows]
        without = [
            fault(f"{PARAMETER}[{at}]", f"a text with {spec['mask']}", "none") for at, n in enumerate(counts) if not n
        ]
        if without:
            raise InvalidParameters.naming(without)
        most = max(1, MOST_NUMBERS // spec["vocabulary_size"])
        if sum(counts) > most:
            raise PayloadTooLarge(f"{sum(counts)} masks in one request; of this model at most {most} are filled")
        tokenized = perf_counter()
        logits = self.engine.encode(rows, deadline)
        seconds = {"tokenize": tokenized - began, "predict": perf_counter() - tokenized}
        parts = np.split(logits, np.cumsum(counts)[:-1])
        values = [
            fillings(row.ids, found, call.top_k, self.tokens, spec) for row, found in zip(rows, parts, strict=True)
        ]
        return TextAnswer(values, seconds, (sum(len(row.ids) for row in rows), 0))

    def answers(self, texts: list[Any]) -> list[Any]:
        return self.run(FillMaskCall(texts, truncate=True)).values

    def fits(self, given: list[Any], expected: list[Any]) -> bool:
        """Tokens whose scores are nearly the same may change places."""
        return super().fits(*([[each["score"] for each in one] for one in answer] for answer in (given, expected)))


def fillings(ids: np.ndarray, logits: np.ndarray, top_k: int, tokens: Tokens, spec: dict[str, Any]) -> list[Any]:
    """The likeliest tokens for the only mask of a text, or a list of them for each mask.

    ids: int32 [tokens] of the text. logits: float32 [masks, vocabulary].
    """
    places = np.flatnonzero(ids == spec["mask_id"])
    alone = len(places) == 1
    lists = []
    for place, scores in zip(places, softmax(logits), strict=True):
        best = np.argsort(-scores, kind="stable")[:top_k]
        whole = ids.copy()
        found = []
        for token in best.tolist():
            whole[place] = token
            found.append(
                {
                    "score": float(scores[token]),
                    "token": token,
                    "token_str": tokens.written([token]),
                    # The other masks are marks of the tokenizer, and would be left out.
                    "sequence": tokens.written(whole[whole != spec["pad_id"]].tolist(), skip_marks=alone),
                }
            )
        lists.append(found)
    return lists[0] if alone else lists
