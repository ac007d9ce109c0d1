"""Pack any fitted scikit-learn object: learn its contract, prove it on the sample, write the version.

    version = pack(estimator, X, y, name="tumour", store="artifacts")
    version = pack_file("classifier.pkl", data="data.csv", target=["Target"])

Proof: every sample row (a thousand at most) is sent through the same column plan that
will serve requests, and must give what the estimator gives in process. What can be compiled
and proven equal is served by its graph (`service.packing.compilation`); the pickle stays beside it.
"""

import shutil
import warnings
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from ..models.runtimes.sklearn import SklearnRuntime
from ..models.tables.plan import ColumnPlan
from ..store.manifest import Manifest
from ..store.versions import check_name
from . import introspection
from .compilation import compile_model
from .open_source_file import carry, known_of_written, open_file, open_store
from .output_schema import describe_outputs
from .proof import finite, prove
from .provenance import provenance
from .sample_table import assumed_names, read_sample
from .schema import ask, assumed_columns, json_rows, learn_columns

__all__ = ["pack", "pack_file"]

PROOF_ROWS = 1000
LIBRARIES = ("scikit-learn", "numpy", "scipy", "joblib", "pandas", "xgboost", "lightgbm", "onnx", "onnxruntime")


def pack(estimator, X=None, y=None, *, name, store=None, version=None, metrics=None, code=(), runtime="auto"):
    """Pack a fitted estimator as a new version of the model `name`, and make it current.

    X: DataFrame or ndarray [rows, columns], or texts [rows]; the rows it was fitted on, or
    rows like them (default: none, and what the estimator does not tell is assumed). y: the
    targets, used for their names. metrics: kept in the manifest as given. code: Python
    files with the modules of your own that the estimator needs, carried along. runtime:
    "auto" compiles what can be proven equal to scikit-learn, "sklearn" never does.

    Returns the StoredVersion. Raises ValueError saying what cannot be packed and why.
    """
    check_name(name)
    contract = learn_contract(estimator, X, y, runtime)
    store = open_store(store)
    with store.adding(name, version) as draft:
        payload = draft.folder / "model.joblib"
        joblib.dump(estimator, payload)
        known = known_of_written(payload, carry(draft, code))
        draft.manifest = written(draft, contract, metrics, payload=payload.name, **known)
    return store.open(draft.model, draft.version)


def pack_file(
    path,
    *,
    name=None,
    data=None,
    target=(),
    store=None,
    version=None,
    metrics=None,
    trust=(),
    code=(),
    runtime="auto",
):
    """Pack a `.pkl`, `.joblib` or `.skops` file, its bytes unchanged. `data`: a CSV or Parquet file of sample rows.

    `target`: the columns of `data` that are not inputs. `trust`: dotted names that a pickle
    may import besides the known packages. `code`: Python files it needs, carried along. `runtime` as in `pack`.
    Returns the StoredVersion. Raises ValueError or FileNotFoundError.
    """
    path = Path(path)
    name = check_name(name or path.stem)
    opened = open_file(path, trust, code)
    X, y = read_data(data, list(target))
    contract = learn_contract(opened.estimator, X, y, runtime)
    contract.spec["notes"] += opened.notes
    store = open_store(store)
    with store.adding(name, version) as draft:
        shutil.copyfile(path, draft.folder / path.name)
        carry(draft, code)
        draft.manifest = written(draft, contract, metrics, payload=path.name, source=path.name, **opened.known)
    return store.open(draft.model, draft.version)


def read_data(data, target):
    """A CSV or Parquet file -> (inputs, targets or None)."""
    if data is None:
        return None, None
    frame = pd.read_parquet(data) if Path(data).suffix == ".parquet" else pd.read_csv(data)
    absent = [column for column in target if column not in frame.columns]
    if absent:
        raise ValueError(f"{data} has no column {absent[0]!r}; its columns are {', '.join(map(repr, frame.columns))}")
    return frame.drop(columns=target), frame[target] if target else None


def written(draft, contract, metrics, *, payload, **known):
    """Write what was compiled into the draft; returns the Manifest of all that is in it."""
    for name, content in contract.files.items():
        (draft.folder / name).write_bytes(content)
    return Manifest(
        model=draft.model,
        version=draft.version,
        kind="tabular",
        files=draft.digests(),
        spec=contract.spec | {"payload": payload},
        example=contract.example,
        metrics=metrics or {},
        provenance=provenance(*LIBRARIES, rows=contract.rows, **known),
    )


class Contract(NamedTuple):
    """`rows`: how many the sample has. `files`: {name: bytes} of what was compiled."""

    spec: dict
    example: dict
    rows: int
    files: dict


