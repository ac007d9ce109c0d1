"""How long the engine's work takes, and so how much of a prompt to read before the next step.

pace = StepCostModel()
pace.stepped(0.05, rows=4), pace.read(0.4, tokens=184)     # seconds, as they were measured
pace.chunk(500, 0, writing=4, joining=1)                   # 21 of 500 tokens, which take about 1.5 steps
"""

import math

__all__ = ["StepCostModel"]

FIRST_CHUNK, LARGEST_CHUNK = 64, 512  # tokens
OVERHEAD = 16  # a chunk takes the time of so many tokens besides its own: that of reading the weights
CHUNK = 0.25  # seconds of a chunk, where steps are shorter: so long a cancelled prompt is read on at most
PATIENCE = 1.5  # steps that those who are writing wait for one who joins
PAUSE = 0.25  # seconds that they wait for no fewer than they are: a step for few takes nearly as long as one for all
STALL = 1.0  # seconds that they wait at most for many, where a step takes less
EASE = 0.2  # of a new measurement, in the running means


class StepCostModel:
    """Running means of a step, for each number of rows, and of a token of a prompt; seconds, 0 before the first."""

    def __init__(self):
        self.token = 0.0
        self._steps = {}

    def step(self, rows):
        """Of so many rows, or of the nearest number that there was."""
        nearest = min(self._steps, key=lambda known: abs(known - rows), default=None)
        return self._steps.get(nearest, 0.0)

    def stepped(self, seconds, *, rows):
        self._steps[rows] = eased(self._steps.get(rows, 0.0), seconds)

    def read(self, seconds, *, tokens):
        self.token = eased(self.token, seconds / (tokens + OVERHEAD))

    def chunk(self, left, spent, *, writing, joining):
        """How many of the `left` tokens of a prompt to read at once; 0: none before the next step.

        spent: seconds that went to prompts since the last step. writing, joining: rows, between which the time is
        divided: one that joins hardly delays many that write, and one that writes hardly delays many that join.
        """
        if not self.token:
            return min(left, FIRST_CHUNK)
        for_one = PATIENCE * self.step(writing)
        for_many = min(STALL, for_one * (writing + joining - 1) / max(1, writing))
        for_all = max(for_one, for_many, PAUSE if joining >= writing else 0)
        room, most = (int(each / self.token) - OVERHEAD for each in (for_all - spent, max(for_one, CHUNK)))
        if spent and room < min(left, OVERHEAD):
            return 0
        # Fewer would take nearly as long; and without any, those who join would wait for ever.
        size = min(LARGEST_CHUNK, max(OVERHEAD, min(room, most)))
        return left if left < size + OVERHEAD else size

    def wait(self, *, steps, tokens, texts):
        """Whole seconds, from 1 to 60, until one more of so many texts is through: with so many steps to write,
        and tokens of prompts to read, for all of them together."""
        seconds = (steps * self.step(texts) + tokens * self.token) / max(1, texts)
        return min(60, max(1, math.ceil(seconds)))


def eased(mean, new):
    """A mean that forgets; the first measurement is taken as it is."""
    return new if not mean else mean + EASE * (new - mean)
