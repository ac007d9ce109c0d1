"""Which models a server serves, and that one serves tables and texts side by side."""

import pytest
import requests
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from benchmarks.support.serving import live_server, refusal
from service.app import create_app
from service.errors import ArtifactMissing
from service.packing import pack
from service.server.worker_class import KEEP_ALIVE, THREADED, choose, readable_versions
from service.settings import Settings
from service.store.versions import Store
from tests.support.tiny_text import add_compiled_tiny


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A store of a table, `table`, and a text model, `tiny`."""
    store = tmp_path_factory.mktemp("both")
    X, y = load_iris(return_X_y=True)
    pack(LogisticRegression(max_iter=1000).fit(X, y), X, y, name="table", store=store)
    add_compiled_tiny(store)
    return store


def test_an_instance_serves_the_models_it_is_told(both):
    client = create_app(Settings(store=both, models=("table",))).test_client()
    assert [entry["id"] for entry in client.get("/v1/models").json["data"]] == ["table"]
    assert client.post("/v1/models/tiny:predict", json={"instances": ["a"]}).status_code == 404
    assert [entry["name"] for entry in client.post("/v2/repository/index").json] == ["table"]


def test_a_name_that_the_store_does_not_hold_refuses_the_start(both):
    code, said = refusal(both, env={"DAYLIGHT_MODELS": "table, tabel"})
    assert code != 0
    assert "daylight refuses to start" in said
    assert "holds no tabel; it holds table, tiny" in said


def test_a_store_without_any_says_so(tmp_path):
    with pytest.raises(ArtifactMissing, match="holds no tumour; it holds none"):
        Store(tmp_path, only=("tumour",)).check()


@pytest.mark.parametrize(("name", "worker_class"), [("tiny", THREADED), ("table", KEEP_ALIVE)])
def test_the_worker_is_chosen_for_what_is_served_alone(both, name, worker_class):
    settings = Settings(store=both, models=(name,))
    assert choose(settings, list(readable_versions(settings)))[0] == worker_class


def test_one_server_answers_tables_and_texts_on_one_route(both):
    """The article's `/predict` takes both, and lists show both."""
    with live_server(both) as server:
        rows = requests.get(f"{server}/v1/models/table", timeout=10).json()["example"]["instances"][:1]
        assert len(requests.post(f"{server}/predict", json=rows, timeout=10).json()["text"]) == 1
        assert "Prediction" in requests.post(f"{server}/predict", json={"text": "once"}, timeout=30).json()
        listed = requests.get(f"{server}/v1/models", timeout=10).json()["data"]
        assert [entry["id"] for entry in listed] == ["table", "tiny"]
