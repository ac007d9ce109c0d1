"""The answer of a table model.

answer = TabularAnswer({"predict": (Output("string", [None]), np.array(["yes"]))})
answer.outputs, answer.predictions      # {"predict": ["yes"]}, ["yes"]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .plan import Table

__all__ = ["TabularAnswer"]


@dataclass(slots=True)
class TabularAnswer:
    """`raw`: {name: (its Output, what the method returned)}, in the order asked for; the first is the prediction.

    `seconds`: where the time went, {"check", "queue", "predict"}. `tokens`: a table has none. `table`: the rows as the
    model got them. `batch`: rows of the call that answered them, those of other requests among them.
    """

    raw: dict
    warnings: tuple = ()
    seconds: dict = field(default_factory=dict)
    top_k: int | None = None
    tokens: None = None
    table: Table | None = None
    batch: int = 0
    _outputs: dict | None = None

    @property
    def outputs(self):
        """{name: one plain value a row}; scores keyed by label."""
        # Kept by hand: functools.cached_property takes a lock, in Python 3.11.
        if self._outputs is None:
            self._outputs = {name: output.plain(raw, self.top_k) for name, (output, raw) in self.raw.items()}
        return self._outputs

    def arrays(self):
        """{name: a list of (target or None, values, labels or None)}, as Output.arrays says."""
        return {name: output.arrays(raw) for name, (output, raw) in self.raw.items()}

    @property
    def predictions(self):
        return next(iter(self.outputs.values()))
