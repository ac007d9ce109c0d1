"""Which prompts were being worked on when an engine died: one that kills two engines gets no third.

    suspects = Suspects()                    # of an engine inside this process: nothing outlives it
    suspects.check(digest)                   # raises PredictionFailed for a prompt that has ended two engines
    suspects.working([digest, ...])          # before each call of the runner: of every row that takes part

The engine process keeps them in files (models.engine.journal), which the engine that takes its place reads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from hashlib import blake2b

import numpy as np

from ..errors import PredictionFailed

__all__ = ["Suspects", "prompt_digest"]

MOST_DEATHS = 2


class Suspects:
    """deaths: {digest of a prompt: engines that died while they worked on it}."""

    def __init__(self, deaths: dict[bytes, int] | None = None) -> None:
        self.deaths = deaths or {}

    def check(self, digest: bytes) -> None:
        """Raises PredictionFailed where the prompt has ended as many engines as it may."""
        if self.deaths.get(digest, 0) >= MOST_DEATHS:
            raise PredictionFailed(
                f"the engine ended {MOST_DEATHS} times while it worked on this prompt, so it is not tried again"
            )

    def __contains__(self, digest: bytes) -> bool:
        """Whether an engine died while it worked on the prompt: two such prompts never share a call of the runner,
        so that the next death is the fault of one of them alone."""
        return digest in self.deaths

    def working(self, digests: Collection[bytes]) -> None:
        """The runner is called for these prompts next."""

    def cleared(self, digests: Iterable[bytes]) -> None:
        """These prompts were worked on to their ends, and the engine is alive."""
        for digest in digests:
            self.deaths.pop(digest, None)


def prompt_digest(ids: np.ndarray) -> bytes:
    """8 bytes that stand for a prompt. ids: int32 array."""
    return blake2b(ids.tobytes(), digest_size=8).digest()
