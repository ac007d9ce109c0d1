"""How a tabular model is executed: each runtime is one module here and one line of RUNTIMES.

runtime = load(version, settings)
runtime.run(X, ["predict", "predict_proba"])   # {"predict": array, "predict_proba": array}

A module is imported only when a version names it: a worker whose models are all
compiled never pays for scikit-learn.
"""

from __future__ import annotations

from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Protocol

from ...errors import StartupError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...settings import Settings
    from ...store.versions import StoredVersion

__all__ = ["RUNTIMES", "Runtime", "load"]

RUNTIMES = {
    "onnx": f"{__name__}.onnx:OnnxRuntime",
    "sklearn": f"{__name__}.sklearn:SklearnRuntime",
}


class Runtime(Protocol):
    """Runs the methods of one model; shared by the threads of a worker."""

    def run(self, X: Any, methods: Sequence[str], deadline: float | None = None) -> dict[str, Any]:
        """Call each of `methods` on the same rows.

        X: what the model's column plan reads: a float64 ndarray [rows, columns], a DataFrame of the fitted columns,
        or a list of dicts (one per row) for a Python class.
        deadline: the `time.perf_counter()` moment, in seconds, after which a call that still waits in a queue raises
        DeadlineExceeded, or None. Only the batching wrapper has a queue: the other runtimes begin at once.

        Returns {method: result}, rows in the order of X: labels [rows] or [rows, targets] for "predict", float64
        [rows, width] for "transform", "predict_proba" and "decision_function" ([rows] where scikit-learn returns that),
        a list with one array per target where the estimator returns a list, a list of JSON values for a Python class.
        """
        ...


def load(version: StoredVersion, settings: Settings) -> Runtime:
    """The runtime that a version of a tabular model was packed with. Raises StartupError, or what its files raise."""
    name = version.manifest.spec.get("runtime", {}).get("name", "sklearn")
    if name not in RUNTIMES:
        raise StartupError(f"{version} wants the runtime {name!r}; this service knows {', '.join(RUNTIMES)}")
    return resolve_name(RUNTIMES[name]).load(version, settings)
