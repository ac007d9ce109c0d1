"""How long prefill and decode steps take, and so how much of a prompt to prefill before the next decode step.

costs = StepCostModel()
costs.record_step(0.05, rows=4), costs.record_prefill(0.4, tokens=184)     # measured seconds
costs.chunk_size(500, 0, decoding=4, joining=1)                            # 21 of 500 tokens: about 1.5 steps
"""

from __future__ import annotations

import math

__all__ = ["StepCostModel", "running_mean"]

FIRST_CHUNK, LARGEST_CHUNK = 64, 512  # tokens; the first is prefilled before anything was measured
OVERHEAD = 16  # tokens: a chunk takes the time of so many tokens besides its own, to read the weights
CHUNK_SECONDS = 0.25  # of a chunk, unless the pause for one prompt is longer: a cancelled prompt runs on so long
PATIENCE = 1.5  # decode steps that the decoding rows pause for one joining prompt
MAJORITY_PAUSE = 0.25  # seconds they pause at least for no fewer prompts than rows: a step costs little less for few
LONGEST_PAUSE = 1.0  # seconds they pause at most for many prompts, unless PATIENCE alone is longer
NEWEST_WEIGHT = 0.2  # of a new measurement in the running means


class StepCostModel:
    """Running means, in seconds, 0 before the first measurement: of a decode step for each number of rows, and of
    one token of a prompt."""

    def __init__(self) -> None:
        self.token_seconds = 0.0
        self._step_seconds: dict[int, float] = {}

    def step_seconds(self, rows: int) -> float:
        """Of a decode step of so many rows, or of the nearest number that was measured."""
        nearest = min(self._step_seconds, key=lambda measured: abs(measured - rows), default=None)
        return 0.0 if nearest is None else self._step_seconds[nearest]

    def record_step(self, seconds: float, *, rows: int) -> None:
        self._step_seconds[rows] = running_mean(self._step_seconds.get(rows, 0.0), seconds)

    def record_prefill(self, seconds: float, *, tokens: int) -> None:
        self.token_seconds = running_mean(self.token_seconds, seconds / (tokens + OVERHEAD))

    def chunk_size(self, remaining: int, spent: float, *, decoding: int, joining: int) -> int:
        """How many of a prompt's `remaining` tokens to prefill now; 0: run a decode step first.

        spent: seconds of prefill since the last step. decoding, joining: rows that decode, prompts that join.

        A chunk of n tokens takes (n + OVERHEAD) * token_seconds. Two budgets bound it. The pause: prefill between
        two decode steps takes PATIENCE steps for one prompt, and (decoding + joining - 1) / decoding times that for
        several, so that both sides share the time: one prompt hardly delays many rows, and one row hardly delays
        many prompts. At most LONGEST_PAUSE of it counts; at least MAJORITY_PAUSE, if no fewer prompts join than rows
        decode. The chunk itself: CHUNK_SECONDS, or PATIENCE steps where these are longer.
        A chunk has at least OVERHEAD tokens, because fewer take nearly as long, and so that prompts advance however
        slow the machine is; where no row decodes, FIRST_CHUNK: nothing but the cancelling of this prompt waits for
        its end. A rest of less than OVERHEAD is added to the chunk before it.
        """
        if not self.token_seconds:
            return min(remaining, FIRST_CHUNK)
        for_one = PATIENCE * self.step_seconds(decoding)
        for_several = min(LONGEST_PAUSE, for_one * (decoding + joining - 1) / max(1, decoding))
        pause = max(for_one, for_several, MAJORITY_PAUSE if joining >= decoding else 0)
        pause_budget = self._tokens_in(pause - spent)
        chunk_budget = self._tokens_in(max(for_one, CHUNK_SECONDS))
        if spent and pause_budget < min(remaining, OVERHEAD):
            return 0
        least = OVERHEAD if decoding else FIRST_CHUNK
        size = min(LARGEST_CHUNK, max(least, min(pause_budget, chunk_budget)))
        return remaining if remaining < size + OVERHEAD else size

    def wait_seconds(self, *, steps: float, tokens: int, sequences: int) -> int:
        """Whole seconds, 1 to 60, until the next of so many sequences ends.

        steps: decode steps, and tokens: of prompts, that are left for all of them together.
        """
        seconds = (steps * self.step_seconds(sequences) + tokens * self.token_seconds) / max(1, sequences)
        return min(60, max(1, math.ceil(seconds)))

    def _tokens_in(self, seconds: float) -> int:
        """Tokens of a chunk that takes so long; negative where its overhead alone takes longer."""
        return int(seconds / self.token_seconds) - OVERHEAD


def running_mean(mean: float, new: float, weight: float = NEWEST_WEIGHT) -> float:
    """The mean with a new measurement of this weight; the first measurement is taken as it is."""
    return new if not mean else mean + weight * (new - mean)
