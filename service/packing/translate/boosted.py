"""What the translations of XGBoost, LightGBM and CatBoost share.

These libraries compute in float32 where they say so, and so do the graphs: a number is rounded wherever the library
rounds it, and is float64 in between. What a translation hands on is float64 as everywhere.
"""

import numpy as np

from .tables import Table

__all__ = ["features", "places_of", "single", "single_sigmoid", "single_softmax"]


def features(g, X, recode):
    """[rows, columns] float64 as the library sees them: a category by its number, what is missing as NaN.

    X: a Tensor of numbers, which stays as it is, or a Table. recode(place, column): the library's number of each
    category of a column.
    """
    if not isinstance(X, Table):
        return X
    coded = {place: column for place, column in enumerate(X.columns) if column.categories is not None}
    if not coded:
        return X.tensor
    numbers = {place: np.asarray(recode(place, column), dtype=np.float64) for place, column in coded.items()}
    if all(np.array_equal(each, np.arange(len(each))) for each in numbers.values()):
        # Every category is its own place; the two codes beyond the last, of missing and of strange cells, are NaN.
        known = np.full(len(X.columns), np.inf)
        known[list(numbers)] = [len(each) for each in numbers.values()]
        return g.op("Where", X.tensor >= known, np.nan, X.tensor)
    each = [
        g.op("Gather", np.append(numbers[place], [np.nan, np.nan]), X.tensor.take([place]).int(), axis=0).reshape(-1, 1)
        if place in numbers
        else X.tensor.take([place])
        for place in range(len(X.columns))
    ]
    return g.join(each)


def places_of(column, known):
    """The place of each of the column's categories among `known`, NaN where it is none of them."""
    places = {category: float(place) for place, category in enumerate(known)}
    return [places.get(category, np.nan) for category in column.categories]


def single(tensor):
    """A tensor rounded to float32, and float64 again."""
    return tensor.cast(np.float32).float()


def single_sigmoid(g, scores):
    """1 / (1 + exp(-scores)) of float32, rounded after each step."""
    return single(1.0 / single(single((-g.op("Max", scores, -88.7)).exp()) + 1.0))


def single_softmax(scores):
    """exp(scores) made to add up to one, in float32; the sum alone is float64."""
    each = single(single(scores - scores.max()).exp())
    return single(each / single(each.sum()))
