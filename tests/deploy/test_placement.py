"""Which models an instance serves; and two instances, tables and texts, behind one nginx that tells them apart."""

import json
import re

import pytest
import requests
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from benchmarks.support.nginx import CONFIG, NGINX, nginx
from benchmarks.support.serving import ROOT, eventually, live_server, refusal
from service.app import create_app
from service.errors import ArtifactMissing
from service.packing import pack
from service.settings import Settings
from service.store.versions import Store
from tests.support.tiny_text import pack_tiny

SPLIT = ROOT / "deploy" / "nginx-split.conf"
WITHOUT_REASONS = re.compile(r"\s*#.*| {2,}")


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A store of a table, `table`, and a text model, `tiny`."""
    store = tmp_path_factory.mktemp("both")
    X, y = load_iris(return_X_y=True)
    pack(LogisticRegression(max_iter=1000).fit(X, y), X, y, name="table", store=store)
    pack_tiny(store)
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


def test_the_worker_is_chosen_for_what_is_served_alone(both):
    with live_server(both, env={"DAYLIGHT_MODELS": "tiny"}) as texts:
        assert "threaded_worker.ThreadedWorker" in texts.log
    with live_server(both, env={"DAYLIGHT_MODELS": "table"}) as tables:
        assert "worker class service.server.keepalive_worker.KeepAliveWorker" in tables.log


def test_the_two_configurations_differ_in_the_split_alone():
    """Whatever nginx.conf says, the other one says too, but for these."""
    own = {"server unix:/run/daylight/gunicorn.sock;", "upstream daylight {", "proxy_pass http://daylight;"}
    own |= {"limit_conn_zone $server_name zone=instance:1m;"}
    assert directives(CONFIG) - directives(SPLIT) == own


def directives(path):
    return {WITHOUT_REASONS.sub(" ", line).strip() for line in path.read_text().splitlines()} - {""}


@pytest.fixture(scope="module")
def split(both, tmp_path_factory):
    """The URL of nginx in front of two instances."""
    if NGINX is None:
        pytest.skip("needs nginx: apt-get install nginx")
    folder = tmp_path_factory.mktemp("split")
    instances = {"tables": {"DAYLIGHT_MODELS": "table"}, "texts": {"DAYLIGHT_MODELS": "tiny"}}
    with (
        nginx(folder, [("smollm2", "tiny")], SPLIT) as url,
        live_server(both, bind=f"unix:{folder / 'tables.sock'}", env=instances["tables"]),
        live_server(both, bind=f"unix:{folder / 'texts.sock'}", env=instances["texts"]),
    ):
        for path in ("/health/ready", "/texts/health/ready"):
            eventually(lambda path=path: requests.get(f"{url}{path}", timeout=90).ok, what=f"{path} through nginx")
        yield url


def test_tables_are_answered_by_one_and_texts_by_the_other(split):
    rows = [[5.1, 3.5, 1.4, 0.2], [6.3, 3.3, 6.0, 2.5]]
    table = requests.post(f"{split}/v1/models/table:predict", json={"instances": rows}, timeout=10)
    assert len(table.json()["predictions"]) == 2
    asked = {"instances": ["once"], "parameters": {"max_tokens": 3}}
    assert requests.post(f"{split}/v1/models/tiny:predict", json=asked, timeout=30).json()["predictions"]
    assert requests.get(f"{split}/v1/models/tiny", timeout=10).json()["kind"] == "text_generation"
    assert requests.get(f"{split}/v1/models/table", timeout=10).json()["kind"] == "tabular"
    assert requests.get(f"{split}/v2/models/tiny/ready", timeout=10).ok
    assert "Prediction" in requests.get(f"{split}/predict", params={"text": "once"}, timeout=30).json()
    assert requests.post(f"{split}/predict", json=rows, timeout=10).ok
    assert requests.get(f"{split}/v1/models/tin", timeout=10).status_code == 404


def test_a_text_comes_piece_by_piece_and_can_be_ended_by_its_id(split):
    """It was still being written when its first piece was here."""
    asked = {"model": "tiny", "prompt": "once", "max_tokens": 100, "n": 8, "temperature": 0, "stream": True}
    with requests.post(f"{split}/v1/completions", json=asked, stream=True, timeout=30) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        lines = answer.iter_lines(chunk_size=1)
        assert json.loads(next(line for line in lines if line)[6:])["choices"]
        ended = requests.post(f"{split}/v1/requests/{answer.headers['X-Request-ID']}/cancel", timeout=10)
        assert ended.json()["cancelled"] is True
        last = [line for line in lines if line]
    assert last[-1] == b"data: [DONE]"
    assert len(last) < 8 * 100
