"""The reference runtime: the fitted estimator itself, in process.

    runtime = SklearnRuntime(estimator)
    runtime.run(X, ["predict", "predict_proba"])   # {"predict": array, "predict_proba": array}

While packing, the estimator is the user's own object and stays as it is; only `serving` changes one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ...settings import Settings
    from ...store.versions import StoredVersion

__all__ = ["METHODS", "SklearnRuntime", "parts"]

# What an estimator may offer; the first one it has is its plain answer.
METHODS = ("predict", "transform", "predict_proba", "decision_function")

PLAIN = (str, bytes, int, float)  # values that hold nothing


class SklearnRuntime:
    """A fitted estimator. Its methods are called as they are, one thread a call."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    @classmethod
    def load(cls, version: StoredVersion, settings: Settings) -> SklearnRuntime:
        """From the verified payload of a StoredVersion. Raises StartupError, or what opening it raises."""
        from .open_payload import open_payload

        return cls.serving(open_payload(version, settings), version.manifest.spec["container"])

    @classmethod
    def serving(cls, estimator: Any, container: str) -> SklearnRuntime:
        """An estimator fresh from its file, changed so that it serves; `container` is the column plan's."""
        for part in parts(estimator):
            on_one_thread(part)
            if container == "array":
                # Arrays in the fitted order would make it warn at every call that they have no names.
                # That they give the same answers as the frame was proven when the model was packed.
                vars(part).pop("feature_names_in_", None)
        return cls(estimator)

    def run(self, X: Any, methods: Sequence[str], deadline: float | None = None) -> dict[str, Any]:
        """Call each method on X; returns {method: ndarray, list of ndarray or DataFrame}."""
        with np.errstate(all="ignore"):
            return {method: getattr(self.estimator, method)(X) for method in methods}


def on_one_thread(part: Any) -> None:
    """A pool costs 10-15 ms a call, and the worker's threads are busy already."""
    library = type(part).__module__.partition(".")[0]
    # To boosters None means all processors.
    if getattr(part, "n_jobs", None) not in ((1,) if library in ("xgboost", "lightgbm") else (None, 1)):
        part.n_jobs = 1
    if library == "xgboost" and hasattr(part, "get_booster") and part.__sklearn_is_fitted__():
        part.get_booster().set_param({"nthread": 1})


def parts(estimator: Any) -> Iterator[Any]:
    """The estimator and everything fitted or given inside it, each once."""
    seen: dict[int, Any] = {}  # what was seen is kept, so that no other object gets its id
    waiting = [estimator]
    while waiting:
        item = waiting.pop()
        if isinstance(item, PLAIN) or id(item) in seen:
            continue
        seen[id(item)] = item
        if isinstance(item, list | tuple):
            waiting.extend(item)
        elif isinstance(item, np.ndarray):
            waiting.extend(item.ravel().tolist() if item.dtype == object else ())
        elif isinstance(item, dict):
            waiting.extend(item.values())
        elif hasattr(item, "__dict__") and not isinstance(item, type):
            if hasattr(item, "get_params"):
                yield item
            elif not type(item).__module__.startswith("sklearn."):  # its helpers hold estimators too
                continue
            waiting.extend(vars(item).values())
