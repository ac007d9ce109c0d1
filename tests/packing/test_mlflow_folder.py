"""Folders of MLflow models, written as MLflow writes them: the file in them is packed, mlflow is not needed."""

import json
import pickle

import joblib
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from service.cli import main
from service.packing import pack_file
from tests.support import graphs

DESCRIBED = """
artifact_path: model
flavors:
  python_function:
    loader_module: mlflow.sklearn
    model_path: model.pkl
  {flavour}
saved_input_example_info:
  artifact_path: input_example.json
  pandas_orient: split
  type: dataframe
signature:
  inputs: '[{{"type": "double", "name": "sepal length (cm)", "required": true}}]'
"""
SKLEARN = "sklearn: {pickled_model: model.pkl, serialization_format: pickle, sklearn_version: 1.9.1}"


@pytest.fixture
def iris():
    return load_iris(return_X_y=True, as_frame=True)


@pytest.fixture
def folder(tmp_path, iris):
    X, y = iris
    made = tmp_path / "churn"
    made.mkdir()
    (made / "MLmodel").write_text(DESCRIBED.format(flavour=SKLEARN))
    joblib.dump(LogisticRegression(max_iter=1000).fit(X, y), made / "model.pkl")
    example = X.head(5).to_dict("split")
    (made / "input_example.json").write_text(json.dumps({"columns": example["columns"], "data": example["data"]}))
    return made


def test_the_folder_of_a_model_is_packed_with_its_input_example(tmp_path, folder, iris):
    version = pack_file(folder, store=tmp_path / "store")
    assert (version.manifest.model, version.manifest.spec["payload"]) == ("churn", "model.pkl")
    assert [column["name"] for column in version.manifest.spec["columns"]] == list(iris[0].columns)
    assert version.manifest.provenance["rows"] == 5
    assert version.manifest.spec["runtime"]["name"] == "onnx"


def test_the_command_packs_a_folder_and_its_sandbox_takes_the_file_in_it(tmp_path, folder):
    ran = CliRunner().invoke(main, ["pack", str(folder), "--store", str(tmp_path / "store")])
    assert ran.exit_code == 0, ran.output
    assert "packed churn version 1 (tabular)" in ran.output


@pytest.mark.parametrize("orient", ["records", "index", "columns"])
def test_every_orientation_of_an_example_is_read(tmp_path, folder, iris, orient):
    (folder / "MLmodel").write_text(DESCRIBED.format(flavour=SKLEARN).replace("split", orient))
    iris[0].head(3).to_json(folder / "input_example.json", orient=orient)
    assert pack_file(folder, store=tmp_path / "store").manifest.provenance["rows"] == 3


@pytest.mark.parametrize(
    ("described", "told"),
    [
        ("flavors: {spark: {model_data: x}}", "flavours spark; sklearn, xgboost.*a typed Python class"),
        ("flavors: {sklearn: {pickled_model: ../model.pkl}}", "outside the folder"),
        ("flavors: {sklearn: {pickled_model: other.pkl}}", "which is not there"),
        ("flavors: {sklearn: {}}", "does not name the file"),
        ("flavors: [", "is no YAML"),
        ("- 1", "holds no mapping"),
        ("flavors: 1", "names no flavors"),
        ("a: !!python/object/apply:os.system [true]", "is no YAML"),
    ],
)
def test_what_cannot_be_packed_is_said(tmp_path, folder, described, told):
    (folder / "MLmodel").write_text(described)
    with pytest.raises(ValueError, match=told):
        pack_file(folder, store=tmp_path / "store")


def test_a_library_s_own_file_in_a_folder_is_taken_for_what_it_is(tmp_path, folder, iris):
    trees = pytest.importorskip("xgboost")
    model = trees.XGBRegressor(n_estimators=3).fit(*iris)
    model.get_booster().save_model(folder / "model.ubj")
    (folder / "model.ubj").rename(folder / "model.xgb")
    flavour = "xgboost: {data: model.xgb, model_class: xgboost.sklearn.XGBRegressor}"
    (folder / "MLmodel").write_text(DESCRIBED.format(flavour=flavour))
    version = pack_file(folder, store=tmp_path / "store")
    (answer,) = version.manifest.example["outputs"]["predict"]
    row = pd.DataFrame(version.manifest.example["instances"])
    assert answer == pytest.approx(model.predict(row)[0], rel=1e-6)


def test_an_example_that_is_none_is_said(tmp_path, folder):
    (folder / "input_example.json").write_text("[1")
    with pytest.raises(ValueError, match="no input example of MLflow's"):
        pack_file(folder, store=tmp_path / "store")


def test_a_pickle_in_a_folder_passes_the_same_gate(tmp_path, folder):
    class Evil:
        def __reduce__(self):
            return print, ("run",)

    (folder / "model.pkl").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ValueError, match="builtins.print is not known to be safe"):
        pack_file(folder, store=tmp_path / "store")


ARRAY = """
flavors: {{onnx: {{data: model.onnx, onnx_version: 1.23.2}}, python_function: {{data: model.onnx}}}}
saved_input_example_info: {{artifact_path: input_example.json, format: tf-serving, type: {kind}}}
"""


def test_an_onnx_model_is_packed_with_its_example_an_array(tmp_path):
    folder = tmp_path / "net"
    folder.mkdir()
    graphs.written(folder / "model.onnx", graphs.classifier())
    (folder / "MLmodel").write_text(ARRAY.format(kind="ndarray"))
    (folder / "input_example.json").write_text(json.dumps({"inputs": [[0.5, 1.5, -1.0], [1.0, 0.0, 2.0]]}))
    version = pack_file(folder, store=tmp_path / "store")
    assert version.manifest.spec["payload"] == "model.onnx"
    assert version.manifest.provenance["rows"] == 2
    (folder / "input_example.json").write_text("[]")
    with pytest.raises(ValueError, match="no input example of MLflow's"):
        pack_file(folder, store=tmp_path / "store")


def test_a_network_of_torch_is_refused_with_a_way_that_works(tmp_path):
    (tmp_path / "MLmodel").write_text("flavors: {pytorch: {model_data: data, pytorch_version: 2.13.0}}")
    with pytest.raises(ValueError, match=r"torch\.onnx\.export.* pack model\.onnx --data"):
        pack_file(tmp_path, store=tmp_path / "store")
