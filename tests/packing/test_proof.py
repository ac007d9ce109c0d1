"""The proof itself: it must be able to fail, wherever a graph is wrong, and nowhere else."""

import numpy as np
import onnx
import pytest
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from service.models.runtimes.onnx import OnnxRuntime
from service.models.tables.column import Column
from service.packing import pack
from service.packing.equivalence import Unequal, compare
from service.packing.proof_rows import proof_rows
from service.packing.translate import trees

LABELS = np.array(["a", "b", "a"])
SCORES = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])


def compared(wanted, found, **changes):
    rows = len(next(iter(wanted.values())))
    usual = {"labeled": True, "tolerance": 1e-9, "typical": 3, "tied": np.zeros(rows, dtype=bool)}
    return compare(wanted, found, **usual | changes)


def test_tied_rows_are_excused_from_the_proof_and_counted():
    """Neighbours equally far: labels and probabilities may be those of either."""
    wanted, found = ({"predict": LABELS, "predict_proba": scores} for scores in (SCORES, SCORES[[0, 1, 0]]))
    evidence = compared(wanted, found | {"predict": np.array(["a", "b", "b"])}, tied=np.array([False, False, True]))
    assert (evidence.measured, evidence.close_rows, evidence.ties) == (0.0, 0, 1)
    assert evidence.clear.tolist() == [True, True, False]
    with pytest.raises(Unequal, match="predict_proba"):
        compared(wanted, found, tied=np.array([True, True, False]))


def test_equal_answers_are_equal_and_ties_are_counted():
    answers = {"predict": LABELS, "predict_proba": SCORES}
    evidence = compared(answers, answers)
    assert (evidence.measured, evidence.close_rows, evidence.ties) == (0.0, 0, 1)
    assert evidence.clear.tolist() == [True, True, False]


def test_another_label_passes_at_a_tie_alone():
    wanted = {"predict": LABELS, "predict_proba": SCORES}
    compared(wanted, wanted | {"predict": np.array(["a", "b", "b"])})
    with pytest.raises(Unequal, match='predict is "b" where scikit-learn says "a"'):
        compared(wanted, wanted | {"predict": np.array(["b", "b", "a"])})


def test_another_label_passes_within_the_measured_difference_of_the_scores():
    wanted = {"predict": LABELS, "decision_function": np.array([-1.0, 1.0, -1e-12])}
    found = {"predict": np.array(["a", "b", "b"]), "decision_function": np.array([-1.0, 1.0, 1e-12])}
    evidence = compared(wanted, found)
    assert (evidence.close_rows, evidence.ties) == (1, 0)
    with pytest.raises(Unequal, match="predict is"):
        compared(wanted, found | {"decision_function": wanted["decision_function"]})


def test_labels_without_scores_must_all_be_equal():
    with pytest.raises(Unequal, match="predict is"):
        compared({"predict": np.array([1, 1])}, {"predict": np.array([1, -1])})


@pytest.mark.parametrize(
    ("wanted", "found", "said"),
    [
        ([1.0, 2.0], [1.0, 2.0 + 1e-8], "predict is 2.00000001 where scikit-learn says 2.0"),
        ([1.0, np.nan], [1.0, 2.0], "predict is 2.0 where scikit-learn says NaN"),
        ([1.0, np.inf], [1.0, np.nan], "predict is NaN where scikit-learn says Infinity"),
        ([1.0, 2.0], [[1.0], [2.0]], r"predict has the shape \(2, 1\), not \(2,\)"),
    ],
)
def test_numbers_are_equal_to_the_tolerance(wanted, found, said):
    wanted = np.array(wanted)
    assert compared({"predict": wanted}, {"predict": wanted * (1 + 1e-12)}, labeled=False).measured < 1e-11
    with pytest.raises(Unequal, match=said):
        compared({"predict": wanted}, {"predict": np.array(found)}, labeled=False)


def test_a_number_near_zero_is_measured_by_what_is_usual():
    wanted = np.array([1000.0, -1000.0, 1e-10])
    compared({"predict": wanted}, {"predict": wanted + 1e-8}, labeled=False)


COLUMNS = [
    Column("size", "number", "float64", nullable=True),
    Column("count", "integer", "uint8"),
    Column("city", "category", "object", categories=("Oslo", "Rome"), accepts_unknown=True),
    Column("vip", "boolean", "bool"),
]
SAMPLE = [
    {"size": 1.0, "count": 3, "city": "Oslo", "vip": True},
    {"size": 9.5, "count": 250, "city": "Rome", "vip": False},
    {"size": None, "count": 8, "city": "Rome", "vip": True},
]


def larger_than_pi(rows):
    return np.array([[(row["size"] or 0.0) > np.pi] for row in rows])


