"""The contract of a model: what a version promises, and the evidence it is learned from.

    contract = learn_contract(estimator, X, y)
    contract.columns, contract.outputs, contract.example

It is learned in a line of steps, each of which takes a Contract and returns one that knows more:

1. from_sample, or from_estimator where there is no sample: the columns, and the rows to prove everything on
2. choose_container: the first way to call the estimator whose answers through JSON are its own answers in process
3. ask_about_neighbors: whether a row gets the same answer alone, and in another order
4. ask_what_is_read: which columns the model never looks at
5. ask_about_cells: which columns may be missing, and which may hold a new category; the model itself is asked
6. describe_answers: what each method returns
7. add_example: one row and its answers, which every load repeats
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from ..errors import in_a_line
from ..models.runtimes.onnx_files import OnnxModel
from ..models.runtimes.sklearn import SklearnRuntime
from ..models.tables.column import Column
from ..models.tables.output import NotFinite, Output
from ..models.tables.plan import ColumnPlan
from . import introspection
from .native_categories import native_categories
from .other_ways import other_way
from .output_schema import describe_outputs
from .proof import dependence, finite, prove, same
from .reading import unread
from .sample_table import assumed_names, proof_places, read_sample, spread
from .schema import QUESTIONS, Row, ask, assumed_columns, json_rows, learn_columns

__all__ = ["Contract", "learn_contract", "made_row"]

SEEN_ROWS = 10_000  # of a larger sample, for the distribution of its columns
LISTED = 5  # columns named in a note
Missing = dict[str, tuple[str, ...]]
MADE_UP = {"number": 0.0, "integer": 0, "boolean": False, "text": "text", "datetime": "2000-01-01T00:00:00"}


@dataclass(frozen=True)
class Contract:
    """estimator: the fitted object. methods: those it may be asked for.

    columns: in the order it was fitted on. sample_rows: how many rows the sample has, 0 without one. rows: the sample
    as JSON rows, those that the proof uses; one made-up row without a sample. forms: {container: the same rows as the
    estimator is called with them in process, or None}. given: the same rows as its owner has them, or None. seen: a
    frame of sample rows, many more than those of the proof, for the distribution of the columns, or None. notes:
    sentences for the person who packs.

    The rest is filled by the steps. container: how the estimator is called. answers: {method: what it returned for
    `rows`}. rows_depend: whether the answer for a row depends on its neighbors. outputs: {method: Output}. example:
    {"instances": [row], "outputs": {method: [answer]}}.
    """

    estimator: Any
    methods: list[str]
    columns: list[Column]
    sample_rows: int
    rows: list[Row]
    forms: dict[str, Any]
    given: Any = None
    seen: Any = None
    notes: tuple[str, ...] = ()
    container: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    rows_depend: bool = False
    outputs: dict[str, Output] = field(default_factory=dict)
    example: dict[str, Any] = field(default_factory=dict)

    @property
    def task(self) -> str:
        return introspection.task(self.estimator)

    @property
    def first_row(self) -> Row:
        """A row without missing cells, where there is one."""
        return next((row for row in self.rows if None not in row.values()), self.rows[0])

    def noting(self, *notes: str) -> Contract:
        return replace(self, notes=(*self.notes, *notes))

    def spec(self) -> dict[str, Any]:
        """What the manifest says of it, JSON-ready."""
        return {
            "task": self.task,
            "estimator": type(introspection.last_estimator(self.estimator)).__name__,
            "container": self.container,
            "columns": [column.to_json() for column in self.columns],
            "outputs": {
                method: {name: value for name, value in vars(output).items() if value is not None}
                for method, output in self.outputs.items()
            },
            "notes": list(self.notes),
            **({"rows_depend": True} if self.rows_depend else {}),
        }


def learn_contract(estimator: Any, X: Any = None, y: Any = None, missing: Missing | None = None) -> Contract:
    """Everything that the service has to know of a fitted estimator. X, y: as in `pack`. missing: {column: the texts
    that stood for a missing cell in the sample's file}, which mean the same in requests.

    Raises ValueError that says what cannot be served, and why.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an estimator that is tried in several ways warns of some of them
        try:
            contract = from_estimator(estimator) if X is None else from_sample(estimator, X, missing or {})
            contract = choose_container(contract)
            contract = ask_about_neighbors(contract)
            contract = ask_what_is_read(contract)
            contract = ask_about_cells(contract)
            contract = describe_answers(contract, y)
            return add_example(contract)
        except ValueError:
            raise
        except Exception as error:  # a damaged estimator may raise anything
            name = type(estimator).__name__
            raise ValueError(f"{name} cannot be used: {type(error).__name__}: {in_a_line(error)}") from error


def servable_methods(estimator: Any) -> list[str]:
    """The estimator's methods. Raises ValueError if there is nothing to serve."""
    name = type(estimator).__name__
    if isinstance(estimator, type):
        raise ValueError(f"{estimator.__name__} is a class; fit an instance of it and pack that")
    if hasattr(estimator, "get_params"):
        try:
            check_is_fitted(estimator)
        except NotFittedError:
            raise ValueError(f"{name} is not fitted: call its fit() first, then pack it") from None
    methods = introspection.methods(estimator)
    if not methods:
        labels_own = hasattr(estimator, "fit_predict") or hasattr(estimator, "fit_transform")
        reason = (
            "it can only label the rows it was fitted on" if labels_own else f"nothing to serve; {other_way(estimator)}"
        )
        raise ValueError(f"{name} has no predict and no transform: {reason}")
    return methods


def from_sample(estimator: Any, X: Any, missing: Missing) -> Contract:
    """Step 1: columns learned from all sample rows; a thousand of them, evenly spread, are for the proof."""
    methods = servable_methods(estimator)
    sample = read_sample(estimator, X)
    names = list(sample.frame.columns)
    categories = dict(introspection.known_categories(estimator, names)) | native_categories(estimator, sample.frame)
    columns = learn_columns(sample.frame, categories, introspection.text_columns(estimator, names), sample.labels)
    columns = [replace(column, missing_texts=missing.get(column.name, ())) for column in columns]
    places, notes = proof_places(sample.frame)
    for_proof = sample.at(places)
    return Contract(
        estimator,
        methods,
        columns,
        sample_rows=len(sample.frame),
        rows=json_rows(for_proof.frame),
        forms=for_proof.forms,
        given=for_proof.given,
        seen=sample.frame.iloc[spread(np.arange(len(sample.frame)), SEEN_ROWS)],
        notes=(*sample.notes, *notes),
    )


def from_estimator(estimator: Any) -> Contract:
    """Step 1 without a sample: what the fitted object tells; its other columns are assumed to be numbers."""
    methods = servable_methods(estimator)
    names = assumed_names(estimator)
    categories = dict(introspection.known_categories(estimator, names))
    known = introspection.text_columns(estimator, names), introspection.told_dtypes(estimator, names)
    columns = assumed_columns(names, categories, *known)
    numbers = sum(column.kind == "number" for column in columns)
    notes = ["no sample rows: the example is made up, and nothing was proven; --data gives real ones"]
    if numbers:
        notes.insert(0, f"no sample rows: {numbers} columns are taken for numbers; --data tells their true kinds")
    forms = dict.fromkeys(assumed_forms(estimator, columns))
    return Contract(estimator, methods, columns, 0, [made_row(columns)], forms, notes=tuple(notes))


def choose_container(contract: Contract) -> Contract:
    """Step 2: prove each way to call the estimator; the first whose answers are its own is kept."""
    runtime = SklearnRuntime(contract.estimator)
    proven = prove(runtime, contract.columns, contract.forms, contract.given, contract.rows, contract.methods)
    return replace(contract.noting(*proven.notes), container=proven.container, answers=proven.answers)


def ask_about_neighbors(contract: Contract) -> Contract:
    """Step 3: whether the answer for a row depends on the other rows of the call; then every answer will say so."""
    plan = ColumnPlan(contract.columns, contract.container)
    how = dependence(SklearnRuntime(contract.estimator), plan, contract.rows, contract.answers)
    if how is None:
        return contract
    note = f"the answer for a row depends on the other rows of its request: {how}; every answer carries a warning"
    return replace(contract.noting(note), rows_depend=True)


def ask_what_is_read(contract: Contract) -> Contract:
    """Step 4: columns that the model never looks at need not be sent."""
    if not contract.sample_rows or contract.rows_depend or len(contract.columns) == 1:
        return contract
    X = ColumnPlan(contract.columns, contract.container).read(contract.rows).values
    names = unread(SklearnRuntime(contract.estimator), contract.columns, X, contract.answers)
    if not names:
        return contract
    columns = [
        replace(column, unread=True, nullable=True) if column.name in names else column for column in contract.columns
    ]
    try:
        values = ColumnPlan(columns, contract.container).read(contract.rows).values
        found = SklearnRuntime(contract.estimator).run(values, list(contract.answers))
    except Exception:  # it does not take what stands there instead
        return contract
    if not all(same(found[method], answer) for method, answer in contract.answers.items()):
        return contract
    rows = [{column.name: row[column.name] for column in columns if not column.unread} for row in contract.rows]
    listed = ", ".join(map(repr, sorted(names)[:LISTED])) + (", ..." if len(names) > LISTED else "")
    changed = replace(contract, columns=columns, rows=rows)
    return changed.noting(f"the model never reads {listed}; rows need not have it")


def ask_about_cells(contract: Contract) -> Contract:
    """Step 5: learn from the model which cells may be missing, and which columns take a new category."""
    runtime = SklearnRuntime(contract.estimator)

    def predicts(columns: list[Column], row: Row) -> bool:
        if isinstance(contract.estimator, OnnxModel) and None in row.values():
            return False  # a graph computes something of any NaN: the sample tells
        try:
            runtime.run(ColumnPlan(columns, contract.container).read([row]).values, list(contract.answers))
        except Exception:  # whatever it raises: it does not take this row
            return False
        return True

    columns, not_asked = ask(contract.columns, predicts, contract.first_row)
    if not_asked:
        note = f"{len(not_asked)} columns were not tried without a value or with a new one, and take neither"
        contract = contract.noting(note)
    return replace(contract, columns=columns)


def describe_answers(contract: Contract, y: Any) -> Contract:
    """Step 6: dtype, shape and labels of each method's output. y: the targets, for their names."""
    outputs = describe_outputs(contract.estimator, contract.answers, y)
    numbers = [method for method, output in outputs.items() if output.dtype == "number" and not output.nullable]
    nullable = [column.name for column in contract.columns if column.nullable and not column.unread][:QUESTIONS]
    if not numbers or not nullable:
        return replace(contract, outputs=outputs)
    rows = [contract.first_row | {name: None} for name in nullable]
    values = ColumnPlan(contract.columns, contract.container).read(rows).values
    for method, answer in SklearnRuntime(contract.estimator).run(values, numbers).items():
        try:
            outputs[method].check(answer, len(rows))
        except NotFinite:
            outputs[method] = replace(outputs[method], nullable=True)
    return replace(contract, outputs=outputs)


def add_example(contract: Contract) -> Contract:
    """Step 7: a row of the sample with the answers that every load must give again."""
    row, outputs = contract.first_row, contract.outputs
    plan = ColumnPlan(contract.columns, contract.container)
    answers = SklearnRuntime(contract.estimator).run(plan.read([row]).values, list(outputs))
    plain = {method: finite(output.plain(output.check(answers[method], 1))) for method, output in outputs.items()}
    return replace(contract, example={"instances": [row], "outputs": plain})


def made_row(columns: list[Column]) -> Row:
    """A row for a model that came without any: the first category, zero, some text."""
    return {
        column.name: column.categories[0] if column.kind == "category" and column.categories else MADE_UP[column.kind]
        for column in columns
    }


def assumed_forms(estimator: Any, columns: list[Column]) -> tuple[str, ...]:
    """The containers to try for an estimator packed without a sample, cheapest first."""
    if introspection.fitted_names(estimator) is not None:
        numeric = all(column.kind in ("number", "integer") for column in columns)
        return ("array", "frame") if numeric and introspection.takes_arrays(estimator) else ("frame",)
    return ("list",) if introspection.fitted_width(estimator) is None and len(columns) == 1 else ("array",)
