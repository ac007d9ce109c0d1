"""Pack any fitted scikit-learn object: learn its contract, prove it on the sample, write the version.

    version = pack(estimator, X, y, name="tumour", store="artifacts")
    version = pack_file("classifier.pkl", data="data.csv", target=["Target"])

Proof: every sample row (a thousand at most) is sent through the same column plan that
will serve requests, and must give what the estimator gives in process.
"""

import shutil
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from service.columns import ColumnPlan
from service.errors import InvalidInstances
from service.models.outputs import close
from service.packing import inspect
from service.packing.outputs import describe_outputs
from service.packing.provenance import provenance
from service.packing.schema import ask, assumed_columns, json_rows, learn_columns
from service.runtimes.sklearn import SklearnRuntime
from service.store.manifest import Manifest
from service.store.versions import Store, check_name

__all__ = ["pack", "pack_file"]

PROOF_ROWS = 1000
LIBRARIES = ("scikit-learn", "numpy", "scipy", "joblib", "pandas", "xgboost", "lightgbm")


def pack(estimator, X=None, y=None, *, name, store="artifacts", version=None, metrics=None):
    """Pack a fitted estimator as a new version of the model `name`, and make it current.

    X: DataFrame or ndarray [rows, columns], or texts [rows]; the rows it was fitted on, or
    rows like them (default: none, and what the estimator does not tell is assumed). y: the
    targets, used for their names. metrics: kept in the manifest as given.

    Returns the StoredVersion. Raises ValueError saying what cannot be packed and why.
    """
    check_name(name)
    spec, example, rows = learn_contract(estimator, X, y)
    with Store(store).adding(name, version) as draft:
        joblib.dump(estimator, draft.folder / "model.joblib")
        spec["payload"] = "model.joblib"
        draft.manifest = manifest_of(draft, spec, example, metrics, rows=rows)
    return Store(store).open(draft.model, draft.version)


def pack_file(path, *, name=None, data=None, target=(), store="artifacts", version=None, metrics=None):
    """Pack a `.pkl` or `.joblib` file, its bytes unchanged. `data`: a CSV of sample rows.

    `target`: the columns of `data` that are not inputs. Returns the StoredVersion.
    Raises ValueError or FileNotFoundError.
    """
    path = Path(path)
    name = check_name(name or path.stem)
    with open(path, "rb") as file:
        estimator = joblib.load(file)
    X, y = read_sample(data, list(target))
    spec, example, rows = learn_contract(estimator, X, y)
    with Store(store).adding(name, version) as draft:
        shutil.copyfile(path, draft.folder / path.name)
        spec["payload"] = path.name
        draft.manifest = manifest_of(draft, spec, example, metrics, rows=rows, source=path.name)
    return Store(store).open(draft.model, draft.version)


def read_sample(data, target):
    """A CSV -> (inputs, targets or None)."""
    if data is None:
        return None, None
    frame = pd.read_csv(data)
    absent = [column for column in target if column not in frame.columns]
    if absent:
        raise ValueError(f"{data} has no column {absent[0]!r}; its columns are {', '.join(map(repr, frame.columns))}")
    return frame.drop(columns=target), frame[target] if target else None


def manifest_of(draft, spec, example, metrics, **known):
    return Manifest(
        model=draft.model,
        version=draft.version,
        kind="tabular",
        files=draft.digests(),
        spec=spec,
        example=example,
        metrics=metrics or {},
        provenance=provenance(*LIBRARIES, **known),
    )


def learn_contract(estimator, X, y):
    """(spec, example, sample rows): everything the service has to know of an estimator."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # trying what an estimator takes makes it warn; that is the point of trying
        return contract(estimator, X, y)


def contract(estimator, X, y):
    methods = usable(estimator)
    sample, original = as_fitted(estimator, X)
    names = list(map(str, sample.columns)) if sample is not None else assumed_names(estimator)
    categories = dict(inspect.known_categories(estimator, names))
    texts = inspect.text_columns(estimator, names)
    notes = []
    if sample is None:
        columns = assumed_columns(names, categories, texts)
        assumed = [column.name for column in columns if column.kind == "number"]
        if assumed:
            notes.append(f"no sample rows: {len(assumed)} columns are taken for numbers; --data tells their true kinds")
        notes.append("no sample rows: the example is made up, and nothing was proven; --data gives real ones")
        rows = [made_row(columns)]
    else:
        columns = learn_columns(sample, categories, texts)
        places = np.unique(np.linspace(0, len(sample) - 1, PROOF_ROWS).astype(int))
        rows, original = json_rows(sample.iloc[places]), taken(original, places)

    runtime = SklearnRuntime(estimator)
    container, raw, columns = prove(runtime, columns, containers(estimator, X, columns), rows, original, methods)

    def answers(trial, row):
        try:
            runtime.run(ColumnPlan(trial, container).read([row]).values, list(raw))
        except Exception:  # the question is only whether it raises
            return False
        return True

    first = next((row for row in rows if None not in row.values()), rows[0])
    columns = ask(columns, answers, first)
    outputs = describe_outputs(estimator, raw, y)
    plan = ColumnPlan(columns, container)
    answered = runtime.run(plan.read([first]).values, list(outputs))
    example = {"instances": [first], "outputs": {key: finite(outputs[key].plain(answered[key])) for key in outputs}}
    spec = {
        "task": inspect.task(estimator),
        "estimator": type(estimator).__name__,
        "container": container,
        "columns": [column.to_json() for column in columns],
        "outputs": {key: {k: v for k, v in vars(output).items() if v is not None} for key, output in outputs.items()},
        "notes": notes,
    }
    return spec, example, 0 if sample is None else len(sample)


def usable(estimator):
    """The estimator's methods. Raises ValueError if there is nothing to serve."""
    methods = inspect.methods(estimator)
    if not methods:
        raise ValueError(
            f"{type(estimator).__name__} has no predict and no transform: "
            + (
                "it can only label the rows it was fitted on"
                if hasattr(estimator, "fit_predict")
                else "nothing to serve"
            )
        )
    if hasattr(estimator, "get_params"):
        check_is_fitted(estimator)
    return methods


