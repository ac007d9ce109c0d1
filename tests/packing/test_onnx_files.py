"""ONNX files are models: what they take and answer is read from the graph, and they answer as ONNX Runtime does."""

import json

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper

from service.cli import boxing
from service.cli.main import main
from service.errors import InvalidInstances
from service.models.runtimes.graph_reading import read_graph
from service.packing import pack, pack_file
from tests.support import graphs
from tests.support.graphs import model, value, written
from tests.support.loading import served

BIG = 2**53 + 1  # no float64


@pytest.fixture(name="table")
def rows():
    return graphs.table()


@pytest.fixture
def crowd():
    rng = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "id": rng.integers(0, 1000, 40),
            "income": rng.normal(100, 20, 40).round(2),
            "member": rng.random(40) < 0.5,
            "city": rng.choice(["Oslo", "Rome", "Bern"], 40),
        }
    )


def asked(loaded, frame):
    """{output: one plain value a row} of a frame's rows, as JSON has them."""
    return loaded.predict(json.loads(frame.to_json(orient="records")), list(loaded.outputs)).outputs


def by_itself(made, feeds):
    return onnxruntime.InferenceSession(made.SerializeToString()).run(None, feeds)


def packed(tmp_path, made, X, y=None, **options):
    return pack(made, X, y, name="m", store=tmp_path / "store", **options)


@pytest.mark.parametrize("labels", [graphs.LABELS, [3, 5, 9]])
def test_labels_and_probabilities_are_those_of_onnx_runtime(tmp_path, table, labels):
    made = graphs.zipped_classifier(labels)
    expected, dicts = by_itself(made, {"X": table.to_numpy(np.float32)})
    version = packed(tmp_path, made, table, np.array(expected))
    assert version.manifest.spec["runtime"]["name"] == "onnx"
    assert version.manifest.spec["task"] == "classifier"
    assert version.manifest.metrics["accuracy"] == 1
    answers = asked(served(version), table)
    assert answers["predict"] == list(expected)
    assert answers["predict_proba"] == [pytest.approx({str(key): p for key, p in one.items()}) for one in dicts]


def test_plain_probabilities_are_keyed_by_the_labels_in_the_graph(tmp_path, table):
    file = written(tmp_path / "m.onnx", graphs.classifier())
    table.to_csv(tmp_path / "sample.csv", index=False)
    version = pack_file(file, data=tmp_path / "sample.csv", store=tmp_path / "store")
    assert version.manifest.spec["outputs"]["predict_proba"]["labels"] == graphs.LABELS
    assert version.manifest.spec["payload"] == "m.onnx"
    assert version.manifest.provenance["made_with"] == {"maker": "2.1"}
    _, scores = by_itself(onnx.load(file), {"X": table.to_numpy(np.float32)})
    found = asked(served(version), table)["predict_proba"]
    assert np.array([list(row.values()) for row in found]) == pytest.approx(scores)


def test_labels_that_the_scores_do_not_belong_to_are_no_keys(tmp_path, table):
    nodes, outputs = graphs.linear_classifier()
    nodes.append(helper.make_node("Neg", ["scores"], ["turned"]))
    made = model(nodes, [value("X")], [outputs[0], value("turned")])
    described = packed(tmp_path, made, table).manifest.spec["outputs"]["predict_proba"]
    assert "labels" not in described


def test_inputs_of_several_types_are_columns_by_their_names(tmp_path, crowd):
    made = graphs.people()
    expected = by_itself(
        made,
        {
            "id": crowd[["id"]].to_numpy(np.int64),
            "income": crowd[["income"]].to_numpy(np.float32),
            "member": crowd[["member"]].to_numpy(bool),
            "city": crowd[["city"]].to_numpy(object),
        },
    )[0][:, 0]
    shuffled = crowd[["city", "member", "id", "income"]]
    version = packed(tmp_path, made, shuffled)
    kinds = {column["name"]: column["kind"] for column in version.manifest.spec["columns"]}
    assert kinds == {"id": "integer", "income": "number", "member": "boolean", "city": "category"}
    assert version.manifest.spec["runtime"]["name"] == "onnx"
    loaded = served(version)
    assert asked(loaded, shuffled)["predict"] == pytest.approx(expected.tolist())
    row = {"id": 4, "income": 2.0, "member": True, "city": "Paris"}
    answer = loaded.predict([row])
    assert answer.predictions == [12.5]
    assert "Paris" in answer.warnings[0]
    for name, cell in {"id": BIG, "member": 1.5, "income": 1e39, "city": 3}.items():
        with pytest.raises(InvalidInstances) as refused:
            loaded.predict([row | {name: cell}])
        assert name in str(refused.value), name
    for name in row:
        with pytest.raises(InvalidInstances):
            loaded.predict([row | {name: None}])