def learn_contract(estimator, X, y, runtime="auto"):
    """Everything the service has to know of an estimator: its Contract."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # trying what an estimator takes makes it warn; that is the point of trying
        return contract(estimator, X, y, runtime)


def contract(estimator, X, y, choice):
    methods = usable(estimator)
    sample = None if X is None else read_sample(estimator, X)
    names = assumed_names(estimator) if sample is None else list(sample.frame.columns)
    categories = dict(introspection.known_categories(estimator, names))
    texts = introspection.text_columns(estimator, names)
    notes = []
    if sample is None:
        columns = assumed_columns(names, categories, texts)
        assumed = [column.name for column in columns if column.kind == "number"]
        if assumed:
            notes.append(f"no sample rows: {len(assumed)} columns are taken for numbers; --data tells their true kinds")
        notes.append("no sample rows: the example is made up, and nothing was proven; --data gives real ones")
        rows = [made_row(columns)]
        forms = dict.fromkeys(assumed_forms(estimator, columns))
    else:
        columns = learn_columns(sample.frame, categories, texts, sample.labels)
        places, left_out = provable(sample.frame)
        proven = sample.taken(places)
        rows, forms = json_rows(proven.frame), proven.forms
        notes += [*sample.notes, *left_out]

    runtime = SklearnRuntime(estimator)
    container, raw, unserved = prove(runtime, columns, forms, rows, methods)
    notes += unserved

    def answers(trial, row):
        try:
            runtime.run(ColumnPlan(trial, container).read([row]).values, list(raw))
        except Exception:  # the question is only whether it raises
            return False
        return True

    first = next((row for row in rows if None not in row.values()), rows[0])
    columns, unasked = ask(columns, answers, first)
    if unasked:
        notes.append(f"{len(unasked)} columns were not tried without a value or with a new one, and take neither")
    outputs = describe_outputs(estimator, raw, y)
    plan = ColumnPlan(columns, container)
    answered = runtime.run(plan.read([first]).values, list(outputs))
    example = {"instances": [first], "outputs": {key: finite(outputs[key].plain(answered[key])) for key in outputs}}
    task = introspection.task(estimator)
    compiled = compile_model(estimator, columns, container, outputs, task, [] if sample is None else rows, choice)
    spec = {
        "task": task,
        "estimator": type(estimator).__name__,
        "container": container,
        "columns": [column.to_json() for column in columns],
        "outputs": {key: {k: v for k, v in vars(output).items() if v is not None} for key, output in outputs.items()},
        "notes": notes,
        "runtime": compiled.described,
    }
    return Contract(spec, example, 0 if sample is None else len(sample.frame), compiled.files)


def usable(estimator):
    """The estimator's methods. Raises ValueError if there is nothing to serve."""
    kind = type(estimator).__name__
    if isinstance(estimator, type):
        raise ValueError(f"{estimator.__name__} is a class; fit an instance of it and pack that")
    if hasattr(estimator, "get_params"):
        try:
            check_is_fitted(estimator)
        except NotFittedError:
            raise ValueError(f"{kind} is not fitted: call its fit() first, then pack it") from None
    methods = introspection.methods(estimator)
    if not methods:
        labels_own = hasattr(estimator, "fit_predict") or hasattr(estimator, "fit_transform")
        reason = "it can only label the rows it was fitted on" if labels_own else "nothing to serve"
        raise ValueError(f"{kind} has no predict and no transform: {reason}")
    return methods


def provable(frame):
    """The places of the rows to prove the contract on, and what is to be said of the others."""
    numbers = frame.select_dtypes("number")
    sound = ~numbers.isin([np.inf, -np.inf]).any(axis=1).to_numpy(dtype=bool)
    places = np.flatnonzero(sound)
    if not len(places):
        raise ValueError("every sample row holds an infinite number, which JSON has not")
    left_out = []
    if len(places) < len(frame):
        left_out = [f"{len(frame) - len(places)} sample rows hold infinite numbers, which JSON has not; callers cannot"]
    return places[np.unique(np.linspace(0, len(places) - 1, PROOF_ROWS).astype(int))], left_out


def made_row(columns):
    """A row for a model that came without any: the first category, zero, some text."""
    made = {"number": 0.0, "integer": 0, "boolean": False, "text": "text", "datetime": "2000-01-01T00:00:00"}
    return {one.name: one.categories[0] if one.kind == "category" else made[one.kind] for one in columns}


def assumed_forms(estimator, columns):
    """The containers to try for an estimator packed without a sample, cheapest first."""
    if introspection.fitted_names(estimator) is not None:
        numeric = all(column.kind in ("number", "integer") for column in columns)
        return ("array", "frame") if numeric and introspection.takes_arrays(estimator) else ("frame",)
    return ("list",) if introspection.fitted_width(estimator) is None and len(columns) == 1 else ("array",)
