"""From one row of logits to the next token id.

    sampler = Sampler(SamplingParams(max_tokens=8, temperature=0.6, seed=7), prompt_ids=[504, 1418])
    sampler(logits)      # float array [vocabulary] -> int

Every request owns its generator, so a seed gives the same tokens whatever runs beside it.
"""

from typing import NamedTuple

import numpy as np

from ..errors import PredictionFailed

__all__ = ["Sampler", "TokenLogprobs", "token_logprobs"]

# The first guess of how many tokens a nucleus holds: sorting a whole vocabulary costs
# more than all the rest of sampling, and the likeliest few tokens nearly always suffice.
NUCLEUS = 64


class Sampler:
    """Bias, penalties, a constraint, temperature, top_k, top_p, min_p, in transformers' order, then one draw."""

    def __init__(self, params, prompt_ids=(), guide=None):
        """prompt_ids: what the repetition penalty counts as said already, besides what is drawn.

        guide: a Guide, where only some tokens may be drawn.
        """
        self.params = params
        self._guide = guide
        self._biased = ids_and_values(params.logit_bias or {})
        self._written = {}  # token id -> how often it was drawn
        self._prompt = dict.fromkeys(prompt_ids, 0)
        self._generator = np.random.default_rng(params.seed) if params.temperature > 0 else None

    def __call__(self, logits):
        """logits: float array [vocabulary], not changed -> token id.

        Raises PredictionFailed if they are no numbers, and InvalidParameters where a guide gives up.
        """
        if self._generator is None:
            scores = self._processed(logits)
            finite(scores.max())
            token = int(scores.argmax())
        else:
            token = self._drawn(*self.candidates(logits))
        self._written[token] = self._written.get(token, 0) + 1
        if self._guide is not None:
            self._guide.accept(token)
        return token

    def candidates(self, logits):
        """What may be drawn: (token ids, or None for all of them; float64 weights in the ratio of their odds)."""
        params, tokens = self.params, None
        scores = self._processed(logits)
        # Largest first to 0, in double: then a temperature, however small, makes the others minus infinity at most.
        with np.errstate(over="ignore"):
            scaled = (scores.astype(np.float64) - finite(scores.max())) / params.temperature
        if params.top_k is not None and params.top_k < len(scaled):
            tokens = np.flatnonzero(scaled >= np.partition(scaled, -params.top_k)[-params.top_k])
            scaled = scaled[tokens]
        weights = np.exp(scaled)
        for choose, share, all_of_them in ((nucleus, params.top_p, 1), (likely, params.min_p, 0)):
            if share not in (None, all_of_them):
                places = choose(weights, share)
                tokens = places if tokens is None else tokens[places]
                weights = weights[places]
        return tokens, weights

    def _processed(self, logits):
        """The logits with bias, penalties and what may not come; the very same array where there is none of these."""
        scores = self._penalised(logits)
        return scores if self._guide is None else self._guide.masked(scores)

    def _penalised(self, logits):
        params = self.params
        penalised = params.presence_penalty or params.frequency_penalty
        if not (params.logit_bias or penalised or params.repetition_penalty != 1):
            return logits
        scores = logits.astype(np.float64)
        if params.logit_bias:
            ids, biases = self._biased
            scores[ids] += biases
        if params.repetition_penalty != 1:
            seen, _ = ids_and_values(self._prompt | self._written)
            scores[seen] *= np.where(scores[seen] < 0, params.repetition_penalty, 1 / params.repetition_penalty)
        if penalised and self._written:
            written, times = ids_and_values(self._written)
            scores[written] -= params.presence_penalty + params.frequency_penalty * times
        return scores

    def _drawn(self, tokens, weights):
        """One token, by inverting the cumulative distribution at one uniform number."""
        cumulative = weights.cumsum()
        at = self._generator.random() * cumulative[-1]
        place = min(int(np.searchsorted(cumulative, at, side="right")), len(weights) - 1)
        return place if tokens is None else int(tokens[place])


def finite(highest):
    if not np.isfinite(highest):
        raise PredictionFailed("the model gave no usable probabilities for the next token")
    return highest


def ids_and_values(mapping):
    """{token id: number} -> (ids, numbers), as arrays."""
    return np.fromiter(mapping, np.int64, len(mapping)), np.fromiter(mapping.values(), np.float64, len(mapping))


def nucleus(weights, top_p):
    """Places of the fewest largest weights whose sum reaches top_p of the whole, the largest first."""
    wanted, size = top_p * weights.sum(), min(NUCLEUS, len(weights))
    while True:
        places = np.argpartition(weights, -size)[-size:]
        places = places[np.argsort(-weights[places], kind="stable")]
        cumulative = weights[places].cumsum()
        if cumulative[-1] >= wanted or size == len(weights):
            return places[: int(np.searchsorted(cumulative, wanted)) + 1]
        size = min(size * 8, len(weights))


def likely(weights, min_p):
    """Places of the weights that are at least min_p of the largest."""
    return np.flatnonzero(weights >= min_p * weights.max())


class TokenLogprobs(NamedTuple):
    """A token and the likeliest ones in its place, as natural logarithms of the model's own probabilities."""

    token: int
    logprob: float
    top: list  # of (token id, logprob), the likeliest first


def token_logprobs(logits, token, count):
    """logits: float array [vocabulary], before any parameter is applied; the `count` likeliest are listed."""
    scores = logits.astype(np.float64) - logits.max()
    scores -= np.log(np.exp(scores).sum())
    top = np.argpartition(scores, -count)[-count:] if count else np.empty(0, np.int64)
    top = top[np.argsort(-scores[top], kind="stable")]
    return TokenLogprobs(token, float(scores[token]), [(int(one), float(scores[one])) for one in top])
