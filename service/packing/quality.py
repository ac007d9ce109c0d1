"""How far a compiled decoder is from the network it was made from: its greedy tokens, and its perplexity.

    measured = compared(network, runner, prompts, prose)    # token ids
    measured["equal_tokens"], measured["perplexity"]        # 1.0, {"torch": 15.1, "compiled": 15.1}

Both read the same ids; the runner as the engine uses it, several rows at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

__all__ = ["GREEDY_TOKENS", "PROMPTS", "PROSE", "compared"]

GREEDY_TOKENS = 32
# Where torch's own first and second choice are this close, rounding decides which one is taken.
TIE = 1e-4

PROMPTS = (
    "The capital of France is",
    "def fibonacci(n):\n    ",
    "Question: why is the sky blue?\nAnswer:",
    "Il était une fois",
    "1, 2, 3, 4,",
    "Dear Sir or Madam,\n\nI am writing to",
    "<html>\n<body>\n",
    "The patient was a 54-year-old woman who",
)

PROSE = """\
The harbour was quiet when the ferry came in. Two men in yellow coats caught the ropes and made them fast, and the \
passengers stood in a line along the rail, holding their bags, waiting for the ramp to be let down. It had rained all \
night. The stones of the quay were dark, and the gulls walked about on them as if they owned the place.

Water boils at a lower temperature on a mountain than it does at the sea. The reason is the pressure of the air above \
it: the less there is of it, the more easily the molecules of the liquid leave the surface. A cook who lives high up \
has to boil potatoes longer, because the water around them is not as hot. Engineers turn the same effect around in a \
pressure cooker, where the steam cannot escape and the water gets hotter than a hundred degrees.

To find the largest number in a list, keep the first one in mind and look at the others one after the other. Whenever \
a number is larger than the one you have in mind, remember that one instead. When you come to the end of the list, the \
number you remember is the largest. If the list has n numbers, this takes n - 1 comparisons, and no method can do with \
fewer, since every number but the largest must have lost at least one comparison."""


def compared(network: Any, runner: Any, prompts: Sequence[list[int]], prose: list[int]) -> dict[str, Any]:
    """Token ids in, JSON-ready figures out.

    prompts: lists of ids, which both continue greedily; `equal_tokens` is the share of torch's tokens before the first
    difference that no tie excuses. prose: ids of a text whose perplexity is measured.
    """
    equal = [agreement(network, runner, ids) for ids in prompts]
    rows = segments(prose, runner.slots.count, runner.slots.length)
    return {
        "equal_tokens": round(sum(equal) / (GREEDY_TOKENS * len(prompts)), 4),
        "perplexity": {
            "torch": round(perplexity(torch_losses(network, rows)), 4),
            "compiled": round(perplexity(runner_losses(runner, rows)), 4),
        },
    }


def agreement(network: Any, runner: Any, ids: list[int]) -> int:
    """How many of torch's greedy tokens the runner gives as well, before the first that differs."""
    tokens = greedy(runner, ids)
    with torch.inference_mode():
        logits = network(torch.tensor([ids + tokens])).logits[0, len(ids) - 1 : -1]
    for place, (token, scores) in enumerate(zip(tokens, logits, strict=True)):
        # The largest score is torch's own choice after the same beginning, which is the same until one token differs.
        if scores.max() - scores[token] > TIE:
            return place
    return GREEDY_TOKENS


def greedy(runner: Any, ids: list[int]) -> list[int]:
    tokens = [int(runner.extend(0, ids, 0).argmax())]
    while len(tokens) < GREEDY_TOKENS:
        tokens.append(int(runner.step(tokens[-1:], [len(ids) + len(tokens) - 1])[0].argmax()))
    return tokens


def segments(ids: list[int], rows: int, longest: int) -> np.ndarray:
    """A text cut into so many equally long pieces: int array [rows, length]."""
    length = min(len(ids) // rows, longest)
    return np.array(ids[: rows * length]).reshape(rows, length)


@torch.inference_mode()
def torch_losses(network: Any, rows: np.ndarray) -> np.ndarray:
    logits = network(torch.tensor(rows[:, :-1])).logits.double().log_softmax(-1)
    return -logits.gather(2, torch.tensor(rows[:, 1:, None]))[..., 0].numpy()


def runner_losses(runner: Any, rows: np.ndarray) -> np.ndarray:
    losses = []
    for place in range(rows.shape[1] - 1):
        logits = runner.step(rows[:, place], [place] * len(rows)).astype(np.float64)
        logits -= logits.max(1, keepdims=True)
        of_next = np.take_along_axis(logits, rows[:, place + 1, None], 1)[:, 0]
        losses.append(np.log(np.exp(logits).sum(1)) - of_next)
    return np.array(losses)


def perplexity(losses: np.ndarray) -> float:
    return float(np.exp(np.mean(losses)))
