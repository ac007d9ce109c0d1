"""DataFrames: a model's outputs as columns of a new frame, of the library that the caller's frame is of.

    columns = output_columns({"predict": ["no"], "predict_proba": [{"yes": 0.2, "no": 0.8}]})
    # {"predict": ["no"], "predict_proba.yes": [0.2], "predict_proba.no": [0.8]}
    same_kind(frame, columns, {})                  # a DataFrame with the index of `frame`

Neither pandas nor polars is imported: who has a frame has imported the library already.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["is_frame", "output_columns", "same_kind"]

LIBRARIES = ("pandas", "polars")
SIGNED, UNSIGNED = (-(2**63), 2**63 - 1), (0, 2**64 - 1)


def library_of(frame: Any) -> str | None:
    """The name of the library whose DataFrame this is, or is made of; None for anything else."""
    for base in type(frame).__mro__:
        library = base.__module__.partition(".")[0]
        if base.__name__ == "DataFrame" and library in LIBRARIES:
            return library
    return None


def is_frame(frame: Any) -> bool:
    return library_of(frame) is not None


def output_columns(outputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """{output: one value a row} -> {column: cells}; of nested values every part is a column of its own.

    A row that lacks a part that others have (the labels that `top_k` left out) has None there. The names are those of
    the tables that the server writes.
    """
    columns: dict[str, list[Any]] = {}
    for name, values in outputs.items():
        columns.update(parts(name, values))
    return columns


def parts(name: str, values: list[Any]) -> dict[str, list[Any]]:
    shapes = {type(value) for value in values}
    below: dict[Any, list[Any]]
    if shapes == {dict}:
        keys = dict.fromkeys(key for value in values for key in value)
        below = {key: [value.get(key) for value in values] for key in keys}
    elif shapes == {list} and len({len(value) for value in values}) == 1:
        below = {key: [value[key] for value in values] for key in range(len(values[0]))}
    else:
        return {name: values}
    return {column: cells for key, one in below.items() for column, cells in parts(f"{name}.{key}", one).items()}


def same_kind(frame: Any, columns: dict[str, list[Any]], about: dict[str, Any]) -> Any:
    """A DataFrame of the same library with these columns; of pandas with the same index, and `about` as its attrs."""
    library = library_of(frame)
    module: Any = sys.modules[str(library)]
    if library == "polars":  # which would make texts of numbers beside texts
        exact = {name: module.Series(cells, dtype=module.Object) for name, cells in columns.items() if is_mixed(cells)}
        return module.DataFrame({**columns, **exact}, strict=False)
    typed = {name: module.Series(cells, frame.index, dtype_of(cells)) for name, cells in columns.items()}
    made = module.DataFrame(typed, frame.index)
    made.attrs.update(about)
    return made


def dtype_of(cells: list[Any]) -> str:
    """The name of pandas' dtype that holds all of the cells of an output exactly, and missing ones as such."""
    types = {type(cell) for cell in cells}
    missing = type(None) in types
    types.discard(type(None))
    if types == {bool}:
        return "boolean" if missing else "bool"
    if types == {int}:
        lowest, highest = min(filter(is_there, cells)), max(filter(is_there, cells))
        for name, (least, most) in (("int64", SIGNED), ("uint64", UNSIGNED)):
            if least <= lowest and highest <= most:
                return name.replace("i", "I").replace("uI", "UI") if missing else name
        return "object"
    if types <= {int, float}:  # also where every cell is missing: no output but one of numbers may be
        return "float64"
    return "str" if types == {str} else "object"


def is_mixed(cells: list[Any]) -> bool:
    """Whether cells are of several types that no dtype but one of objects holds."""
    types = {type(cell) for cell in cells} - {type(None)}
    return len(types) > 1 and not types <= {int, float}


def is_there(cell: Any) -> bool:
    return cell is not None
