"""What tests of the batch engine ask: prompts of many lengths, continued greedily, over four slots."""

import time

import numpy as np

from service.generation.params import SamplingParams

__all__ = ["GREEDY", "PROMPTS", "ROWS", "prompt", "until"]

ROWS = 4
GREEDY = SamplingParams(max_tokens=20, temperature=0)


def prompt(seed, length):
    return np.random.default_rng(seed).integers(0, 256, length).tolist()


PROMPTS = [
    prompt(seed, length) for seed, length in enumerate([5, 1, 17, 60, 33, 2, 9, 100, 12, 40, 7, 3, 80, 21, 6, 11])
]


def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.001)
