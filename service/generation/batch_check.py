"""Before a runner serves: do rows that are written together get what each gets alone?

check_batching(runner, alone=other)      # raises RuntimeError where they do not
"""

import numpy as np

__all__ = ["check_batching"]

PROMPT = (1, 2, 3, 4)
ROUNDING = 1e-3  # of the largest logit: what another order of the same additions may change


def check_batching(runner, alone=None):
    """Three rows of different lengths, and one token more for each: in one step, and one by one.

    alone: another runner of the same model, whose logits are right; by default, the same one. What was in the
    slots of both is gone. Raises RuntimeError, and whatever a runner raises.
    """
    alone = alone or runner
    rows = range(min(3, runner.slots.count))
    right = []
    for row in rows:
        runner.extend(row, PROMPT[: row + 1], 0)
        alone.extend(row, PROMPT[: row + 1], 0)
        right.append(alone.extend(row, [0], row + 1).copy())
    compare("rows written together differ", runner.step([0 for _ in rows], [row + 1 for row in rows]), right)
    whole = alone.extend(0, PROMPT, 0).copy()
    runner.extend(0, PROMPT[:2], 0)
    compare("a prompt read in two parts differs", runner.extend(0, PROMPT[2:], 2), whole)
    for row in rows:
        runner.slots.clear(row)
        alone.slots.clear(row)


def compare(told, found, right):
    apart, size = np.abs(found - right).max(), np.abs(right).max()
    if not apart <= ROUNDING * size:
        raise RuntimeError(f"{told} by {apart:.2g} in logits of {size:.2g}")