def test_proof_rows_fit_their_columns_reach_every_edge_and_are_deterministic():
    rows = proof_rows(COLUMNS, SAMPLE, larger_than_pi)
    assert rows == proof_rows(COLUMNS, SAMPLE, larger_than_pi)
    assert rows[:3] == SAMPLE
    assert all(column.fits(row[column.name]) for row in rows for column in COLUMNS)
    assert {row["city"] for row in rows} == {"Oslo", "Rome", "a category never seen"}
    assert any(row["size"] is None for row in rows[3:])
    assert max(row["size"] for row in rows if row["size"] is not None) > 100


def test_proof_has_pairs_of_adjacent_rows_around_each_change_of_answer():
    sizes = [row["size"] for row in proof_rows(COLUMNS, SAMPLE, larger_than_pi)]
    assert np.pi in sizes
    assert np.nextafter(np.pi, 4) in sizes


def evidence_against(estimator, X, tmp_path, change):
    """What the packer says of a graph after `change` has been done to it; None where it does not notice."""
    version = pack(estimator, X, name=f"m{len(list(tmp_path.iterdir()))}", store=tmp_path)
    told = version.manifest.spec["runtime"]
    graph = onnx.load(version.folder / "model.onnx")
    change(graph)
    runtime = OnnxRuntime(graph.SerializeToString(), told)
    wanted = {method: getattr(estimator, method)(X) for method in ("predict", "predict_proba")}
    compared(
        wanted,
        runtime.run(X, list(wanted)),
        tolerance=told["tolerance"],
        typical=len(X),
    )


def attribute(graph, name):
    (node,) = (one for one in graph.graph.node if one.op_type == "TreeEnsemble")
    return next(one for one in node.attribute if one.name == name).t


def test_every_single_leaf_of_a_tree_is_covered_by_the_sample(tmp_path):
    X, y = load_breast_cancer(return_X_y=True)
    estimator = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, y)
    for leaf in range(estimator.get_n_leaves()):

        def change(graph, leaf=leaf):
            weights = attribute(graph, "leaf_weights")
            wrong = onnx.numpy_helper.to_array(weights).copy()
            wrong[leaf] += 1e-6
            weights.CopyFrom(onnx.numpy_helper.from_array(wrong, weights.name))

        with pytest.raises(Unequal):
            evidence_against(estimator, X, tmp_path, change)


def test_a_forest_that_forgets_float32_is_caught(tmp_path, monkeypatch):
    """A float64 value just beyond a threshold falls on it in float32: one tree of the forest goes the other way."""
    X, y = load_breast_cancer(return_X_y=True)
    estimator = RandomForestClassifier(20, random_state=0).fit(X, y)
    monkeypatch.setattr(trees, "rounded", lambda g, X: X)
    told = pack(estimator, X, name="forest", store=tmp_path).manifest.spec["runtime"]
    assert told["name"] == "sklearn"
    assert "where scikit-learn says" in told["reason"]


def test_a_threshold_that_is_a_little_off_is_caught(tmp_path, monkeypatch):
    """No sample row need lie between the two thresholds: the proof makes rows that do."""
    X, y = load_iris(return_X_y=True)
    estimator = DecisionTreeClassifier(max_depth=2, random_state=0).fit(X, y)
    grow = trees.Ensemble.add

    def shifted(self, left, right, feature, threshold, *rest):
        return grow(self, left, right, feature, threshold + 1e-6, *rest)

    monkeypatch.setattr(trees.Ensemble, "add", shifted)
    assert pack(estimator, X, name="tree", store=tmp_path).manifest.spec["runtime"]["name"] == "sklearn"


def test_scores_that_are_a_ten_millionth_off_are_caught(tmp_path, monkeypatch):
    X, y = load_iris(return_X_y=True)
    estimator = LogisticRegression(max_iter=5000).fit(X, y)
    from service.packing.translate import linear

    product = linear.product
    monkeypatch.setattr(linear, "product", lambda X, weights, bias: product(X, weights, bias) * (1 + 1e-7))
    assert pack(estimator, X, name="logistic", store=tmp_path).manifest.spec["runtime"]["name"] == "sklearn"


def test_the_manifest_says_what_was_proven(tmp_path):
    X, y = load_iris(return_X_y=True)
    told = pack(LinearRegression().fit(X, y), X, name="m", store=tmp_path).manifest.spec["runtime"]
    assert told["name"] == "onnx"
    assert told["reason"] is None
    assert 0 <= told["measured"] <= told["tolerance"] == 1e-9
    assert told["rows"] > 500
    assert told["close_rows"] == told["ties"] == 0
    assert told["microseconds"].keys() == {"sklearn", "onnx"}
