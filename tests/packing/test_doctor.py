"""daylight doctor: what a file is, told without running any of it."""

import json

import joblib
import pytest
import torch
from click.testing import CliRunner
from sklearn.datasets import load_iris
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from service.cli import main
from service.packing.doctor import ENCODERS
from service.packing.encoder_kinds import KINDS


def doctor(path):
    ran = CliRunner().invoke(main, ["doctor", str(path)])
    return ran.exit_code, ran.output


X, Y = load_iris(return_X_y=True)


def own(rows):
    return rows


def test_a_pickle_is_told_from_its_list_of_imports(tmp_path):
    joblib.dump(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y), tmp_path / "m.joblib")
    status, told = doctor(tmp_path / "m.joblib")
    assert status == 0
    assert "a pickle" in told
    assert "scikit-learn" in told
    assert "sklearn.linear_model._logistic.LogisticRegression" in told
    assert "all that it imports is known to be safe" in told
    assert "would compile    yes" in told


def test_what_has_no_translation_and_what_wants_trust_are_named(tmp_path):
    joblib.dump(GaussianProcessClassifier().fit(X, Y), tmp_path / "g.joblib")
    assert "no: GaussianProcessClassifier has no translation" in doctor(tmp_path / "g.joblib")[1]
    joblib.dump(
        make_pipeline(FunctionTransformer(own), LogisticRegression(max_iter=999)).fit(X, Y), tmp_path / "own.joblib"
    )
    assert f"--trust {__name__}.own" in doctor(tmp_path / "own.joblib")[1]


def test_a_file_that_would_run_code_runs_none(tmp_path):
    class Evil:
        def __reduce__(self):
            return exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",)

    joblib.dump(Evil(), tmp_path / "evil.pkl")
    status, told = doctor(tmp_path / "evil.pkl")
    assert (status, (tmp_path / "ran").exists()) == (0, False)
    assert "builtins.exec is not known to be safe" in told


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.safetensors", b"{}", "weights alone"),
        ("a.py", b"", "FILE.py:Class"),
        ("a.txt", b"tree\nversion=v4\n", "a model that lightgbm has saved itself"),
        ("a.cbm", b"CBM1....", "a model that catboost has saved itself"),
    ],
)
def test_other_files_are_told_by_how_they_begin(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    status, said = doctor(tmp_path / name)
    assert (status, told in said) == (0, True), said


def test_what_torch_has_saved_and_folders(tmp_path):
    torch.save({"weight": torch.ones(2)}, tmp_path / "state.pt")
    assert "torch has saved" in doctor(tmp_path / "state.pt")[1]
    folder = tmp_path / "folder"
    folder.mkdir()
    assert "neither a checkpoint nor an MLflow model" in doctor(folder)[1]
    (folder / "MLmodel").write_text("flavors: {sklearn: {pickled_model: model.pkl}}")
    joblib.dump(LogisticRegression().fit(X[:, :1], Y), folder / "model.pkl")
    assert "whose file is model.pkl; no input example" in doctor(folder)[1]
    (folder / "MLmodel").unlink()


@pytest.mark.parametrize(
    ("config", "kind", "said"),
    [
        ({"architectures": ["BertForSequenceClassification"]}, "text_classification", "what a text is"),
        ({"architectures": ["BertForTokenClassification"]}, "token_classification", "finds entities"),
        ({"architectures": ["BertForMaskedLM"]}, "fill_mask", "likeliest tokens"),
        ({"architectures": ["BertModel"]}, "text_embedding", "into vectors"),
        (
            {"architectures": ["BertForSequenceClassification"], "id2label": {"0": "ENTAILMENT", "1": "other"}},
            "zero_shot_classification",
            "labels of the request",
        ),
        (
            {"architectures": ["BertForSequenceClassification"], "sentence_transformers": {"activation_fn": "x"}},
            "text_reranking",
            "answer a query",
        ),
    ],
)
def test_an_encoder_is_told_as_what_it_would_be_packed(tmp_path, config, kind, said):
    """It said that the folder was no text generator, and nothing of what it is."""
    (tmp_path / "config.json").write_text(json.dumps(config))
    status, told = doctor(tmp_path)
    assert status == 0
    assert f"it would be packed as {kind}, " in told
    assert said in told
    assert "would compile    yes" in told
    assert "tokenizers" in told
    assert "no text generator" not in told


def test_other_checkpoints_are_told_for_what_they_are(tmp_path):
    assert set(ENCODERS) == {*KINDS, "image_classification"}, "each kind that reads a checkpoint is told"
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["BertForQuestionAnswering"]}))
    assert "it is no text generator" in doctor(tmp_path)[1]
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2"}))
    assert "a checkpoint of a text generator" in doctor(tmp_path)[1]
    (tmp_path / "config.json").unlink()
    (tmp_path / "modules.json").write_text("[]")
    assert "it would be packed as text_embedding" in doctor(tmp_path)[1]


def test_a_broken_file_and_none_are_sentences(tmp_path):
    (tmp_path / "broken.pkl").write_bytes(b"\x80\x04nothing")
    (tmp_path / "broken.onnx").write_bytes(b"\x08\x08")
    for path in (tmp_path / "broken.pkl", tmp_path / "broken.onnx", tmp_path / "none.pkl"):
        status, told = doctor(path)
        assert status == 1
        assert told.startswith("Error: ")
        assert "Traceback" not in told
