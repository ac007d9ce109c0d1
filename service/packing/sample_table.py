"""The sample rows: checked, named, and in every form that the estimator may have been fitted on.

sample = read_sample(estimator, X)     # X: DataFrame, Series, ndarray, sparse matrix or list
sample.frame                           # DataFrame, unique text names, the estimator's columns only
sample.forms["array"]                  # what the estimator is called with in process
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from . import introspection
from .introspection import plain

__all__ = ["Sample", "assumed_names", "read_sample"]

WIDEST_SPARSE = 10_000  # columns; a caller sends every one of them in every row


@dataclass(frozen=True)
class Sample:
    """`forms`: {container of the column plan: the rows as the estimator takes them}, the likeliest first.

    `labels`: {name: the column's own name in the frame}, where that is not text.
    """

    frame: pd.DataFrame
    forms: dict[str, Any]
    labels: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def at(self, places: np.ndarray) -> Sample:
        """These rows alone, by position; an index of dates or names is dropped."""
        forms = {
            name: rows.iloc[places].reset_index(drop=True) if hasattr(rows, "iloc") else rows[places]
            for name, rows in self.forms.items()
        }
        return Sample(self.frame.iloc[places].reset_index(drop=True), forms, self.labels, self.notes)


def read_sample(estimator: Any, X: Any) -> Sample:
    """Raises ValueError that says which column or shape cannot be served, and what can."""
    rows = X.shape[0] if hasattr(X, "shape") else len(X)
    if rows == 0:
        raise ValueError("the sample has no rows; a model's columns are learned from at least one")
    if isinstance(X, pd.DataFrame):
        return from_frame(estimator, X)
    if isinstance(X, pd.Series):
        name = "text" if X.name is None else str(X.name)
        return Sample(X.to_frame(name=name), {"list": X.to_numpy(dtype=object)})
    return from_array(estimator, X)


def from_frame(estimator: Any, X: pd.DataFrame) -> Sample:
    check_names(X.columns)
    names, width = introspection.fitted_names(estimator), introspection.fitted_width(estimator)
    kind = type(estimator).__name__
    if names is not None:
        absent = [name for name in names if name not in X.columns]
        if absent:
            raise ValueError(f"the sample lacks the column {absent[0]!r} that {kind} was fitted on")
        # Where the estimator takes arrays, answers from them cost a third of answers from a frame.
        frame = X[names]
        containers = ["array", "frame"] if numeric(frame) and introspection.takes_arrays(estimator) else ["frame"]
        return Sample(frame, dict.fromkeys(containers, frame))
    if width is not None and width != len(X.columns):
        raise ValueError(
            f"{kind} was fitted on {width} columns, the sample has {len(X.columns)}: "
            f"{', '.join(map(repr, X.columns[:20]))}; name the targets (--target)"
        )
    labels = {str(name): plain(name) for name in X.columns if not isinstance(name, str)}
    frame = X.set_axis([str(name) for name in X.columns], axis="columns")
    if labels:  # scikit-learn keeps only names that are text, so X may have been a frame
        order = ("array", "frame") if numeric(X) else ("frame", "array")
        return Sample(frame, {form: X for form in order if form == "frame" or numeric(X)}, labels)
    forms = {"array": X.to_numpy(), "frame": X}
    if width is None and len(X.columns) == 1:
        forms = {"list": X.iloc[:, 0].to_numpy(dtype=object), "frame": X}
    return Sample(frame, forms)


def from_array(estimator: Any, X: Any) -> Sample:
    names, notes = introspection.fitted_names(estimator), tuple[str, ...]()
    if hasattr(X, "toarray"):
        if X.shape[1] > WIDEST_SPARSE:
            raise ValueError(
                f"the sample is a sparse matrix of {X.shape[1]} columns, and a caller would have to send every one: "
                f"pack the pipeline that begins with the vectorizer, and give it the texts"
            )
        X, notes = X.toarray(), ("the sample was a sparse matrix; callers send every column of a row",)
    array = np.asarray(X, dtype=object if isinstance(X[0], str) else None)
    if array.ndim == 1:
        return Sample(pd.DataFrame({"text": array}), {"list": array})
    if array.ndim != 2:
        raise ValueError(f"the sample has {array.ndim} dimensions; a table has rows and columns")
    width = introspection.fitted_width(estimator)
    if width not in (None, array.shape[1]):
        raise ValueError(f"{type(estimator).__name__} was fitted on {width} columns, the sample has {array.shape[1]}")
    if names:
        frame = pd.DataFrame(array, columns=names)
        return Sample(frame, from_frame(estimator, frame).forms, notes=notes)
    return Sample(pd.DataFrame(array, columns=made_names(array.shape[1])), {"array": array}, notes=notes)


def check_names(columns: pd.Index) -> None:
    """Raise ValueError unless every column has a name in JSON, and no two have the same."""
    if isinstance(columns, pd.MultiIndex):
        raise ValueError(
            f"the sample's columns have {columns.nlevels} levels of names, and a JSON object has one: "
            f"join them before fitting, as in frame.columns = ['_'.join(name) for name in frame.columns]"
        )
    for name in columns:
        if not isinstance(plain(name), str | int | float | bool):
            raise ValueError(f"the column name {name!r} is a {type(name).__name__}; names are texts or numbers")
    names = pd.Index([str(name) for name in columns])
    repeated = names[names.duplicated()]
    if len(repeated):
        raise ValueError(f"the sample has several columns named {repeated[0]!r}; every column needs a name of its own")


def numeric(frame: pd.DataFrame) -> bool:
    return all(
        pd.api.types.is_numeric_dtype(dtype)
        and not pd.api.types.is_bool_dtype(dtype)
        and not pd.api.types.is_complex_dtype(dtype)
        for dtype in frame.dtypes
    )


def assumed_names(estimator: Any) -> list[str]:
    """The columns of an estimator packed without a sample."""
    width = introspection.fitted_width(estimator)
    return introspection.fitted_names(estimator) or (["text"] if width is None else made_names(width))


def made_names(width: int) -> list[str]:
    return [f"x{place}" for place in range(width)]
