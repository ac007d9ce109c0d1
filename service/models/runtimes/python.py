"""A small Python class as a runtime: rows in as dicts, one plain answer a row out.

    runtime = PythonRuntime(Churn())
    runtime.run([{"age": 31, "plan": "S"}], ["predict"])     # {"predict": [0.8]}

What such a class is, see service.models.python_model.
"""

__all__ = ["PythonRuntime"]

PLAIN = (str, int, float, type(None))  # bool is an int


class PythonRuntime:
    """An instance whose methods take a list of dicts and return one value a row."""

    def __init__(self, instance):
        self.instance = instance

    def run(self, rows, methods, deadline=None):
        """Call each method on the rows; returns {method: one JSON-ready value a row}."""
        return {method: answers(getattr(self.instance, method)(rows), method, len(rows)) for method in methods}


def answers(given, method, rows):
    found = plain(given, method)
    if not isinstance(found, list) or len(found) != rows:
        got = f"{len(found)} answers" if isinstance(found, list) else type(given).__name__
        raise RuntimeError(f"{method} gave {got} for {rows} rows")
    return found


def plain(value, method):
    """Lists, dicts, numbers, texts and None of them all; numpy's arrays and numbers are turned into these."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(one, method) for one in value]
    if isinstance(value, dict):
        return {str(key): plain(one, method) for key, one in value.items()}
    if isinstance(value, PLAIN):
        return value
    raise RuntimeError(f"{method} gave a {type(value).__name__}, which JSON has not")
