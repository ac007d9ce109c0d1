"""The nearest neighbours, all of them asked at once: a product of matrices, and the smallest few of each row.

Where two training rows are equally far, scikit-learn takes the one its search meets first, which no graph
knows. `Graph.doubt` tells such rows from others.
"""

import numpy as np

from .tables import Untranslatable

__all__ = ["labels", "numbers"]

CELLS = 2**22  # distances in memory at once: 32 MB


def nearest(g, estimator, X):
    """[rows, neighbours] int64: places of training rows, the nearest first."""
    table, count = estimator._fit_X, estimator.n_neighbors
    if estimator.weights != "uniform" or estimator.effective_metric_ != "euclidean":
        raise Untranslatable(f"{type(estimator).__name__} with other than uniform weights and Euclidean distance")
    if not isinstance(table, np.ndarray):
        raise Untranslatable(f"{type(estimator).__name__} of a sparse table")
    if len(table) <= count:
        raise Untranslatable(f"{type(estimator).__name__} whose every training row is a neighbour")
    centre = table.mean(axis=0)  # distances are the same from anywhere, and rounding is least from the middle
    moved = np.ascontiguousarray((table - centre).T)
    lengths = np.square(moved).sum(axis=0)
    away = X - centre
    # |x - t|^2 less |x|^2, which is the same for all of a row's neighbours.
    distances = lengths - 2.0 * (away @ moved)
    found, places = g.several("TopK", 2, distances, np.array([count + 1]), largest=0)
    gap = found.take([count]) - found.take([count - 1])
    g.doubt(gap / (g.op("ReduceSumSquare", away, np.array([1]), keepdims=1) + lengths.max()))
    g.at_once(max(1, CELLS // len(table)))
    return places.take(range(count))


def labels(g, estimator, X):
    places = nearest(g, estimator, X)
    several = estimator.outputs_2d_
    codes = estimator._y if several else estimator._y.reshape(-1, 1)
    sizes = [len(classes) for classes in (estimator.classes_ if several else [estimator.classes_])]
    shares = []
    for target, size in enumerate(sizes):
        votes = g.op("Gather", np.eye(size)[codes[:, target]], places, axis=0)  # [rows, neighbours, labels]
        shares.append(g.op("ReduceSum", votes, np.array([1]), keepdims=0) / float(estimator.n_neighbors))
    if not several:
        return {"predict": shares[0].argmax(), "predict_proba": shares[0]}
    return {"predict": g.join(classes.argmax().reshape(-1, 1) for classes in shares), "predict_proba": shares}


def numbers(g, estimator, X):
    targets = np.asarray(estimator._y, dtype=np.float64).reshape(len(estimator._y), -1)
    values = g.op("Gather", targets, nearest(g, estimator, X), axis=0)  # [rows, neighbours, targets]
    return {"predict": g.op("ReduceMean", values, np.array([1]), keepdims=0)}