def test_a_category_that_the_encoder_does_not_know_is_refused_where_it_raises(tmp_path, crowd):
    loaded = served(packed(tmp_path, graphs.people(zeros=0), crowd))
    with pytest.raises(InvalidInstances, match="Paris"):
        loaded.predict([{"id": 4, "income": 2.0, "member": True, "city": "Paris"}])


def test_texts_that_no_encoder_limits_are_read_by_the_file_itself(tmp_path):
    nodes = [helper.make_node("StringNormalizer", ["text"], ["lower"], case_change_action="LOWER", locale="C")]
    kind = TensorProto.STRING
    made = model(nodes, [value("text", kind, (None,))], [value("lower", kind, (None,))])
    X = pd.DataFrame({"text": ["One", "TWO", "three", "Four"]})
    written(tmp_path / "m.onnx", made)
    X.to_csv(tmp_path / "sample.csv", index=False)
    version = pack_file(tmp_path / "m.onnx", data=tmp_path / "sample.csv", store=tmp_path / "store")
    assert version.manifest.spec["runtime"]["reason"].startswith("the file itself serves it because column 'text'")
    assert served(version).predict([{"text": "AB"}, {"text": ""}]).predictions == ["ab", ""]


def test_several_outputs_keep_their_names(tmp_path, table):
    loaded = served(packed(tmp_path, graphs.named_outputs(), table))
    answers = asked(loaded, table)
    X = table.to_numpy(np.float32)
    assert np.array(answers["positive"]) == pytest.approx(np.maximum(X, 0))
    assert answers["total"] == pytest.approx(X.sum(axis=1).tolist(), abs=1e-6)


def test_a_graph_of_one_row_a_call_is_asked_row_by_row(tmp_path, table):
    """torch's exporter fixes the number of rows at that of its example, unless it is told otherwise."""
    loaded = served(packed(tmp_path, graphs.of_rows(1), table))
    assert loaded.runtime.inputs.at_once == 1
    assert np.array(asked(loaded, table)["predict"]) == pytest.approx(np.tanh(table.to_numpy()), abs=1e-6)


def test_a_path_is_packed_with_rows_of_this_process(tmp_path, table):
    file = written(tmp_path / "model.onnx", graphs.classifier())
    version = packed(tmp_path, str(file), table)
    assert version.manifest.spec["payload"] == "model.onnx"
    assert (version.folder / "model.onnx").read_bytes() == file.read_bytes()
    loaded = served(version)
    assert len(asked(loaded, table)["predict"]) == 40


def test_without_rows_nothing_is_proven(tmp_path):
    version = packed(tmp_path, graphs.people(), None)
    kinds = {column["name"]: column["kind"] for column in version.manifest.spec["columns"]}
    assert kinds == {"id": "integer", "income": "number", "member": "boolean", "city": "category"}
    with pytest.raises(ValueError, match="--data"):
        packed(tmp_path, graphs.of_nodes(helper.make_node("Tanh", ["X"], ["Y"]), shape=(None, None)), None)


def test_weights_in_a_file_beside_it_are_packed_and_seen_in_the_sandbox(tmp_path, crowd):
    file, data = tmp_path / "m.onnx", tmp_path / "m.onnx.data"
    written(file, graphs.people(), save_as_external_data=True, location=data.name, size_threshold=0)
    nothing = {"code": [], "data": None, "test": None, "metrics": None, "files": None}
    assert boxing.needed(file, nothing) == [file, data]
    loaded = served(packed(tmp_path, file, crowd))
    data.unlink()
    row = {"id": 4, "income": 2.0, "member": True, "city": "Oslo"}
    assert loaded.predict([row]).predictions == [14.5]
    with pytest.raises(ValueError, match="which is not beside it"):
        boxing.needed(file, nothing)


def test_the_doctor_knows_the_file(tmp_path):
    file = written(tmp_path / "m.onnx", graphs.people())
    ran = CliRunner().invoke(main, ["doctor", str(file)])
    assert ran.exit_code == 0, ran.output
    for words in (
        "opset ai.onnx 17, ai.onnx.ml 3",
        "maker 2.1",
        "id (1 columns of int64)",
        "predict (float32)",
        "--data",
    ):
        assert words in ran.output, ran.output


def test_constants_among_the_inputs_are_none():
    """Names of constants are no inputs, as files of old exporters list them."""
    made = graphs.classifier()
    made.graph.initializer.append(numpy_helper.from_array(np.float32([1]), "extra"))
    made.graph.input.append(value("extra", shape=(1,)))
    assert [each.name for each in read_graph(made.SerializeToString()).inputs] == ["X"]
