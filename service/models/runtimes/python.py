"""A small Python class as a runtime: it takes rows as dicts and returns one plain value per row.

    runtime = PythonRuntime(Churn())
    runtime.run([{"age": 31, "plan": "S"}], ["predict"])     # {"predict": [0.8]}

service.models.python_model says what such a class must offer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import PredictionFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PythonRuntime"]

PLAIN = (str, int, float, type(None))  # bool is a subclass of int


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
    values = plain(result, method)
    if not isinstance(values, list) or len(values) != rows:
        got = f"{len(values)} answers" if isinstance(values, list) else type(result).__name__
        raise PredictionFailed(f"{method} gave {got} for {rows} rows")
    return values


def plain(value: Any, method: str) -> Any:
    """The value made of lists, dicts, numbers, texts and None; arrays and numbers of numpy become these."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(item, method) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item, method) for key, item in value.items()}
    if isinstance(value, PLAIN):
        return value
    raise PredictionFailed(f"{method} gave a {type(value).__name__}, which JSON has not")
