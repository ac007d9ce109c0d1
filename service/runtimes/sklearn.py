"""The reference runtime: the fitted estimator itself, in process.

runtime = SklearnRuntime(estimator)
runtime.run(X, ["predict", "predict_proba"])   # {"predict": array, "predict_proba": array}
"""

import warnings

import joblib
import numpy as np

__all__ = ["METHODS", "SklearnRuntime"]

# What an estimator may offer; the first one it has is its plain answer.
METHODS = ("predict", "transform", "predict_proba", "decision_function")

# Arrays in the fitted order go to estimators fitted on frames; that they give the same
# answers was proven when the model was packed, so the reminder has nothing to tell.
UNNAMED = "X does not have valid feature names"


class SklearnRuntime:
    """A fitted estimator. Its methods are called as they are, one thread a call."""

    def __init__(self, estimator):
        self.estimator = estimator
        warnings.filterwarnings("ignore", message=UNNAMED, category=UserWarning)
        for part in parts(estimator):
            if getattr(part, "n_jobs", None) not in (None, 1):
                part.n_jobs = 1  # a pool costs 10-15 ms a call, and the worker's threads are busy already

    @classmethod
    def load(cls, file):
        """From an open, already verified joblib or pickle file."""
        return cls(joblib.load(file))

    def run(self, X, methods):
        """Call each method on X; returns {method: ndarray, list of ndarray or DataFrame}."""
        with np.errstate(all="ignore"):
            return {method: getattr(self.estimator, method)(X) for method in methods}


def parts(estimator):
    """The estimator and everything fitted or given inside it, each once."""
    seen, waiting = set(), [estimator]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list | tuple):
            waiting.extend(one)
        elif isinstance(one, np.ndarray) and one.dtype == object:
            waiting.extend(one.ravel().tolist())
        elif isinstance(one, dict):
            waiting.extend(one.values())
        elif hasattr(one, "get_params") and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting.extend(vars(one).values() if hasattr(one, "__dict__") else ())
