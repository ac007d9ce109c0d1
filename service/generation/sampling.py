"""From one row of logits to the next token id.

    sampler = Sampler(SamplingParams(max_tokens=8, temperature=0.6, seed=7), prompt_ids=[504, 1418])
    sampler(logits)      # float array [vocabulary] -> int

Each sequence has its own random generator, so that a seed gives the same tokens whatever else is in the batch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import PredictionFailed

if TYPE_CHECKING:
    from .constraint import Guide
    from .params import SamplingParams

__all__ = ["Sampler", "TokenLogprobs", "token_logprobs"]

# The first guess of how many tokens a nucleus holds: sorting a whole vocabulary costs more than all the rest of
# sampling, and the most probable few tokens nearly always suffice.
NUCLEUS = 64
SEEDS = 2**64  # numpy takes no negative ones


class Sampler:
    """Bias, penalties, constraint, temperature, top_k, top_p, min_p, in the order of transformers; then one draw."""

    def __init__(self, params: SamplingParams, prompt_ids: Iterable[int] = (), guide: Guide | None = None) -> None:
        """prompt_ids: counted by the repetition penalty, besides the tokens sampled. guide: restricts the tokens."""
        self.params = params
        self._guide = guide
        self._bias_ids, self._biases = ids_and_values(params.logit_bias or {})
        self._counts: dict[int, int] = {}  # token id -> how often it was sampled
        self._prompt = dict.fromkeys(prompt_ids, 0)
        self._generator = np.random.default_rng(None if params.seed is None else params.seed % SEEDS)

    def __call__(self, logits: np.ndarray) -> int:
        """The next token id. logits: float array [vocabulary], not changed.

        Raises PredictionFailed if the logits are not finite, and InvalidParameters if the guide gives up.
        """
        if self.params.temperature == 0:
            scores = self._adjusted(logits)
            check_finite(scores.max())
            token = int(scores.argmax())
        else:
            token = self._draw(*self.candidates(logits))
        self._counts[token] = self._counts.get(token, 0) + 1
        if self._guide is not None:
            self._guide.accept(token)
        return token

    def candidates(self, logits: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        """The tokens to draw from: (int64 token ids, or None for all; float64 weights, in the ratio of their odds)."""
        params = self.params
        tokens: np.ndarray | None = None
        scores = self._adjusted(logits)
        highest = scores.max()
        check_finite(highest)
        # In float64, the largest moved to 0: so a temperature, however small, makes the others -inf at most.
        with np.errstate(over="ignore"):
            scaled = (scores.astype(np.float64) - highest) / params.temperature
        if params.top_k is not None and params.top_k < len(scaled):
            tokens = np.flatnonzero(scaled >= np.partition(scaled, -params.top_k)[-params.top_k])
            scaled = scaled[tokens]
        weights = np.exp(scaled)
        for choose, share, all_tokens in ((nucleus, params.top_p, 1), (above_share, params.min_p, 0)):
            if share is not None and share != all_tokens:
                chosen = choose(weights, share)
                tokens = chosen if tokens is None else tokens[chosen]
                weights = weights[chosen]
        return tokens, weights

    def _adjusted(self, logits: np.ndarray) -> np.ndarray:
        """The logits with bias, penalties and constraint applied; the same array where there is none of these."""
        scores = self._penalized(logits)
        return scores if self._guide is None else self._guide.masked(scores)

    def _penalized(self, logits: np.ndarray) -> np.ndarray:
        params = self.params
        penalized = params.presence_penalty or params.frequency_penalty
        if not (params.logit_bias or penalized or params.repetition_penalty != 1):
            return logits
        scores = logits.astype(np.float64)
        if params.logit_bias:
            scores[self._bias_ids] += self._biases
        if params.repetition_penalty != 1:
            seen, _ = ids_and_values(self._prompt | self._counts)
            scores[seen] *= np.where(scores[seen] < 0, params.repetition_penalty, 1 / params.repetition_penalty)
        if penalized and self._counts:
            sampled, counts = ids_and_values(self._counts)
            scores[sampled] -= params.presence_penalty + params.frequency_penalty * counts
        return scores

    def _draw(self, tokens: np.ndarray | None, weights: np.ndarray) -> int:
        """One token, by inverting the cumulative distribution at one uniform random number."""
        cumulative = weights.cumsum()
        point = self._generator.random() * cumulative[-1]
        index = min(int(np.searchsorted(cumulative, point, side="right")), len(weights) - 1)
        return index if tokens is None else int(tokens[index])


def check_finite(highest: float) -> None:
    """highest: the largest logit, which is NaN if any is."""
    if not np.isfinite(highest):
        raise PredictionFailed("the model gave no usable probabilities for the next token")


def ids_and_values(mapping: dict[int, int] | dict[int, float]) -> tuple[np.ndarray, np.ndarray]:
    """{token id: number} -> (int64 ids, float64 numbers)."""
    return np.fromiter(mapping, np.int64, len(mapping)), np.fromiter(mapping.values(), np.float64, len(mapping))


def nucleus(weights: np.ndarray, top_p: float) -> np.ndarray:
    """Indices of the fewest largest weights whose sum reaches top_p of the total, the largest first."""
    target, size = top_p * weights.sum(), min(NUCLEUS, len(weights))
    while True:
        largest = np.argpartition(weights, -size)[-size:]
        largest = largest[np.argsort(-weights[largest], kind="stable")]
        cumulative = weights[largest].cumsum()
        if cumulative[-1] >= target or size == len(weights):
            return largest[: int(np.searchsorted(cumulative, target)) + 1]
        size = min(size * 8, len(weights))


def above_share(weights: np.ndarray, min_p: float) -> np.ndarray:
    """Indices of the weights that are at least min_p of the largest."""
    return np.flatnonzero(weights >= min_p * weights.max())


class TokenLogprobs(NamedTuple):
    """Natural logarithms of the model's own probabilities: of a token, and of the most probable ones in its place.

    top: (token id, logprob), the most probable first.
    """

    token: int
    logprob: float
    top: list[tuple[int, float]]


def token_logprobs(logits: np.ndarray, token: int, count: int) -> TokenLogprobs:
    """logits: float array [vocabulary], before any parameter is applied. count: of the most probable tokens listed."""
    scores = logits.astype(np.float64) - logits.max()
    scores -= np.log(np.exp(scores).sum())
    top = np.argpartition(scores, -count)[-count:] if count else np.empty(0, np.int64)
    top = top[np.argsort(-scores[top], kind="stable")]
    return TokenLogprobs(token, float(scores[token]), [(int(index), float(scores[index])) for index in top])
