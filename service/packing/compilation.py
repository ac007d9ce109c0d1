"""Compile an estimator to an ONNX graph, and keep the graph only where it is proven equal, and faster.

    compiled = compile_model(contract)
    compiled.runtime        # the manifest's "runtime": name, tolerance, measured, microseconds, reason
    compiled.files          # {"model.onnx": bytes, "proof.json": bytes}, nothing where scikit-learn serves

Four steps: translate the estimator, run both on rows of every kind, compare the answers, time both. A model that
cannot be compiled raises nothing: scikit-learn serves it, and `reason` says why.
"""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from timeit import Timer
from typing import Any, NamedTuple

import numpy as np

from ..models.runtimes.onnx_files import OnnxModel
from ..models.runtimes.sklearn import SklearnRuntime
from ..models.tables.plan import ColumnPlan
from .contract import Contract
from .equivalence import Evidence, Unequal, compare, parts
from .model_graph import MARGIN, PROOF, TEXTS, model_graph
from .proof import finite
from .proof_rows import proof_rows
from .schema import Row
from .translate import Untranslatable

__all__ = ["CHOICES", "Compiled", "compile_model"]

CHOICES = ("auto", "sklearn")
WORTHWHILE = 1.3  # times faster for one row; otherwise the estimator that everybody knows is kept
TIE = 1e-12  # relative: below this margin, rounding decides
REPLAYED = 64  # rows of the proof that every load repeats
ROUNDS, ROUND_SECONDS = 5, 0.004  # of the timing


@dataclass(frozen=True)
class Compiled:
    """`runtime` goes into the manifest, `files` beside it: {name: bytes}."""

    runtime: dict[str, Any]
    files: dict[str, bytes] = field(default_factory=dict)


class Executable(NamedTuple):
    """A runtime, and the column plan that reads rows for it."""

    runtime: Any
    plan: ColumnPlan

    def run(self, rows: list[Row], methods: list[str]) -> dict[str, Any]:
        """JSON rows -> {method: what it returned}."""
        return self.runtime.run(self.plan.read(rows).values, methods)

    def microseconds(self, row: Row, method: str) -> float:
        """How long one row takes, its reading left out: the quickest of several rounds, the least disturbed."""
        X = self.plan.read([row]).values
        timer = Timer(lambda: self.runtime.run(X, [method]))
        once = max(timer.timeit(2) / 2, 1e-9)  # the first call may set things up
        calls = max(1, int(ROUND_SECONDS / once))
        return round(min(timer.repeat(ROUNDS, calls)) / calls * 1e6, 1)


def compile_model(contract: Contract, choice: str = "auto") -> Compiled:
    """The runtime that is to serve the model. choice: one of CHOICES. Raises ValueError for another."""
    if choice not in CHOICES:
        raise ValueError(f"no runtime is called {choice!r}; there are {', '.join(CHOICES)}")
    if choice == "sklearn":
        return not_compiled(contract, "it was packed so")
    if not contract.sample_rows:
        return not_compiled(contract, "nothing can be proven without sample rows")
    if contract.rows_depend:
        return not_compiled(contract, "its answer for a row depends on the other rows of the request")
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return proven_and_timed(contract)
        except Exception as error:  # whatever a translation meets in an object of the user's, scikit-learn serves it
            return not_compiled(contract, sentence(error))


def not_compiled(contract: Contract, reason: str, microseconds: dict[str, float] | None = None) -> Compiled:
    by = "the file itself" if isinstance(contract.estimator, OnnxModel) else "scikit-learn"
    return Compiled(
        {
            "name": "sklearn",
            "reason": f"{by} serves it because {reason}",
            "microseconds": microseconds or {},
        }
    )


