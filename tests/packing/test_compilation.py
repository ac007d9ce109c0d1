"""What is compiled, and what stays with scikit-learn; a wrong graph never serves."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from sklearn import linear_model, neighbors, preprocessing
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from service import models
from service.errors import StartupError
from service.models.runtimes.onnx import OnnxRuntime
from service.packing import compilation, pack
from service.packing.translate import linear, neighbours
from service.settings import Settings
from service.store.manifest import Manifest
from service.store.versions import Store
from tests.support.compiled import described, numbers, scaled, three_classes
from tests.support.loading import served


def test_threads_share_a_session_and_never_mix_up_their_rows(tmp_path):
    X, y = numbers()
    model = served(pack(linear_model.LinearRegression().fit(X, y), X, y, name="m", store=tmp_path))
    rows = X[:200].tolist()
    wanted = [model.predict([row]).predictions for row in rows]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda row: model.predict([row]).predictions, rows * 5)) == wanted * 5


def test_a_proof_of_many_rows_is_replayed_where_a_request_may_have_but_one(tmp_path):
    X, y = three_classes()
    version = pack(LogisticRegression(max_iter=5000).fit(X, y), X, y, name="m", store=tmp_path)
    assert len(json.loads((version.folder / "proof.json").read_text())["instances"]) > 30
    served(version, max_rows=1)


def replaced(version, name, content):
    """A version with other bytes in one file and the digests put right: what digests alone cannot see."""
    store = Store(version.folder.parents[1])
    with store.adding("other") as draft:
        for file in version.manifest.files:
            (draft.folder / file).write_bytes((version.folder / file).read_bytes())
        (draft.folder / name).write_bytes(content)
        known = {**vars(version.manifest), "model": "other", "version": draft.version, "files": draft.digests()}
        draft.manifest = Manifest(**known)
    return store.open("other")


def test_a_graph_with_one_wrong_weight_is_refused_at_load(tmp_path):
    X, y = three_classes()
    version = pack(LogisticRegression(max_iter=5000).fit(X, y), X, y, name="m", store=tmp_path)
    graph = onnx.load(version.folder / "model.onnx")
    weights = next(one for one in graph.graph.initializer if len(one.dims) == 2)
    wrong = onnx.numpy_helper.to_array(weights).copy()
    wrong[1, 1] *= 1.0001
    weights.CopyFrom(onnx.numpy_helper.from_array(wrong, weights.name))
    model = models.load(replaced(version, "model.onnx", graph.SerializeToString()), Settings())
    with pytest.raises(StartupError, match="answers its own example with"):
        model.warm_up()


def test_a_graph_that_is_none_is_refused_at_load(tmp_path):
    X, y = three_classes()
    version = pack(LogisticRegression(max_iter=5000).fit(X, y), X, y, name="m", store=tmp_path)
    with pytest.raises(StartupError, match="cannot be loaded"):
        models.load(replaced(version, "model.onnx", b"not a graph"), Settings())


def test_a_wrong_translation_never_serves(tmp_path, monkeypatch):
    X, y = three_classes()
    right = linear.logistic

    def wrong(g, estimator, X):
        return right(g, estimator, X) | {"predict": right(g, estimator, X * 1.01)["predict"]}

    monkeypatch.setattr(linear, "logistic", wrong)
    version = pack(LogisticRegression(max_iter=5000).fit(X, y), X, y, name="m", store=tmp_path)
    told = described(version)
    assert told["name"] == "sklearn"
    assert "predict is" in told["reason"]
    assert set(version.manifest.files) == {"model.joblib", "background.json", "profile.json"}
    assert served(version).predict(X[:3].tolist()).predictions == y[:3].tolist()


class Own(LogisticRegression):
    """A subclass may answer otherwise, so it is never taken for its parent."""


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (Own(max_iter=5000), "Own has no translation"),
        (neighbors.LocalOutlierFactor(novelty=True), "LocalOutlierFactor has no translation"),
        (make_pipeline(preprocessing.FunctionTransformer(np.sin), LogisticRegression()), "FunctionTransformer of sin"),
        (
            neighbors.KNeighborsClassifier(weights="distance"),
            "KNeighborsClassifier with other than uniform weights and Euclidean distance",
        ),
        (neighbors.KNeighborsClassifier(), "predict_proba is 0.2 where scikit-learn says 0.4"),  # equally far
    ],
    ids=str,
)
def test_what_is_not_compiled_says_why(tmp_path, estimator, reason):
    X, y = three_classes()
    version = pack(estimator.fit(X, y), X, y, name="m", store=tmp_path)
    assert described(version)["name"] == "sklearn"
    assert described(version)["reason"] == f"scikit-learn serves it because {reason}"
    served(version)


def test_many_rows_are_computed_in_calls_that_memory_allows(tmp_path, monkeypatch):
    monkeypatch.setattr(neighbours, "CELLS", 7 * 150)
    X, y = three_classes()
    estimator = scaled(neighbors.KNeighborsClassifier()).fit(X, y)
    version = pack(estimator, X, y, name="m", store=tmp_path)
    assert described(version)["at_once"] == 7
    found = served(version).predict(X.tolist(), ["predict", "predict_proba"]).outputs
    assert found["predict"] == estimator.predict(X).tolist()
    assert [list(row.values()) for row in found["predict_proba"]] == estimator.predict_proba(X).tolist()


def test_what_gains_nothing_stays_with_scikit_learn(tmp_path, monkeypatch):
    monkeypatch.setattr(compilation, "WORTHWHILE", 1e9)
    X, y = three_classes()
    version = pack(LogisticRegression(max_iter=5000).fit(X, y), X, y, name="m", store=tmp_path)
    assert described(version)["reason"] == "scikit-learn serves it because compiled it is hardly faster"
    assert described(version)["microseconds"].keys() == {"sklearn", "onnx"}
    assert set(version.manifest.files) == {"model.joblib", "background.json", "profile.json"}


def test_scikit_learn_can_be_asked_for_and_nothing_is_proven_without_rows(tmp_path):
    X, y = three_classes()
    estimator = LogisticRegression(max_iter=5000).fit(X, y)
    asked = pack(estimator, X, y, name="a", store=tmp_path, runtime="sklearn")
    assert described(asked)["reason"] == "scikit-learn serves it because it was packed so"
    blind = pack(estimator, name="b", store=tmp_path)
    assert "without sample rows" in described(blind)["reason"]
    with pytest.raises(ValueError, match="no runtime is called 'fast'; there are auto, sklearn"):
        pack(estimator, X, y, name="c", store=tmp_path, runtime="fast")


def test_a_manifest_that_wants_an_unknown_runtime_is_refused(tmp_path):
    X, y = three_classes()
    version = pack(LogisticRegression(max_iter=5000).fit(X, y), X, y, name="m", store=tmp_path)
    described(version)["name"] = "abacus"
    with pytest.raises(StartupError, match="wants the runtime 'abacus'; this service knows onnx, sklearn"):
        models.load(version, Settings())


def test_a_number_that_is_missing_is_not_too_large():
    from service.packing.translate.onnx_graph import Graph

    g = Graph(2)
    graph = g.model({"transform": g.input + 1.0}).SerializeToString()
    runtime = OnnxRuntime(graph, {"targets": {"transform": None}, "classes": None, "largest": 10.0, "at_once": None})
    assert runtime.run([[np.nan, 2.0]], ["transform"])["transform"].tolist()[0][1] == 3.0
    for wrong in (11.0, -11.0):
        with pytest.raises(ValueError, match="a number larger than 10"):
            runtime.run([[np.nan, wrong]], ["transform"])
