"""How long the engine's work takes, and so how much of a prompt to read before the next step.

pace = Pace()
pace.stepped(0.05), pace.read(0.4, tokens=200)     # seconds, as they were measured
pace.chunk(beside_others=True)                     # 37 tokens, which take about 1.5 steps
"""

__all__ = ["Pace"]

SMALLEST_CHUNK, LARGEST_CHUNK = 16, 512  # tokens
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

    @property
    def patience(self):
        """How long prompts may be read between two steps."""
        return PATIENCE * self.step

    def chunk(self, *, beside_others):
        """How many tokens of a prompt to read at once."""
        if not (beside_others and self.token):
            return LARGEST_CHUNK
        return min(LARGEST_CHUNK, max(SMALLEST_CHUNK, int(self.patience / self.token)))


def eased(mean, new):
    """A mean that forgets; the first measurement is taken as it is."""
    return new if not mean else mean + EASE * (new - mean)
