"""A model that is a small typed Python class, for whatever is no scikit-learn estimator.

    class Churn:
        class Inputs:
            age: int
            plan: Literal["S", "M", "L"]
            pay: float | None
        example = {"age": 31, "plan": "M", "pay": None}      # optional

        def load(self, folder): ...                          # optional; the Path of what `--files` carried
        def predict(self, rows) -> list[float]: ...          # rows: a list of dicts, as Inputs says

`Inputs` becomes the columns: int, float, bool, str, datetime.datetime, Literal of texts,
each `| None` where it may be missing. To callers it is a tabular model like any other:
the same routes, the same violations.
"""

import types
import typing
from collections.abc import Callable
from datetime import datetime
from math import isfinite
from typing import Any

from ..errors import PredictionFailed, StartupError
from .runtimes.bundled_code import carried, sources
from .runtimes.python import PythonRuntime
from .tables.column import Column, shown
from .tables.output import Output
from .tables.plan import ColumnPlan
from .tabular import TabularModel

__all__ = ["FILES", "PythonModel", "columns_of", "imported", "output_dtype"]

FILES = "files"  # the folder of a version that `load` is given
ANNOTATIONS = {
    int: ("integer", "int64"),
    float: ("number", "float64"),
    bool: ("boolean", "bool"),
    str: ("text", "object"),
    datetime: ("datetime", "datetime64[us]"),
}
CAST: dict[str, Callable[[Any], Any]] = {"integer": int, "number": float, "datetime": datetime.fromisoformat}
# Whether a value is of the declared type of an output, and how the type is called.
DECLARED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "number": (lambda value: isinstance(value, int | float) and isfinite(value), "a number"),
    "integer": (lambda value: isinstance(value, int | float) and isfinite(value) and value == int(value), "an integer"),
    "boolean": (lambda value: isinstance(value, bool), "true or false"),
    "string": (lambda value: isinstance(value, str), "a text"),
}
OUTPUTS = {float: "number", int: "integer", bool: "boolean", str: "string"}


class PythonModel(TabularModel):
    """One loaded version of a Python class; `manifest.spec["class"]` is "module:Class"."""

    def __init__(self, manifest, runtime, **limits):
        super().__init__(manifest, runtime, **limits)
        self.plan = RowPlan(self.plan.columns)
        self.answers = self.outputs = {name: PlainOutput(**vars(output)) for name, output in self.outputs.items()}

    def describe(self):
        # Callers use it as any tabular model: in answers, `kind` has always said so.
        return super().describe() | {"kind": "tabular"}

    @classmethod
    def load(cls, version, settings):
        version.verify()
        try:
            instance = imported(sources(version), version.manifest.spec["class"])()
            if hasattr(instance, "load"):
                instance.load(version.folder / FILES)
        except Exception as error:  # the user's code may raise anything; whatever it is, the version cannot serve
            raise StartupError(f"{version} cannot be loaded: {type(error).__name__}: {error}") from error
        return cls(version.manifest, PythonRuntime(instance), max_rows=settings.max_rows)


class PlainOutput(Output):
    """What the runtime gives is plain already."""

    def check(self, raw, rows):
        accepts, expected = DECLARED.get(self.dtype, (None, ""))
        if accepts is None:
            return raw
        for row, value in enumerate(raw):
            if not accepts(value):
                got = f"the model gave {shown(value)} where its manifest declares {expected}"
                raise PredictionFailed(f"row {row}: {got}")
        return raw

    def plain(self, raw, top_k=None):
        return raw

    def arrays(self, raw):
        return [(None, raw, None)]


class RowPlan(ColumnPlan):
    """The column plan whose rows stay rows: checked in the same way, then dicts of the declared types."""

    def __init__(self, columns):
        super().__init__(columns, "array")
        self.container = "rows"  # what comes out is a list of dicts: nothing that goes by arrays may take it for one
        self.reads_numbers = False
        self._cast = {column.name: CAST[column.kind] for column in self.columns if column.kind in CAST}

    def read(self, instances):
        table = super().read(instances)
        return table._replace(values=[self._typed(row) for row in self.records(instances)])

    def _typed(self, row):
        for name, cast in self._cast.items():
            value = row[name]
            if value is not None:
                row[name] = None if value != value else cast(value)  # NaN is one way to say missing
        return row


def imported(modules, dotted):
    """The class "module:Class" from {module name: source bytes}, nothing else on disk being looked at."""
    module, _, name = dotted.partition(":")
    with carried(modules) as found:
        return getattr(found[module], name)


def columns_of(kind):
    """The Columns that a class declares in `Inputs`. Raises ValueError naming what cannot be declared so."""
    inputs = typing.get_type_hints(getattr(kind, "Inputs", None) or object)
    if not inputs:
        raise ValueError(f"{kind.__name__} declares no Inputs: class Inputs: age: int ...")
    return [column(name, hint) for name, hint in inputs.items()]


def column(name, hint):
    choices = typing.get_args(hint) if isinstance(hint, types.UnionType) or union(hint) else (hint,)
    nullable = type(None) in choices
    (inner, *others) = [annotation for annotation in choices if annotation is not type(None)]
    if not others and typing.get_origin(inner) is typing.Literal:
        values = typing.get_args(inner)
        if all(isinstance(value, str) for value in values):
            return Column(name, "category", "object", nullable, values, missing="None")
    elif not others and inner in ANNOTATIONS:
        kind, dtype = ANNOTATIONS[inner]
        return Column(name, kind, dtype, nullable, missing="None")
    known = ", ".join(annotation.__name__ for annotation in ANNOTATIONS)
    raise ValueError(f"Inputs.{name} is {hint}; it can be {known}, or Literal of texts, each with | None")


def union(hint):
    return typing.get_origin(hint) is typing.Union


def output_dtype(method):
    """The manifest's word for what `-> list[float]` says a method gives for one row; "object" for anything else."""
    (inner, *_) = (*typing.get_args(typing.get_type_hints(method).get("return")), object)
    return OUTPUTS.get(inner, "object")
