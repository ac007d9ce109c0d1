"""The engine: one network, one request after the other. The engine knows nothing about text.

engine = SerialEngine(network)                     # a transformers causal language model
for token in engine.generate([504, 1418], SamplingParams(max_tokens=8), eos_ids={2}):
    ...                                            # ids as they come; close() ends the work
"""

import threading

import torch

from service.generation.sampling import Sampler

__all__ = ["SerialEngine"]


class SerialEngine:
    """Runs one generation at a time; others wait their turn at their first token.

    Two at once would share the same cores and each take twice as long. Who may wait, and
    how many, is decided before a request comes here.
    """

    def __init__(self, network):
        self.network = network
        self._turn = threading.Lock()

    def generate(self, prompt_ids, params, eos_ids=()):
        """Yield token ids, at most params.max_tokens; one of `eos_ids` is yielded too, and is the last.

        prompt_ids: a list of at least one id. Closing the generator frees the engine at once.
        """
        sample = Sampler(params)
        with self._turn:
            token, cache = None, None
            for _ in range(params.max_tokens):
                logits, cache = self._step(prompt_ids if cache is None else [token], cache)
                token = sample(logits)
                yield token
                if token in eos_ids:
                    return

    # Around a step, never around a yield: inference mode belongs to a thread, not to a generator.
    @torch.inference_mode()
    def _step(self, ids, cache):
        """Read `ids` after what the cache holds: (logits [vocabulary] of the next token, the grown cache)."""
        out = self.network(
            input_ids=torch.tensor([ids]),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return out.logits[0, -1], out.past_key_values
