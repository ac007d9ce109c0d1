"""Steps of the zoo's pipelines that are functions of ours; the server under test imports them to unpickle the zoo.

dates_from_text(pd.DataFrame({"egg": ["2007-11-11"]}))   # array([[2007, 315]])
"""

import numpy as np
import pandas as pd

__all__ = ["calendar", "dates_from_text", "floats", "lengths"]


def calendar(frame):
    """Columns of datetime64 -> [rows, 2 a column]: year and day of the year."""
    return np.column_stack([part for name in frame for part in (frame[name].dt.year, frame[name].dt.day_of_year)])


def dates_from_text(frame):
    """Columns of ISO dates as text -> the same."""
    return calendar(frame.apply(pd.to_datetime))


def floats(frame):
    """Columns of pandas' nullable dtypes -> float64, NaN where they are missing."""
    return frame.astype("Float64").to_numpy(dtype=float, na_value=np.nan)


def lengths(frame):
    """Columns of text -> [rows, columns], characters in each cell, none where it is missing."""
    return np.column_stack([frame[name].str.len().fillna(0) for name in frame]).astype(float)
