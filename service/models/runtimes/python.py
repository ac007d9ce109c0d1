"""A small Python class as a runtime: it takes rows as dicts and returns one plain value per row.

    runtime = PythonRuntime(Churn())
    runtime.run([{"age": 31, "plan": "S"}], ["predict"])     # {"predict": [0.8]}

service.models.python_model says what such a class must offer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import PredictionFailed
from ..tables.plain_values import NotPlain, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PythonRuntime"]


class PythonRuntime:
    """An instance whose methods take a list of dicts and return one value per row."""

    def __init__(self, instance: Any) -> None:
        self.instance = instance

    def run(
        self, rows: list[dict[str, Any]], methods: Sequence[str], deadline: float | None = None
    ) -> dict[str, list[Any]]:
        """Call each method on the rows; returns {method: one JSON-ready value per row}."""
        return {method: answers(getattr(self.instance, method)(rows), method, len(rows)) for method in methods}


def answers(result: Any, method: str, rows: int) -> list[Any]:
    """What `method` returned, as one JSON-ready value per row. Raises PredictionFailed where it is not that."""
    try:
        values = plain(result.tolist() if hasattr(result, "tolist") else result)
    except NotPlain as error:
        raise PredictionFailed(f"{method} gave {error}") from None
    if not isinstance(values, list) or len(values) != rows:
        got = f"{len(values)} answers" if isinstance(values, list) else type(result).__name__
        raise PredictionFailed(f"{method} gave {got} for {rows} rows")
    return values
