"""Before a runner serves: check that sequences decoded in one batch get the logits that each gets alone.

check_batching(runner, alone=other)      # raises RuntimeError if they do not
"""

from __future__ import annotations

import numpy as np

from .runner import Runner

__all__ = ["check_batching"]

PROMPT = (1, 2, 3, 4)
TOLERANCE = 1e-3  # of the largest logit: what another order of the same additions may change


def check_batching(runner: Runner, alone: Runner | None = None) -> None:
    """Prefill three rows of different lengths and decode one more token of each: in one step, and one by one.

    alone: another runner of the same model, whose logits are right; by default, the same one. The slots of both are
    overwritten. Raises RuntimeError, and whatever a runner raises.
    """
    alone = alone or runner
    rows = range(min(3, runner.slots.count))
    expected = []
    for row in rows:
        runner.extend(row, PROMPT[: row + 1], 0)
        alone.extend(row, PROMPT[: row + 1], 0)
        expected.append(alone.extend(row, [0], row + 1).copy())
    compare("rows decoded together differ", runner.step([0 for _ in rows], [row + 1 for row in rows]), expected)
    whole = alone.extend(0, PROMPT, 0).copy()
    runner.extend(0, PROMPT[:2], 0)
    compare("a prompt prefilled in two parts differs", runner.extend(0, PROMPT[2:], 2), whole)
    for row in rows:
        runner.slots.clear(row)
        alone.slots.clear(row)


def compare(failure: str, logits: np.ndarray, expected: np.ndarray | list[np.ndarray]) -> None:
    """Raise RuntimeError with the sentence `failure` if the logits differ by more than rounding."""
    difference, scale = np.abs(logits - expected).max(), np.abs(expected).max()
    if not difference <= TOLERANCE * scale:  # also where either is NaN
        raise RuntimeError(f"{failure} by {difference:.2g} in logits of {scale:.2g}")
