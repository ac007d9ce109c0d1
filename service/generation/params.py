"""Sampling parameters of one completion, checked all at once.

    params = SamplingParams.from_request({"temperature": 0.6, "stop": "\\n"}, {"max_tokens": 64})
    params.temperature, params.stop, params.max_tokens    # 0.6, ("\\n",), 64

What a request may set is in limits.py. This module imports nothing that computes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidParameters
from .limits import PARAMETERS, violations

__all__ = ["SamplingParams"]


@dataclass(frozen=True)
class SamplingParams:
    """How one completion is sampled.

    max_tokens: tokens to generate at most; yielding: nobody asked for so many, and fewer are generated where the
    context ends before. temperature: 0 always takes the most probable token.
    top_k, top_p, min_p: sample among the k most probable tokens, among the fewest most probable ones that together
    have this probability, or among those at least this fraction as probable as the most probable. seed: the same
    seed gives the same text; None: another one each time. stop: strings that end the text, and are no part of it.
    stop_token_ids: token ids that end it besides the model's own; ignore_eos makes these ordinary tokens.
    presence_penalty, frequency_penalty: subtracted from the logits of tokens generated before: once, or once for
    each time. repetition_penalty: divides the odds of tokens generated before or in the prompt.
    logit_bias: {token id: number added to its logit}. constraint: the form that the text must have:
    {"type": "json_schema", "schema": {...}}, {"type": "json_object"}, {"type": "regex", "pattern": "..."} of the
    whole text, or {"type": "choice", "choices": ["...", ...]}.

    logprobs is not a parameter of requests: a dialect whose answers can carry them sets it, to how many of the most
    probable tokens are listed for each token.
    """

    max_tokens: int
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    min_p: float | None = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    logit_bias: dict[int, float] | None = None
    stop_token_ids: tuple[int, ...] = ()
    ignore_eos: bool = False
    constraint: dict[str, Any] | None = None
    logprobs: int | None = None
    yielding: bool = False

    def end_ids(self, eos_ids: Iterable[int]) -> frozenset[int]:
        """The token ids that end the completion. eos_ids: the model's own end tokens."""
        return frozenset(self.stop_token_ids) | (frozenset() if self.ignore_eos else frozenset(eos_ids))

    @classmethod
    def from_request(cls, values: dict[str, Any], defaults: dict[str, Any]) -> SamplingParams:
        """Check {name: JSON value}; null stands for the default.

        defaults: JSON values of "max_tokens" and of any other parameters, which are right.
        Raises InvalidParameters with every violation: `{"parameter", "expected", "got"}`.
        """
        if found := violations(values):
            raise InvalidParameters.naming(found)
        given = {name: value for name, value in values.items() if value is not None}
        accepted = {name: PARAMETERS[name].read(value) for name, value in {**defaults, **given}.items()}
        return cls(**accepted, yielding="max_tokens" not in given)
