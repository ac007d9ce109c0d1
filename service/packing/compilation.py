"""Compile an estimator to an ONNX graph and keep the graph only where it is proven equal, and faster.

    compiled = compile_model(estimator, contract)
    compiled.described      # the manifest's "runtime": name, tolerance, measured, microseconds, reason
    compiled.files          # {"model.onnx": bytes, "proof.json": bytes}, nothing where scikit-learn stays

Never raises for a model it cannot compile: scikit-learn serves it, and `reason` says why.
"""

import copy
import json
import warnings
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter

import numpy as np

from ..models.runtimes.sklearn import SklearnRuntime
from ..models.tables.output import dense
from ..models.tables.plan import ColumnPlan, common_dtype
from .equivalence import Unequal, compare
from .proof import finite
from .proof_rows import proof_rows
from .translate import Table, Untranslatable, translate
from .translate.onnx_graph import Graph

__all__ = ["CHOICES", "Compiled", "compile_model"]

CHOICES = ("auto", "sklearn")
GRAPH, PROOF = "model.onnx", "proof.json"
# Relative. The graphs compute in float64, as scikit-learn does; of a table of float32 it keeps float32 only.
TOLERANCE, TOLERANCE_OF_FLOAT32 = 1e-9, 1e-5
WORTHWHILE = 1.3  # times faster for one row, or the estimator that everyone knows is kept
MARGIN = "margin"  # the graph's own output of how far a row is from a tie that it cannot break
TIE = 1e-12  # relative: at margins below it, rounding decides
REPLAYED = 64  # rows of the proof that every load repeats
TIMED_SECONDS = 0.02


@dataclass(frozen=True)
class Compiled:
    """`described` goes into the manifest, `files` beside it."""

    described: dict
    files: dict = field(default_factory=dict)


def kept(reason, took=None):
    return Compiled({"name": "sklearn", "reason": reason, "microseconds": took or {}})


def compile_model(estimator, columns, container, outputs, task, rows, choice="auto"):
    """`columns`, `container`, `outputs`, `task` as the manifest has them; `rows`: the sample as JSON rows, or none."""
    if choice not in CHOICES:
        raise ValueError(f"no runtime is called {choice!r}; there are {', '.join(CHOICES)}")
    if choice == "sklearn":
        return kept("scikit-learn serves it because it was packed so")
    if not rows:
        return kept("scikit-learn serves it because nothing can be proven without sample rows")
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            plan = ColumnPlan(columns, container)
            graph, described = translated(estimator, plan, outputs, task)
            return compiled(graph, described, estimator, plan, outputs, task, rows)
        except Exception as error:  # whatever a translation meets in an object of the user's, scikit-learn serves it
            return kept(f"scikit-learn serves it because {sentence(error)}")


def compiled(graph, described, estimator, plan, outputs, task, rows):
    from ..models.runtimes.onnx import OnnxRuntime

    reference = SklearnRuntime.serving(copy.deepcopy(estimator), plan.container)
    runtime = OnnxRuntime(graph, described)
    quick = ColumnPlan(plan.columns, described["container"])
    evidence, stored = proven(reference, plan, runtime, quick, outputs, task, rows, described["tolerance"])
    one = rows[:1]
    took = {
        "sklearn": microseconds(reference, plan.read(one).values, outputs),
        "onnx": microseconds(runtime, quick.read(one).values, outputs),
    }
    if took["sklearn"] < WORTHWHILE * took["onnx"]:
        return kept("scikit-learn serves it because compiled it is hardly faster", took)
    described |= {**evidence, "microseconds": took, "reason": None}
    files = {GRAPH: graph, PROOF: json.dumps(stored, ensure_ascii=False, allow_nan=False).encode()}
    return Compiled(described, files)


def translated(estimator, plan, outputs, task):
    """(the graph as bytes, what the runtime has to know of it). Raises Untranslatable."""
    strange = next((one for one in plan.columns if one.kind in ("text", "datetime")), None)
    if strange is not None:
        raise Untranslatable(f"column {strange.name!r} is {strange.kind}, which no graph reads")
    g = Graph(len(plan.columns))
    answers = translate(g, estimator, Table(g.input, plan.columns, plan.container))
    absent = [method for method in outputs if method not in answers]
    if absent:
        raise Untranslatable(f"{type(estimator).__name__} has no translation of {absent[0]}")
    labels = task == "classifier"
    named, targets = {}, {}
    for method, output in outputs.items():
        parts = answers[method] if isinstance(answers[method], list) else [answers[method]]
        targets[method] = len(parts) if isinstance(answers[method], list) else None
        names = [method] if targets[method] is None else [f"{method}.{place}" for place in range(len(parts))]
        if not (labels and method == "predict"):
            parts = [shaped(one, output) for one in parts]
        named |= dict(zip(names, parts, strict=True))
    if g.margin is not None:
        named[MARGIN], targets[MARGIN] = g.margin.reshape(-1), None
    described = {
        "name": "onnx",
        "payload": GRAPH,
        "proof": PROOF,
        "container": "array" if plan.container == "array" and common_dtype(plan.columns) is not None else "numbers",
        "targets": targets,
        "classes": classes(estimator) if labels and "predict" in outputs else None,
        "largest": g.largest,
        "at_once": g.rows,
        "tolerance": TOLERANCE_OF_FLOAT32 if any("float32" in one.dtype for one in plan.columns) else TOLERANCE,
    }
    return g.model(named).SerializeToString(), described


