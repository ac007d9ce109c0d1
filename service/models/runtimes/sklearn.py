"""The reference runtime: the fitted estimator itself, in process.

    runtime = SklearnRuntime(estimator)
    runtime.run(X, ["predict", "predict_proba"])   # {"predict": array, "predict_proba": array}

The estimator is the user's own object while packing, and is changed by loading alone.
"""

import numpy as np

__all__ = ["METHODS", "SklearnRuntime", "parts"]

# What an estimator may offer; the first one it has is its plain answer.
METHODS = ("predict", "transform", "predict_proba", "decision_function")


class SklearnRuntime:
    """A fitted estimator. Its methods are called as they are, one thread a call."""

    def __init__(self, estimator):
        self.estimator = estimator

    @classmethod
    def load(cls, version, settings):
        """From the verified payload of a StoredVersion. Raises StartupError, or what opening it raises."""
        from .open_payload import open_payload

        return cls.serving(open_payload(version, settings), version.manifest.spec["container"])

    @classmethod
    def serving(cls, estimator, container):
        """An estimator fresh from its file, changed so that it serves; `container` is the column plan's."""
        for part in parts(estimator):
            if getattr(part, "n_jobs", None) not in (None, 1):
                part.n_jobs = 1  # a pool costs 10-15 ms a call, and the worker's threads are busy already
            if container == "array":
                # Arrays in the fitted order would make it warn at every call that they have no names.
                # That they give the same answers as the frame was proven when the model was packed.
                vars(part).pop("feature_names_in_", None)
        return cls(estimator)

    def run(self, X, methods, deadline=None):
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
        elif id(one) not in seen and hasattr(one, "__dict__") and not isinstance(one, type):
            seen.add(id(one))
            if hasattr(one, "get_params"):
                yield one
            elif not type(one).__module__.startswith("sklearn."):  # its helpers hold estimators too
                continue
            waiting.extend(vars(one).values())