def as_fitted(estimator, X):
    """(sample as a frame, sample in the form the estimator was fitted on); (None, None) without rows."""
    if X is None:
        return None, None
    if len(X) == 0:
        raise ValueError("the sample has no rows")
    names, width = inspect.fitted_names(estimator), inspect.fitted_width(estimator)
    if not isinstance(X, pd.DataFrame):
        return from_array(X, names)
    if names is not None:
        absent = [name for name in names if name not in X.columns]
        if absent:
            raise ValueError(f"the sample lacks the column {absent[0]!r} that {type(estimator).__name__} was fitted on")
        return X[names], X[names]
    if width is None and len(X.columns) == 1:
        return X, X.iloc[:, 0].to_numpy(dtype=object)
    if width is not None and width != len(X.columns):
        raise ValueError(
            f"{type(estimator).__name__} was fitted on {width} columns, the sample has {len(X.columns)}: "
            f"{', '.join(map(repr, X.columns))}; name the targets (--target)"
        )
    return X, X.to_numpy()


def from_array(X, names):
    if isinstance(X, pd.Series):
        return X.to_frame(name=X.name or "text"), X.to_numpy(dtype=object)
    array = X.toarray() if hasattr(X, "toarray") else np.asarray(X, dtype=object if isinstance(X[0], str) else None)
    if array.ndim == 1:
        return pd.DataFrame({"text": array}), array
    frame = pd.DataFrame(array, columns=names or made_names(array.shape[1]))
    return frame, frame if names else array


def made_names(width):
    return [f"x{place}" for place in range(width)]


def assumed_names(estimator):
    width = inspect.fitted_width(estimator)
    return inspect.fitted_names(estimator) or (["text"] if width is None else made_names(width))


def made_row(columns):
    """A row for a model that came without any: the first category, zero, some text."""
    made = {"number": 0.0, "integer": 0, "boolean": False, "text": "text"}
    return {one.name: one.categories[0] if one.kind == "category" else made[one.kind] for one in columns}


def containers(estimator, X, columns):
    """The forms of input to try, cheapest first."""
    if inspect.fitted_names(estimator) is not None:
        numeric = all(column.kind in ("number", "integer") for column in columns)
        return ("array", "frame") if numeric else ("frame",)
    return ("list",) if inspect.fitted_width(estimator) is None and len(columns) == 1 else ("array",)


def taken(original, places):
    return original.iloc[places] if hasattr(original, "iloc") else original[places]


def prove(runtime, columns, candidates, rows, original, methods):
    """The first container whose answers are the estimator's own: (container, raw answers, columns).

    Raises ValueError when none is: the model cannot be called the way it was fitted.
    """
    reason = None
    for container in candidates:
        try:
            given = ColumnPlan(columns, container).read(rows).values
        except InvalidInstances as error:
            raise ValueError(f"the sample does not fit its own schema: {error}") from error
        raw = {}
        for method in methods:
            try:
                answer = runtime.run(given, [method])[method]
                wanted = answer if original is None else runtime.run(original, [method])[method]
            except Exception as error:  # an estimator may raise anything; the next container or method may do
                reason = f"{method} raised {type(error).__name__}: {error}"
                continue
            if not same(answer, wanted):
                reason = f"{method} gives other answers through JSON than in process"
                break
            raw[method] = answer
        else:
            if raw:
                return container, raw, columns
    raise ValueError(f"{type(runtime.estimator).__name__} cannot be served: {reason}")


def same(answer, wanted):
    """Whether two raw answers are equal, floats to the last few bits."""
    return close(listed(answer), finite(listed(wanted)))


def listed(raw):
    if isinstance(raw, list):
        return [np.asarray(one).tolist() for one in raw]
    return (raw.toarray() if hasattr(raw, "toarray") else np.asarray(raw)).tolist()


def finite(value):
    """Plain values with NaN and infinities as None, as JSON answers have them."""
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
