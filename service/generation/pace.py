"""How long the engine's work takes, and so how much of a prompt to read before the next step.

pace = Pace()
pace.stepped(0.05), pace.read(0.4, tokens=200)     # seconds, as they were measured
pace.chunk(0, beside_others=True)                  # 37 tokens, which take about 1.5 steps
"""

import math

__all__ = ["Pace"]

SMALLEST_CHUNK, FIRST_CHUNK, LARGEST_CHUNK = 16, 64, 512  # tokens
ALONE = 0.25  # seconds of a chunk that keeps nobody from writing: so long a cancelled prompt is read on at most
PATIENCE = 1.5  # steps that those who are writing wait for those who join
EASE = 0.2  # of a new measurement, in the running means


class Pace:
    """Running means of a step of all rows, and of a token of a prompt; in seconds, 0 before the first."""

    def __init__(self):
        self.step = self.token = 0.0

    def stepped(self, seconds):
        self.step = eased(self.step, seconds)

    def read(self, seconds, *, tokens):
        self.token = eased(self.token, seconds / tokens)

    def chunk(self, spent, *, beside_others):
        """How many tokens of prompts to read at once, `spent` seconds having gone since the last step; 0: none now."""
        if not self.token:
            return FIRST_CHUNK
        if not beside_others:
            return min(LARGEST_CHUNK, max(SMALLEST_CHUNK, int(ALONE / self.token)))
        size = int((PATIENCE * self.step - spent) / self.token)
        # Fewer would cost as much; but a step without any would keep those who join waiting for ever.
        smallest = SMALLEST_CHUNK if spent < self.token else 0
        return min(LARGEST_CHUNK, size if size >= SMALLEST_CHUNK else smallest)

    def wait(self, *, steps, tokens, texts):
        """Whole seconds, from 1 to 60, until one more of so many texts is through: with so many steps to write,
        and tokens of prompts to read, for all of them together."""
        seconds = (steps * self.step + tokens * self.token) / max(1, texts)
        return min(60, max(1, math.ceil(seconds)))


def eased(mean, new):
    """A mean that forgets; the first measurement is taken as it is."""
    return new if not mean else mean + EASE * (new - mean)
