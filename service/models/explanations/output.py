"""Explanations as an output of a model, beside those of its methods.

output = ExplanationOutput("predict_proba", ["age", "plan"])
output.plain([explained])     # [{"output": "predict_proba", "label": "yes", "value": 0.8, "base": 0.4, ...}]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

__all__ = ["EXPLANATION", "Explained", "ExplanationOutput"]

EXPLANATION = "explanation"  # the name of the output


class Explained(NamedTuple):
    """The explanations of one target, of n rows and d columns.

    target: its name, None where there is one alone. labels: the n classes that the scores are of, or None. value,
    base: float64 [n], the answers for the rows, and the means of those for the background rows. contributions, errors:
    float64 [n, d]; value is base + contributions.sum(axis=1), and errors are standard errors, 0 where the
    contributions are exact. method: how they were computed. rows: how many background rows were used.
    """

    target: str | None
    labels: list[str] | None
    value: np.ndarray
    base: np.ndarray
    contributions: np.ndarray
    errors: np.ndarray
    method: str
    rows: int


class ExplanationOutput:
    """What a tables.output.Output is for a method of the model; `raw` is a list of Explained, one a target.

    measured: the method whose numbers are explained. names: of the columns.
    """

    labels = None

    def __init__(self, measured: str, names: Sequence[str]) -> None:
        self.measured, self.names = measured, list(names)

    def plain(self, raw: list[Explained], top_k: int | None = None) -> list[dict[str, Any]]:
        """One object a row; of several targets, an object of these by target."""
        if raw[0].target is None:
            return self.objects(raw[0])
        targets = [str(each.target) for each in raw]
        return [dict(zip(targets, row, strict=True)) for row in zip(*map(self.objects, raw), strict=True)]

    def objects(self, one: Explained) -> list[dict[str, Any]]:
        """One object a row, of one target."""
        numbers = (one.value, one.base, one.contributions, one.errors)
        rows = zip(*(each.tolist() for each in numbers), strict=True)
        return [
            {
                "output": self.measured,
                **({"label": one.labels[row]} if one.labels else {}),
                "value": value,
                "base": base,
                "contributions": dict(zip(self.names, contributions, strict=True)),
                "errors": dict(zip(self.names, errors, strict=True)),
                "method": one.method,
                "background_rows": one.rows,
            }
            for row, (value, base, contributions, errors) in enumerate(rows)
        ]

    def arrays(self, raw: list[Explained]) -> list[tuple[str | None, Any, list[str] | None]]:
        """The contributions under the output's own name; errors, base, value and labels each under a further one."""
        parts: list[tuple[str | None, Any, list[str] | None]] = []
        for one in raw:
            head = "" if one.target is None else f"{one.target}:"
            parts += [
                (one.target, one.contributions, self.names),
                (f"{head}errors", one.errors, self.names),
                (f"{head}base", one.base, None),
                (f"{head}value", one.value, None),
            ]
            if one.labels:
                parts.append((f"{head}label", one.labels, None))
        return parts