def shaped(tensor, output):
    """The tensor with the rank and the kind of number that scikit-learn's own answer has."""
    if len(output.shape) == 1:
        tensor = tensor.reshape(-1)
    return {"integer": tensor.int, "boolean": lambda: tensor.cast(bool)}.get(output.dtype, lambda: tensor)()


def classes(estimator):
    """The labels as plain values; a list of lists for several targets."""
    found = getattr(estimator, "classes_", None)
    if found is None:
        raise ValueError(f"{type(estimator).__name__} is a classifier without classes_")
    return [np.asarray(one).tolist() for one in found] if isinstance(found, list) else np.asarray(found).tolist()


def proven(reference, plan, runtime, quick, outputs, task, rows, tolerance):
    """Compare on rows of every kind: (what the manifest says of it, the part that loading repeats)."""
    methods = list(outputs)

    def answer(some):
        raw = reference.run(plan.read(some).values, methods)
        found = [dense(one).reshape(len(some), -1) for method in methods for one in listed(raw[method])]
        return np.concatenate([labelled_numbers(one) for one in found], axis=1)

    every = sound(proof_rows(plan.columns, rows, answer), lambda some: plan_and_run(reference, plan, some, methods))
    wanted = plan_and_run(reference, plan, every, methods)
    found = plan_and_run(runtime, quick, every, methods)
    labelled = task in ("classifier", "clusterer", "outlier_detector")
    tied = np.zeros(len(every), dtype=bool)
    if MARGIN in runtime.names:
        tied = plan_and_run(runtime, quick, every, [MARGIN])[MARGIN] < TIE
        tied[: len(rows)] = False  # of the rows that are usual, none is excused
    evidence = compare(wanted, found, labelled=labelled, tolerance=tolerance, typical=len(rows), tied=tied)
    clear = np.flatnonzero(evidence.clear) if evidence.clear.any() else np.arange(len(every))
    clear = clear[np.unique(np.linspace(0, len(clear) - 1, REPLAYED).astype(int))]
    told = {
        "measured": evidence.measured,
        "rows": len(every),
        "close_rows": evidence.close_rows,
        "ties": evidence.ties,
    }
    replayed = {
        method: [finite(one) for one in np.array(output.plain(wanted[method]), dtype=object)[clear].tolist()]
        for method, output in outputs.items()
    }
    return told, {"instances": [every[place] for place in clear], "outputs": replayed}


def plan_and_run(runtime, plan, rows, methods):
    return runtime.run(plan.read(rows).values, methods)


def listed(answer):
    return answer if isinstance(answer, list) else [answer]


def labelled_numbers(array):
    """An array of numbers or labels as floats, equal labels as equal floats."""
    if array.dtype.kind in "fiub":
        return array.astype(np.float64)
    _, places = np.unique(array.astype(str), return_inverse=True)
    return places.reshape(array.shape).astype(np.float64)


def sound(rows, run):
    """The rows that scikit-learn answers at all, found by halving."""
    try:
        run(rows)
    except Exception:  # the user's model may raise anything, and so may the plan for a cell beyond its column
        if len(rows) == 1:
            return []
        half = len(rows) // 2
        return [*sound(rows[:half], run), *sound(rows[half:], run)]
    return rows


def microseconds(runtime, X, outputs):
    """How long the first output of one row takes: the median of several rounds."""
    methods = [next(iter(outputs))]
    runtime.run(X, methods)
    found = []
    for _ in range(5):
        start, calls = perf_counter(), 0
        while perf_counter() - start < TIMED_SECONDS / 5:
            runtime.run(X, methods)
            calls += 1
        found.append((perf_counter() - start) / calls * 1e6)
    return round(median(found), 1)


def sentence(error):
    """What stood in the way, in one line."""
    told = str(error).splitlines()[0] if str(error) else ""
    return told if isinstance(error, Unequal | Untranslatable) else f"{type(error).__name__}: {told}"
