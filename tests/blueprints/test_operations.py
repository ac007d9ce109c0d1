"""What the operations page tells, and that a version is checked before anything changes."""

import os
import shutil
import subprocess
import sys

import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from service.app import create_app
from service.blueprints import operations
from service.observability.memory import memory_of_server
from service.packing import pack
from service.settings import Settings

HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def store(tabular_store, tmp_path_factory):
    """`iris` in three versions: the second answers as the first, the third lacks a column; and one that is broken."""
    root = shutil.copytree(tabular_store, tmp_path_factory.mktemp("store") / "models")
    table = load_iris(as_frame=True)
    labels = table.target.map(dict(enumerate(table.target_names)))
    for columns in (4, 3):
        data = table.data.iloc[:, :columns]
        estimator = LogisticRegression(max_iter=1000).fit(data, labels)
        pack(estimator, data, labels, name="iris", store=root, promote=False)
    shutil.copytree(root / "iris" / "2", root / "iris" / "broken")
    (root / "iris" / "broken" / "manifest.json").write_text("{")
    return root


@pytest.fixture(scope="module")
def client(store):
    return create_app(Settings(store=store)).test_client()


def asked(client, what, body, model="iris"):
    answer = client.post(f"/operations/models/{model}/{what}", json=body)
    return answer.status_code, answer.json


def test_the_page_has_every_version_beside_the_one_that_answers(client):
    page = client.get("/operations", headers=HTML)
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    assert "1 (answers)" in page.text
    assert "the same contract" in page.text
    assert "column petal width (cm) is gone" in page.text
    assert "manifest.json" in page.text  # what is wrong with the broken one
    assert "data-act" not in page.text  # no page changes what a server without keys serves


@pytest.mark.parametrize(
    ("runtime", "told"),
    [
        ({"name": "onnx", "rows": 500, "measured": 1.25e-15}, "equal on 500 rows, at most 1.25e-15 apart"),
        ({"name": "onnx", "texts": 40, "measured": 3e-7}, "equal on 40 texts, at most 3e-07 apart"),
        ({"name": "onnx", "equal_tokens": 0.997}, "99.7% of the tokens equal torch's"),
        ({"name": "sklearn", "reason": "compiled it is hardly faster"}, "compiled it is hardly faster"),
        ({"name": "onnx", "images": 14, "measured": 2e-7}, "equal on 14 images, at most 2e-07 apart"),
        (
            {"name": "onnx", "inputs": 4, "reference": "torch", "measured": 0.0},
            "equal to torch on 4 inputs, at most 0 apart",
        ),
        ({"name": "onnx"}, "its example is replayed at each load"),
        ({}, "its example is replayed at each load"),
    ],
)
def test_proofs_of_every_kind_are_told(runtime, told):
    """Of a text model it said "equal on rows, at most apart"; one classifier of images made the page answer 500."""
    assert operations.proof(runtime) == told


def test_a_version_is_checked_without_serving_it(client):
    status, told = asked(client, "check", {"version": "2"})
    assert (status, told["serving"], told["breaking"]) == (200, "1", [])
    assert told["differences"][-1].startswith("answers: the same to all")
    status, told = asked(client, "check", {"version": "3"})
    assert "column petal width (cm) is gone" in told["breaking"][0]
    assert client.get("/v1/models/iris").json["version"] == "1"


@pytest.mark.parametrize(
    ("what", "body", "model", "status", "sentence"),
    [
        ("check", {}, "iris", 400, "version is missing"),
        ("check", {"version": 2, "x": 1}, "iris", 400, "version is to be a text; 'x' is not known; version are"),
        ("check", [], "iris", 400, "expected an object with version"),
        ("check", {"version": "9"}, "iris", 404, "iris has no version '9'"),
        ("check", {"version": "1"}, "absent", 404, "there is no model 'absent'"),
        ("check", {"version": "broken"}, "iris", 400, "iris version broken cannot be served: "),
        ("promote", {"version": "3"}, "iris", 400, "iris version 3 breaks callers: column petal width (cm) is gone"),
        ("promote", {"version": "broken"}, "iris", 400, "iris version broken cannot be served: "),
        ("promote", {"version": "2"}, "iris", 503, "this process is none"),
        ("rollback", {}, "iris", 400, "iris has no version to go back to"),
        ("rollback", {}, "absent", 404, "there is no model 'absent'"),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(client, store, what, body, model, status, sentence):
    found, told = asked(client, what, body, model)
    assert found == status
    assert sentence in told["error"]
    assert (store / "iris" / "current").read_text().split() == ["1"]


def test_the_memory_of_a_server_is_that_of_its_processes_by_kind():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        held = memory_of_server(os.getpid())
        assert held["master"] > 1_000_000
        assert held["workers"] > 0
    finally:
        child.communicate(b"\n")
