"""Encoders of category_encoders: they encode some columns of a frame, and hand the others on.

The encoded columns are asked for and looked up, as those of any encoder (`tables`); the others are the table's own.
"""

import numpy as np

from .tables import Table, Untranslatable, lookups, responses

__all__ = ["encoded"]


def encoded(g, estimator, X):
    if not isinstance(X, Table):
        raise Untranslatable(f"{type(estimator).__name__} of what other steps have made")
    given, made = list(estimator.feature_names_in_), list(estimator.get_feature_names_out())
    places = [given.index(name) for name in estimator.cols]
    kept = {place: given.index(name) for place, name in enumerate(made) if name in given and name not in estimator.cols}
    fresh = [place for place in range(len(made)) if place not in kept]
    parts, order = [], [*fresh, *kept]
    if fresh:
        if unlisted := [X.columns[place].name for place in places if X.columns[place].categories is None]:
            raise Untranslatable(f"{type(estimator).__name__} does not tell the categories of column {unlisted[0]!r}")
        cells, answer, _ = responses(estimator.transform, X, places)
        parts.append(lookups(g, X.take(places), cells, answer[:, fresh]))
    if kept:
        parts.append(X.take(kept.values()).numbers(type(estimator).__name__))
    return {"transform": g.join(parts).take(np.argsort(order))}
