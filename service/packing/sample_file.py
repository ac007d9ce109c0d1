"""The file of sample rows: Parquet with its types, or CSV, whose types the fitted object decides before its spelling.

    sample = read_sample_file("data.csv", ["label"], estimator)
    sample.X, sample.y, sample.missing, sample.notes

A cell of CSV is text. pandas takes "00501" for a number and "True" for a truth value; an encoder that was fitted on
these as texts knows better, and so does a vectorizer, or a model that kept the categories of its frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ..wire.table_formats.csv_dialect import recognise
from . import introspection
from .category_dtypes import categories_of, with_categories
from .sample_table import same_names

__all__ = ["KEEPS_TYPES", "SampleFile", "read_sample_file"]

DATE = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?"
KEEPS_TYPES = (
    "a CSV keeps no types: if the model was fitted on dates, categories or texts that look like numbers, give the "
    "sample as Parquet (X.to_parquet), or call pack() in the process that fitted it"
)


@dataclass(frozen=True)
class SampleFile:
    """X: the inputs. y: the targets, or None. missing: {column: the texts that stand for a missing cell}. notes: what
    was unusual. is_csv: whether its types were guessed.
    """

    X: pd.DataFrame
    y: pd.DataFrame | None = None
    missing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    is_csv: bool = False

    def with_dates(self) -> SampleFile | None:
        """The same with texts that all are dates read as such; None where there are none."""
        names = [name for name in self.X.select_dtypes(["object", "str"]) if is_dates(self.X[name])]
        if not names:
            return None
        dates = {name: pd.to_datetime(self.X[name], format="ISO8601") for name in names}
        note = f"{', '.join(map(repr, names))} were read as dates: the model does not take them as text"
        return replace(self, X=self.X.assign(**dates), notes=(*self.notes, note))


def is_dates(column: pd.Series) -> bool:
    present = column.dropna()
    return bool(len(present)) and all(isinstance(cell, str) for cell in present) and present.str.fullmatch(DATE).all()


def read_sample_file(path: Path | str, target: list[str], estimator: Any) -> SampleFile:
    """Raises ValueError for an unknown target, and for a file that is neither."""
    path = Path(path)
    read = SampleFile(pd.read_parquet(path)) if path.suffix == ".parquet" else read_csv(path, target, estimator)
    columns = read.X.columns
    absent = [name for name in target if name not in columns]
    if absent:
        raise ValueError(f"{path} has no column {absent[0]!r}; its columns are {', '.join(map(repr, columns))}")
    return replace(read, X=read.X.drop(columns=target), y=read.X[target] if target else None)


def read_csv(path: Path, target: list[str], estimator: Any) -> SampleFile:
    dialect = recognise(path.read_bytes())
    options: dict[str, Any] = {"sep": dialect.separator, "encoding": dialect.encoding}
    frame = pd.read_csv(path, **options, decimal=dialect.decimal, thousands=dialect.thousands)
    spelled = pd.read_csv(path, **options, dtype=str, keep_default_na=False)
    inputs = [name for name in frame.columns if name not in target]
    categories = introspection.categories_by_column(estimator, inputs)
    vectorized = introspection.text_columns(estimator, inputs)
    missing = {}
    for name in inputs:
        known = categories.get(name, [])
        if name in vectorized:
            frame[name] = spelled[name]
        elif any(isinstance(category, str) for category in known):
            absent = frame[name].isna() & ~spelled[name].isin(known)
            frame[name] = spelled[name].where(~absent)
        texts = sorted(set(spelled[name][frame[name].isna()]) - {""})
        if texts:
            missing[name] = tuple(texts)
    names = introspection.fitted_names(estimator)
    if names is None or same_names(names, inputs):
        names = inputs
    frame = with_categories(frame, categories_of(estimator, names))
    notes = (f"{path.name} was read as {dialect.unusual}",) if dialect.unusual else ()
    return SampleFile(frame, None, missing, notes, is_csv=True)
