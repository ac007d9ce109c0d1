"""Texts and labels of the request's own in, how well each label fits out: zero-shot classification.

    model = ZeroShotClassifier.load(version, settings)
    model.run(ZeroShotCall(["The match ended 3:1"], ["sport", "politics"])).values
    # [{"sequence": "The match ended 3:1", "labels": ["sport", "politics"], "scores": [0.97, 0.03]}]

The network was trained to tell whether one text follows from another. Each text is read with a sentence for each label,
and the numbers become scores as in transformers' zero-shot pipeline.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np

from ...capabilities import CLASSIFY_ZERO_SHOT, ZeroShotCall
from ...errors import InvalidParameters, PayloadTooLarge
from .asked_texts import at_least_one, fault, refuse
from .entities import softmax
from .text_model import PARAMETER, TextAnswer, TextModel

__all__ = ["HOLE", "ZeroShotClassifier", "hypotheses", "judged"]

HOLE = "{}"  # of a template, for the label
LABELS = "candidate_labels"  # in errors


class ZeroShotClassifier(TextModel):
    """One loaded version of an encoder that tells entailment from contradiction."""

    capabilities = (CLASSIFY_ZERO_SHOT,)

    def run(self, call: ZeroShotCall, deadline: float | None = None) -> TextAnswer:
        """Raises as `TurnModel.run`, and ContextLengthExceeded where a text is too long beside one of the labels."""
        began = perf_counter()
        at_least_one(call.texts, PARAMETER)
        said = hypotheses(call.labels, call.template)
        count = len(call.texts) * len(said)
        if count > self.max_texts:
            raise PayloadTooLarge(
                f"{len(call.texts)} texts by {len(said)} labels make {count} pairs; at most {self.max_texts} are read"
            )
        self._check_room(said)
        pairs = [(text, each) for text in call.texts for each in said]
        rows, faults = self.tokens.rows(pairs, truncate=call.truncate)
        by_text = {each.place // len(said): each for each in reversed(faults)}
        refuse([each._replace(place=place) for place, each in sorted(by_text.items())], PARAMETER)
        tokenized = perf_counter()
        logits = self.engine.encode(rows, deadline)
        seconds = {"tokenize": tokenized - began, "predict": perf_counter() - tokenized}
        numbers = logits.reshape(len(call.texts), len(said), -1)
        values = [
            judged(text, found, call, self.manifest.spec) for text, found in zip(call.texts, numbers, strict=True)
        ]
        return TextAnswer(values, seconds, (sum(len(row.ids) for row in rows), 0))

    def _check_room(self, said: Sequence[str]) -> None:
        """Raise InvalidParameters for sentences that are so long that no text fits beside them: they are never cut."""
        most = self.tokens.max_tokens
        rows, faults = self.tokens.rows([("", each) for each in said])
        long = [(at, f"{len(row.ids)} tokens") for at, row in enumerate(rows) if len(row.ids) == most and not faults]
        named = [(each.place, each.got) for each in faults] or long
        if named:
            expected = f"fewer than {most} tokens with its sentence"
            raise InvalidParameters.naming([fault(f"{LABELS}[{at}]", expected, got) for at, got in named])

    def answers(self, texts: list[Any]) -> list[Any]:
        return self.run(ZeroShotCall(texts, self.manifest.example["parameters"][LABELS], truncate=True)).values

    def fits(self, given: list[Any], expected: list[Any]) -> bool:
        """Labels whose scores are nearly the same may change places."""
        return super().fits(
            *([dict(zip(each["labels"], each["scores"], strict=True)) for each in one] for one in (given, expected))
        )


def hypotheses(labels: Sequence[str], template: str) -> list[str]:
    """The sentence of each label. Raises InvalidParameters for no label, or one that comes twice."""
    if not labels or len(set(labels)) < len(labels):
        got = "none" if not labels else "the same label twice"
        raise InvalidParameters.naming([fault(LABELS, "at least one label, each once", got)])
    return [template.replace(HOLE, label) for label in labels]


def judged(text: str, logits: np.ndarray, call: ZeroShotCall, spec: dict[str, Any]) -> dict[str, Any]:
    """The labels of a text, the best first. logits: float32 [labels of the request, labels of the network]."""
    entailment = spec["entailment"]
    if call.multi_label or len(call.labels) == 1:  # each label for itself, against the contradiction
        scores = softmax(logits[:, [-1 if entailment == 0 else 0, entailment]])[:, 1]
    else:
        scores = softmax(logits[:, entailment])
    order = np.argsort(scores, kind="stable")[::-1].tolist()
    return {
        "sequence": text,
        "labels": [call.labels[at] for at in order],
        "scores": [float(scores[at]) for at in order],
    }
