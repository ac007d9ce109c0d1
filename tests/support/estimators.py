"""Tiny real estimators with one strange habit each; the server under test imports them to unpickle them.

All take one number column and answer it back, so their packed examples hold anywhere.
"""

import time
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from threadpoolctl import threadpool_info

__all__ = ["Busy", "Held", "Odd", "Slow", "Threads", "sample"]


def sample():
    """Rows none of the habits are triggered by, [3, 1] float64, and their targets."""
    X = np.array([[0.0], [-1.0], [-2.0]])
    return X, X[:, 0]


class Identity(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return np.asarray(X, dtype=float)[:, 0]


class Slow(Identity):
    """Takes as many seconds as its largest value says, and touches the file `started` first."""

    def __init__(self, started=""):
        self.started = started

    def predict(self, X):
        answer = super().predict(X)
        if answer.max() > 0:
            Path(self.started).touch()
            time.sleep(answer.max())
        return answer


class Held(Identity):
    """Waits for the file `go` where its largest value is positive, and touches the file `started` first."""

    def __init__(self, started="", go=""):
        self.started, self.go = started, go

    def predict(self, X):
        answer = super().predict(X)
        if answer.max() > 0:
            Path(self.started).touch()
            while not Path(self.go).exists():
                time.sleep(0.01)
        return answer


class Odd(Identity):
    """Answers 101 with two values, 102 with a text, and 103 with nothing; a missing value with itself."""

    def fit(self, X, y=None):
        return super().fit(X, y)

    def predict(self, X):
        answer = super().predict(X)
        odd = {101.0: np.append(answer, answer), 102.0: np.array(["text"] * len(answer)), 103.0: None}
        return odd.get(answer[0], answer)


class Busy(Identity):
    """Computes in Python, holding the interpreter, for as many seconds of processor time as its largest value says."""

    def predict(self, X):
        answer = super().predict(X)
        ends = time.thread_time() + answer.max()
        while time.thread_time() < ends:
            sum(range(200))
        return answer


class Threads(Identity):
    """Answers a positive value with the most threads that any numeric library in this process would use."""

    def predict(self, X):
        answer = super().predict(X)
        if answer.max() > 0:
            # A product makes numpy load its BLAS, if nothing did before.
            np.ones((2, 2)) @ np.ones((2, 2))
            answer[:] = max(library["num_threads"] for library in threadpool_info())
        return answer
