"""What the forms of tables share: limits, faults of a whole table, and outputs as flat columns.

flat({"predict": ["no"], "predict_proba": [{"yes": 0.2, "no": 0.8}]})
# {"predict": ["no"], "predict_proba.yes": [0.2], "predict_proba.no": [0.8]}
"""

from collections import Counter
from typing import Any

from ...errors import InvalidInstances, PayloadTooLarge

__all__ = ["check_names", "check_rows", "fault", "flat", "no_rows", "refuse", "too_large"]


def fault(expected, got, *, row=None, column=None):
    """One violation, as the column plan writes them."""
    place = {"row": row, "column": column}
    return {key: value for key, value in place.items() if value is not None} | {"expected": expected, "got": got}


def refuse(faults, total=None):
    """Raise InvalidInstances if there are any faults. total: how many there are, where not all were kept."""
    if faults:
        total = len(faults) if total is None else total
        first, more = faults[0], total - 1
        place = ", ".join(
            f'{what} "{first[what]}"' if what == "column" else f"{what} {first[what]}"
            for what in ("row", "column")
            if what in first
        )
        others = f" (and {more} more)" if more else ""
        message = f"{place + ': ' if place else ''}expected {first['expected']}, got {first['got']}{others}"
        raise InvalidInstances(message, details=faults, total=total)


def no_rows(form):
    refuse([fault("a list of rows, at least one", form)])


def check_rows(rows, most):
    if rows > most:
        raise PayloadTooLarge(f"{rows} rows in one request; at most {most} are taken")


def too_large(form, most):
    raise PayloadTooLarge(f"the {form} is larger than {most} bytes once it is unpacked, the most taken")


def check_names(names):
    """A column that comes twice would have two truths."""
    counts = Counter(names)
    refuse([fault("one column of this name", str(count), column=name) for name, count in counts.items() if count > 1])


def flat(outputs):
    """{output: one plain value a row} -> {column: cells}; of nested values every part is a column of its own.

    A row that lacks a part that others have (the labels that `top_k` left out) has None there.
    """
    columns: dict[str, list[Any]] = {}
    for name, values in outputs.items():
        columns |= parts(name, values)
    return columns


def parts(name, values):
    shapes = set(map(type, values))
    if shapes == {dict}:
        keys = dict.fromkeys(key for value in values for key in value)
        below = {key: [value.get(key) for value in values] for key in keys}
    elif shapes == {list} and len(set(map(len, values))) == 1:
        below = {key: [value[key] for value in values] for key in range(len(values[0]))}
    else:
        return {name: values}
    return {column: cells for key, one in below.items() for column, cells in parts(f"{name}.{key}", one).items()}
