"""Whatever a model's methods return -> arrays, and their values as JSON has them.

    plain_values(dense([Decimal("1.5"), None]))     # [1.5, None]

There is one spelling for each kind of value, wherever it stands: in predictions, in labels, as keys of probabilities.
Dates and times are ISO 8601, durations too; bytes are UTF-8 text; an Enum is its value; what pandas calls missing is
None. What has no JSON value is refused, never shown as Python would print it.
"""

from datetime import timedelta
from decimal import Decimal
from enum import Enum

import numpy as np

__all__ = ["PLAIN_KINDS", "NotPlain", "dense", "label_key", "plain", "plain_values"]

PLAIN_KINDS = frozenset("biufU")  # numpy's letters for the dtypes whose tolist() is JSON already
DEEPEST = 20  # collections inside each other
MISSING = ("NAType", "NaTType")  # what pandas calls missing, told without importing pandas


class NotPlain(ValueError):
    """A model gave something that JSON has no value for."""


def dense(raw):
    """Whatever a scikit-learn method returns as an ndarray: one entry, or one line of entries, a row."""
    if hasattr(raw, "toarray"):
        raw = raw.toarray()
    if isinstance(raw, list | tuple):
        array = of_list(raw)
    elif hasattr(raw, "to_numpy") and not isinstance(getattr(raw, "dtype", np.dtype(float)), np.dtype):
        array = raw.to_numpy(dtype=object)  # of pandas' own types: whole numbers with holes would become floats
    else:
        array = np.asarray(raw)
    if array.dtype.kind == "M":
        return of_moments(array)
    if array.dtype.kind == "m":
        return array.astype("timedelta64[us]").astype(object)
    return array


def of_list(values):
    """A list as an array, of objects where numpy would turn some of its values into others or raise."""
    try:
        array = np.asarray(values)
    except ValueError:  # lists of different lengths
        array = None
    if array is not None and (array.dtype.kind in "OMm" or same_kind(values, array.dtype.kind)):
        return array
    array = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        array[place] = value
    return array


def same_kind(values, kind):
    """Whether all values, and those in the lists and arrays of a line, are what this kind of array holds."""
    if all(isinstance(value, list | tuple) for value in values):
        return all(same_kind(value, kind) for value in values)
    if all(isinstance(value, np.ndarray) for value in values):
        return all(value.dtype.kind == kind or {value.dtype.kind, kind} <= set("iuf") for value in values)
    expected = {"U": str, "S": bytes, "b": bool | np.bool_}.get(kind)
    if expected is None:
        return not any(isinstance(value, bool | np.bool_) for value in values)
    return all(isinstance(value, expected) for value in values)


def of_moments(array):
    """Dates and times in microseconds, as `datetime` has them; as texts where that would cut off digits."""
    in_microseconds = array.astype("datetime64[us]")
    if ((in_microseconds == array) | np.isnat(array)).all():
        return in_microseconds
    texts = np.datetime_as_string(array).astype(object)
    texts[np.isnat(array)] = None
    return texts


def plain_values(array):
    """The values of an array of `dense`, as nested lists of JSON values. Raises NotPlain."""
    values = array.tolist()
    return values if array.dtype.kind in PLAIN_KINDS else plain(values)


def plain(value, depth=0):
    """One value of an array of objects, dates or bytes, as JSON has it. Raises NotPlain."""
    if depth > DEEPEST:
        raise NotPlain(f"collections more than {DEEPEST} deep")
    if isinstance(value, Enum):
        value = value.value
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, dict):
        return keyed(value, depth)
    if isinstance(value, list | tuple):
        return [plain(each, depth + 1) for each in value]
    if isinstance(value, np.ndarray):
        return plain(dense(value).tolist(), depth + 1)
    if isinstance(value, np.generic):
        return plain(dense(value).item(), depth + 1)
    return scalar(value, depth)


def scalar(value, depth):
    """A value of the standard library's or pandas' own types."""
    for kind in (str, bool, int, float):  # their subclasses print as they like
        if isinstance(value, kind):
            return kind.__str__(value) if kind is str else kind(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise NotPlain(f"bytes that are no UTF-8 text: {value[:20]!r}") from None
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, timedelta):
        return duration(value)
    return of_pandas(value, depth)


def of_pandas(value, depth):
    name, module = type(value).__name__, type(value).__module__
    if name in MISSING:
        return None
    if hasattr(value, "isoformat"):  # dates and times, those of the standard library too
        return value.isoformat()
    if module.startswith("pandas"):
        if name == "DataFrame":
            return [plain(row, depth + 1) for row in value.to_dict("records")]
        if hasattr(value, "tolist"):  # a Series, an Index, an array
            return plain(value.tolist(), depth + 1)
        return str(value)  # intervals and periods
    raise NotPlain(f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}, which JSON has no value for")


def keyed(value, depth):
    keys = [label_key(plain(key, depth + 1)) for key in value]
    if len(set(keys)) < len(keys):
        raise NotPlain("a dict with two keys that are one in JSON")
    return dict(zip(keys, (plain(each, depth + 1) for each in value.values()), strict=True))


def duration(value):
    """A timedelta as ISO 8601 has it, such as P1DT2H3M4.5S."""
    sign, value = ("-", -value) if value < timedelta(0) else ("", value)
    minutes, seconds = divmod(value.seconds, 60)
    fraction = f".{value.microseconds:06d}".rstrip("0") if value.microseconds else ""
    return f"{sign}P{value.days}DT{minutes // 60}H{minutes % 60}M{seconds}{fraction}S"


def label_key(label):
    """A class label, as a JSON value, as the key of a JSON object."""
    if isinstance(label, bool | np.bool_):
        return "true" if label else "false"
    return str(label)
