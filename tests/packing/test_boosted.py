"""Boosted trees: every model of every library is compiled, and answers what its library says of rows it never saw.

Each is packed once, into one store; the last test serves the whole store in every dialect. `make test-boosted` has
rarer steps than `make test`.
"""

import json

import numpy as np
import pandas as pd
import pytest

from service.app import create_app
from service.packing import pack
from service.settings import Settings
from service.wire.table_formats import ARROW, CSV, PARQUET
from tests.support.boosted import BOOSTED
from tests.support.boosted_pipelines import PIPELINES, RARE, UNCOMPILED
from tests.support.loading import served
from tests.support.tables import WRITE, records

# category_encoders calls pandas in ways that pandas 4 will not take.
pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
METHODS = ("predict", "transform", "predict_proba", "decision_function")
COMPILED = {
    f"{library}: {name}": (library, fit)
    for group in (BOOSTED, PIPELINES)
    for library, cases in group.items()
    for name, fit in cases.items()
}
RARER = {f"category_encoders: {name}" for name in RARE}
OTHERS = {f"{library}: {name}": (library, fit) for library, cases in UNCOMPILED.items() for name, fit in cases.items()}
CASES = COMPILED | OTHERS
PARAMETERS = [pytest.param(case, marks=[pytest.mark.heavy] if case in RARER else []) for case in CASES]


class Zoo:
    """Models fitted and packed as they are asked for: `model`, its table `X`, its `version`, the `name` it has."""

    def __init__(self, store):
        self.store, self.packed = store, {}

    def __getitem__(self, case):
        if case not in self.packed:
            library, fit = CASES[case]
            pytest.importorskip(library)
            model, X, y = fit()
            name = f"m{len(self.packed)}"
            self.packed[case] = model, X, pack(model, X, y, name=name, store=self.store)
        return self.packed[case]


@pytest.fixture(scope="module")
def zoo(any_speed, tmp_path_factory):
    return Zoo(tmp_path_factory.mktemp("zoo"))


def fresh(X, count=40):
    """Rows that no proof has seen: every cell from another row, numbers moved a little."""
    rng = np.random.default_rng(99)
    columns = list(X.columns) if isinstance(X, pd.DataFrame) else range(X.shape[1])
    frame = pd.DataFrame(X)
    mixed = {name: frame[name].iloc[rng.integers(len(frame), size=count)].reset_index(drop=True) for name in columns}
    for name, column in mixed.items():
        if column.dtype.kind == "f":
            mixed[name] = column * (1 + 1e-3 * rng.normal(size=count))
    rows = pd.DataFrame(mixed)
    return rows if isinstance(X, pd.DataFrame) else rows.to_numpy()


def equal(found, wanted):
    """Labels exactly; numbers to a few of float32's last bits, which are worth more where a number is small."""
    found, wanted = np.array(found), np.asarray(wanted)
    if wanted.dtype.kind == "f":
        np.testing.assert_allclose(found.astype(float), wanted, rtol=1e-6, atol=4e-7)
    else:
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("case", PARAMETERS)
def test_a_boosted_model_equals_its_library_and_is_compiled_where_it_can_be(zoo, case):
    estimator, X, version = zoo[case]
    told = version.manifest.spec["runtime"]
    assert told["name"] == ("onnx" if case in COMPILED else "sklearn"), told["reason"]
    assert told.get("measured", 0.0) <= 1e-6
    outputs = [method for method in METHODS if hasattr(estimator, method)]
    assert list(version.manifest.spec["outputs"]) == outputs
    rows = fresh(X)
    answers = served(version).predict(records(rows), outputs).outputs
    for method in outputs:
        found = [list(row.values()) if isinstance(row, dict) else row for row in answers[method]]
        equal(found, getattr(estimator, method)(rows))


def test_more_than_eighty_five_percent_are_compiled():
    assert len(CASES) >= 40
    assert len(COMPILED) / len(CASES) > 0.85


def v1(body):
    return lambda name, rows: (f"/v1/models/{name}:predict", {"json": body(rows)})


def by_column(rows):
    return {name: [row[name] for row in rows] for name in rows[0]}


def v2(name, rows):
    inputs = []
    for column, cells in by_column(rows).items():
        plain = all(type(cell) in (int, float) for cell in cells)
        data = cells if plain else list(map(json.dumps, cells))
        told = {"datatype": "FP64"} if plain else {"datatype": "BYTES", "parameters": {"content_type": "pd_json"}}
        inputs.append({"name": column, "shape": [len(cells), 1], "data": data, **told})
    return f"/v2/models/{name}/infer", {"json": {"inputs": inputs, "parameters": {"content_type": "pd"}}}


def mlflow(name, rows):
    table = {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}
    return f"/endpoints/{name}/invocations", {"json": {"dataframe_split": table}}


def file(media_type):
    def body(name, rows):
        content = WRITE[media_type](pd.DataFrame(rows))
        return f"/v1/models/{name}:predict", {"data": content, "content_type": media_type}

    return body


DIALECTS = {
    "v1, objects": v1(lambda rows: {"instances": rows}),
    "v1, lists": v1(lambda rows: {"instances": [list(row.values()) for row in rows]}),
    "v1, columns": v1(lambda rows: {"inputs": by_column(rows)}),
    "v2": v2,
    "mlflow": mlflow,
    "csv": file(CSV),
    "arrow": file(ARROW),
    "parquet": file(PARQUET),
}


def flat(answer):
    """What was predicted, one number or label after the other."""
    if "outputs" in answer and isinstance(answer["outputs"], list):
        return answer["outputs"][0]["data"]
    return np.array(answer["predictions"]).ravel().tolist()


def test_every_model_answers_the_same_in_every_dialect(zoo, subtests):
    """One application serves the whole zoo; what is expected is what the estimator says in process."""
    for case in CASES.keys() - RARER:
        _ = zoo[case]
    client = create_app(Settings(store=zoo.store, open="yes")).test_client()
    for case, (estimator, X, version) in zoo.packed.items():
        rows = X[:9]
        wanted = np.asarray(estimator.predict(rows)).ravel()
        for dialect, form in DIALECTS.items():
            with subtests.test(f"{case}: {dialect}"):
                path, request = form(version.manifest.model, records(rows))
                answer = client.post(path, **request)
                assert answer.status_code == 200, answer.text[:500]
                equal(flat(answer.json), wanted)


def test_a_sample_without_some_of_catboosts_categories_is_not_compiled(tmp_path):
    """Nothing tells a category that the sample lacks from one that is new to the model: the graph would be wrong."""
    pytest.importorskip("catboost")
    estimator, X, y = BOOSTED["catboost"]["categories"]()
    version = pack(estimator, X[:9], y[:9], name="m", store=tmp_path)
    assert version.manifest.spec["runtime"]["name"] == "sklearn"
    assert [column["kind"] for column in version.manifest.spec["columns"]][:2] == ["text", "text"]
    assert len(X["variety"][:9].unique()) < len(X["variety"].unique())
    answer = served(version).predict(records(X))
    assert answer.predictions == pytest.approx(estimator.predict(X).tolist())
    assert not answer.warnings


def test_a_category_that_catboost_never_saw_counts_as_its_library_says(zoo):
    estimator, X, version = zoo["catboost: categories in combinations"]
    strange = X[:20].assign(variety="Barley of the moon")
    answer = served(version).predict(records(strange))
    assert answer.predictions == pytest.approx(estimator.predict(strange).tolist(), rel=1e-9)
    assert answer.warnings
