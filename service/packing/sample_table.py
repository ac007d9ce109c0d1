"""The sample rows: checked, named, and in every form that the estimator may have been fitted on.

sample = read_sample(estimator, X)     # X: DataFrame of pandas, polars or Arrow, Series, ndarray, sparse matrix, list
sample.frame                           # DataFrame, unique text names, the estimator's columns only
sample.forms["array"]                  # what the estimator is called with in process
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from ..models.runtimes.onnx_files import OnnxModel
from . import introspection
from .introspection import plain

__all__ = ["Sample", "assumed_names", "proof_places", "read_sample", "same_names", "spread"]

PROOF_ROWS = 1000
WIDEST_SPARSE = 10_000  # columns; a caller sends every one of them in every row


@dataclass(frozen=True)
class Sample:
    """`forms`: {container of the column plan: the rows as the estimator takes them}, the likeliest first.

    `given`: the rows as their owner has them, which the owner's own call takes. `labels`: {name: the column's own
    name in the frame}, where that is not text.
    """

    frame: pd.DataFrame
    forms: dict[str, Any]
    given: Any = None
    labels: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def at(self, places: np.ndarray) -> Sample:
        """These rows alone, by position; an index of dates or names is dropped."""
        forms = {name: taken(rows, places) for name, rows in self.forms.items()}
        return replace(self, frame=taken(self.frame, places), forms=forms, given=taken(self.given, places))


def taken(rows: Any, places: np.ndarray) -> Any:
    """The rows at these places of any table."""
    if hasattr(rows, "iloc"):
        return rows.iloc[places].reset_index(drop=True)
    if isinstance(rows, list):
        return [rows[place] for place in places]
    if hasattr(rows, "take") and hasattr(rows, "schema"):  # Arrow's
        return rows.take(places)
    return rows[places]


def read_sample(estimator: Any, X: Any) -> Sample:
    """Raises ValueError that says which column or shape cannot be served, and what can."""
    rows = X.shape[0] if hasattr(X, "shape") else len(X)
    if rows == 0:
        raise ValueError("the sample has no rows; a model's columns are learned from at least one")
    read = in_pandas(X)
    if isinstance(read, pd.DataFrame):
        return from_frame(estimator, read, X)
    if isinstance(read, pd.Series):
        name = "text" if read.name is None else str(read.name)
        return Sample(read.to_frame(name=name), {"list": read.to_numpy(dtype=object)}, X)
    return from_array(estimator, X)


def in_pandas(X: Any) -> Any:
    """A table or a column of polars or Arrow as pandas has it; anything else as it is."""
    library = type(X).__module__.partition(".")[0]
    if library not in ("polars", "pyarrow"):
        return X
    frame = (X.collect() if hasattr(X, "collect") else X).to_pandas()  # polars may not have computed it yet
    if isinstance(frame, pd.DataFrame):
        # A missing text is a None in both libraries, and pandas' own type of texts would make it NaN.
        for name in frame.select_dtypes("str"):
            frame[name] = pd.Series([text if isinstance(text, str) else None for text in frame[name]], dtype=object)
    return frame


def same_names(names: list[str], others: list[str]) -> bool:
    """Whether a library wrote these names with other signs alone, as LightGBM does "mean radius" as "mean_radius"."""
    bare = [[re.sub(r"[\W_]", "", name) for name in each] for each in (names, others)]
    return bare[0] == bare[1]


def from_frame(estimator: Any, X: pd.DataFrame, given: Any) -> Sample:
    check_names(X.columns)
    names, width = introspection.fitted_names(estimator), introspection.fitted_width(estimator)
    kind = type(estimator).__name__
    if names is not None and same_names(names, list(map(str, X.columns))):
        names = list(X.columns)  # callers send the columns as the owner names them
    if names is not None:
        absent = [name for name in names if name not in X.columns]
        if absent:
            raise ValueError(f"the sample lacks the column {absent[0]!r} that {kind} was fitted on")
        if len(names) < len(X.columns):
            given = X[names]
        # Where the estimator takes arrays, answers from them cost a third of answers from a frame.
        frame = X[names]
        containers = ["array", "frame"] if numeric(frame) and introspection.takes_arrays(estimator) else ["frame"]
        return Sample(frame, dict.fromkeys(containers, frame), given)
    if width is not None and width != len(X.columns):
        raise ValueError(
            f"{kind} was fitted on {width} columns, the sample has {len(X.columns)}: "
            f"{', '.join(map(repr, X.columns[:20]))}; name the targets (--target)"
        )
    labels = {str(name): plain(name) for name in X.columns if not isinstance(name, str)}
    frame = X.set_axis([str(name) for name in X.columns], axis="columns")
    if labels:  # scikit-learn keeps only names that are text, so X may have been a frame
        order = ("array", "frame") if numeric(X) else ("frame", "array")
        return Sample(frame, {form: X for form in order if form == "frame" or numeric(X)}, given, labels)
    if width is None and len(X.columns) == 1:  # a vectorizer reads texts; of a frame it would read the names
        return Sample(frame, {"list": X.iloc[:, 0].to_numpy(dtype=object), "frame": X})
    return Sample(frame, {"array": X.to_numpy(), "frame": X}, given)


def from_array(estimator: Any, X: Any) -> Sample:
    names, notes, given = introspection.fitted_names(estimator), tuple[str, ...](), X
    if hasattr(X, "toarray"):
        if X.shape[1] > WIDEST_SPARSE:
            raise ValueError(
                f"the sample is a sparse matrix of {X.shape[1]} columns, and a caller would have to send every one: "
                f"pack the pipeline that begins with the vectorizer, and give it the texts"
            )
        given = X.tocsr()
        X, notes = X.toarray(), ("the sample was a sparse matrix; callers send every column of a row",)
    array = np.asarray(X, dtype=object if isinstance(X[0], str) else None)
    if array.ndim == 1:
        return Sample(pd.DataFrame({"text": array}), {"list": array}, given)
    if array.ndim != 2:
        raise ValueError(f"the sample has {array.ndim} dimensions; a table has rows and columns")
    width = introspection.fitted_width(estimator)
    if width not in (None, array.shape[1]):
        raise ValueError(f"{type(estimator).__name__} was fitted on {width} columns, the sample has {array.shape[1]}")
    if names:
        frame = framed(array, names)
        forms = from_frame(estimator, frame, frame).forms
    else:
        frame, forms = framed(array, made_names(array.shape[1])), {"array": array}
    return Sample(frame, forms | ({"sparse": given} if notes else {}), given, notes=notes)


def framed(array: np.ndarray, names: list[str]) -> pd.DataFrame:
    """An array as a frame. A column of objects that are all of one kind of number has its dtype, as in a CSV; any
    other stays of objects, a None in it a None.
    """
    if array.dtype != object:
        return pd.DataFrame(array, columns=names)
    columns = [pd.Series(array[:, place], dtype=object) for place in range(len(names))]
    return pd.concat(columns, axis=1, keys=names)


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
    if width is None and isinstance(estimator, OnnxModel):
        raise ValueError("the graph takes any number of columns; sample rows tell which (--data)")
    return introspection.fitted_names(estimator) or (["text"] if width is None else made_names(width))


def made_names(width: int) -> list[str]:
    return [f"x{place}" for place in range(width)]


def proof_places(frame: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """The places of the rows to prove the contract on, and a note on rows that cannot be used."""
    numbers = frame.select_dtypes("number")
    usable = ~numbers.isin([np.inf, -np.inf]).any(axis=1).to_numpy(dtype=bool)
    places = np.flatnonzero(usable)
    if not len(places):
        raise ValueError("every sample row holds an infinite number, which JSON has not")
    notes = []
    if len(places) < len(frame):
        notes = [f"{len(frame) - len(places)} sample rows hold infinite numbers, which JSON has not; callers cannot"]
    return spread(places, PROOF_ROWS), notes


def spread(places: np.ndarray, most: int) -> np.ndarray:
    """At most so many of these places, evenly spread."""
    return places[np.unique(np.linspace(0, len(places) - 1, most).astype(int))]