def proven_and_timed(contract: Contract) -> Compiled:
    """Translate, prove and time. Raises Untranslatable, Unequal, or what the estimator raises."""
    from ..models.runtimes.onnx import OnnxRuntime

    graph, description, texts = model_graph(contract)
    estimator = copy.deepcopy(contract.estimator)
    reference = Executable(
        SklearnRuntime.serving(estimator, contract.container), ColumnPlan(contract.columns, contract.container)
    )
    plan = ColumnPlan(contract.columns, description["container"], compiled=True)
    compiled = Executable(OnnxRuntime(graph, description, texts), plan)
    evidence, replay = prove_equal(contract, reference, compiled, description["tolerance"])
    row, method = contract.rows[0], next(iter(contract.outputs))
    microseconds = {"sklearn": reference.microseconds(row, method), "onnx": compiled.microseconds(row, method)}
    if isinstance(contract.estimator, OnnxModel):
        microseconds = {"onnx": microseconds["onnx"]}
    elif microseconds["sklearn"] < WORTHWHILE * microseconds["onnx"]:
        return not_compiled(contract, "compiled it is hardly faster", microseconds)
    files = {description["payload"]: graph, PROOF: as_json(replay)} | ({TEXTS: as_json(texts)} if texts else {})
    return Compiled({**description, **evidence, "microseconds": microseconds, "reason": None}, files)


def as_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


# --- proving


def prove_equal(
    contract: Contract, reference: Executable, compiled: Executable, tolerance: float
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Compare both on rows of every kind: (what the manifest says of it, the part that every load repeats)."""
    methods = list(contract.outputs)

    def comparable(rows: list[Row]) -> np.ndarray:
        answers = reference.run(rows, methods)
        arrays = [part.reshape(len(rows), -1) for method in methods for part in parts(answers[method])]
        return np.concatenate([as_floats(array) for array in arrays], axis=1)

    rows = answerable(
        proof_rows(list(reference.plan.columns), contract.rows, comparable), lambda some: reference.run(some, methods)
    )
    expected = reference.run(rows, methods)
    evidence = compare(
        expected,
        compiled.run(rows, methods),
        labeled=contract.task in ("classifier", "clusterer", "outlier_detector"),
        tolerance=tolerance,
        typical=len(contract.rows),
        tied=tied_rows(compiled, rows, len(contract.rows)),
    )
    measures = {
        "measured": evidence.measured,
        "rows": len(rows),
        "close_rows": evidence.close_rows,
        "ties": evidence.ties,
    }
    return measures, replay_of(contract, rows, expected, evidence)


def tied_rows(compiled: Executable, rows: list[Row], sample_rows: int) -> np.ndarray:
    """[rows]: where the graph's own margin says that rounding decides; never a row of the sample."""
    if MARGIN not in compiled.runtime.names:
        return np.zeros(len(rows), dtype=bool)
    tied = compiled.run(rows, [MARGIN])[MARGIN] < TIE
    tied[:sample_rows] = False
    return tied


def replay_of(contract: Contract, rows: list[Row], expected: dict[str, Any], evidence: Evidence) -> dict[str, Any]:
    """Rows far from every tie with their answers, evenly spread over the proof."""
    clear = np.flatnonzero(evidence.clear) if evidence.clear.any() else np.arange(len(rows))
    places = clear[np.unique(np.linspace(0, len(clear) - 1, REPLAYED).astype(int))]
    outputs = {
        method: [finite(cell) for cell in np.array(output.plain(expected[method]), dtype=object)[places].tolist()]
        for method, output in contract.outputs.items()
    }
    return {"instances": [rows[place] for place in places], "outputs": outputs}


def as_floats(array: np.ndarray) -> np.ndarray:
    """An array of numbers or labels as floats, equal labels as equal floats."""
    if array.dtype.kind in "fiub":
        return array.astype(np.float64)
    _, places = np.unique(array.astype(str), return_inverse=True)
    return places.reshape(array.shape).astype(np.float64)


def answerable(rows: list[Row], run: Callable[[list[Row]], Any]) -> list[Row]:
    """The rows that scikit-learn answers at all, found by halving."""
    try:
        run(rows)
    except Exception:  # the user's model may raise anything, and so may the plan for a cell beyond its column
        if len(rows) == 1:
            return []
        half = len(rows) // 2
        return [*answerable(rows[:half], run), *answerable(rows[half:], run)]
    return rows


def sentence(error: Exception) -> str:
    """Why the model was not compiled, in one line."""
    message = str(error).splitlines()[0] if str(error) else ""
    return message if isinstance(error, Unequal | Untranslatable) else f"{type(error).__name__}: {message}"
