"""From one row of logits to the next token id.

    sampler = Sampler(SamplingParams(max_tokens=8, temperature=0.6, seed=7))
    sampler(logits)      # tensor [vocabulary] -> int

Every request owns its generator, so a seed gives the same tokens whatever runs beside it.
"""

import torch

from service.errors import PredictionFailed

__all__ = ["Sampler"]

# The first guess of how many tokens a nucleus holds: sorting a whole vocabulary costs
# more than all the rest of sampling, and the likeliest few tokens nearly always suffice.
NUCLEUS = 64


class Sampler:
    """Temperature, then top_k, then top_p, then one draw: the order in which transformers applies them."""

    def __init__(self, params):
        self.params = params
        if params.temperature > 0:
            self.generator = torch.Generator()
            if params.seed is None:
                self.generator.seed()
            else:
                self.generator.manual_seed(params.seed)

    def __call__(self, logits):
        """logits: float tensor [vocabulary] -> token id. Raises PredictionFailed where they are not numbers."""
        highest = logits.max()
        if not torch.isfinite(highest):
            raise PredictionFailed("the model gave no usable probabilities for the next token")
        if self.params.temperature == 0:
            return int(logits.argmax())
        # Largest first to 0, in double: then no temperature, however small, overflows.
        scaled = (logits.double() - highest.double()) / self.params.temperature
        tokens, weights = self._candidates(scaled)
        return self._draw(tokens, weights)

    def _candidates(self, scaled):
        """(token ids, or None for all of them; their unnormalised probabilities)."""
        top_k, top_p = self.params.top_k, self.params.top_p
        tokens = None
        if top_k is not None and top_k < len(scaled):
            scaled, tokens = scaled.topk(top_k)
        weights = scaled.exp()
        if top_p is None or top_p == 1:
            return tokens, weights
        weights, places = nucleus(weights, top_p)
        return places if tokens is None else tokens[places], weights

    def _draw(self, tokens, weights):
        """One token, by inverting the cumulative distribution at one uniform number."""
        cumulative = weights.cumsum(0)
        at = torch.rand((), generator=self.generator, dtype=torch.float64) * cumulative[-1]
        place = min(int(torch.searchsorted(cumulative, at, right=True)), len(weights) - 1)
        return place if tokens is None else int(tokens[place])


def nucleus(weights, top_p):
    """The fewest largest weights whose sum reaches top_p of the whole: (them, their places), sorted."""
    wanted, size = top_p * weights.sum(), min(NUCLEUS, len(weights))
    while True:
        kept, places = weights.topk(size)
        cumulative = kept.cumsum(0)
        if cumulative[-1] >= wanted or size == len(weights):
            count = min(int(torch.searchsorted(cumulative, wanted)) + 1, size)
            return kept[:count], places[:count]
        size = min(size * 8, len(weights))
