"""What `daylight models` lists, what a running server refuses among it, and the names that commands suggest."""

import json
import shutil

import pytest
import requests
from click.testing import CliRunner

from benchmarks.support.serving import eventually, live_server
from service.cli import listing, main
from service.cli.listing import size
from service.observability.by_model import NONE
from service.server.lifecycle.running_servers import RunningServer
from service.server.lifecycle.worker_registry import WorkerRegistry
from service.settings import Settings
from service.store.manifest import MANIFEST
from service.store.versions import Store


def run(*arguments, code=0):
    ran = CliRunner().invoke(main, list(map(str, arguments)))
    assert ran.exit_code == code, ran.output
    return ran.output


@pytest.fixture
def store(tabular_store, tmp_path):
    """`iris`, with a second version that is damaged."""
    shutil.copytree(tabular_store / "iris", tmp_path / "iris")
    second = shutil.copytree(tmp_path / "iris" / "1", tmp_path / "iris" / "2")
    manifest = json.loads((second / MANIFEST).read_text())
    (second / MANIFEST).write_text(json.dumps(manifest | {"version": "2"}))
    (second / manifest["spec"]["payload"]).write_bytes(b"damaged")
    return tmp_path


def test_a_refused_promotion_is_seen_wherever_somebody_looks(store):
    """It was starred in the list, and nothing said that the server answered with the version before."""
    with live_server(store) as server:
        Store(store).promote("iris", "2")  # as another host may, without waiting for this server

        def refused():
            (one,) = json.loads(run("models", "--json", "--store", store))
            return one if one["servers"] and one["servers"][0]["state"] == "refused" else None

        (told,) = eventually(refused, what="the refusal")["servers"]
        assert (told["version"], told["serving"]) == ("2", "1")
        shown = run("models", "--store", store)
        assert "refuses version 2, and answers with version 1: iris version 2: " in shown
        assert requests.get(f"{server}/health/ready", timeout=30).json()["refused"]["iris"]["version"] == "2"
        assert 'daylight_refused_models{model="iris"} 1.0' in requests.get(f"{server}/metrics", timeout=30).text
        for path in ("/", "/models/iris"):
            page = requests.get(f"{server}{path}", headers={"Accept": "text/html"}, timeout=30).text
            assert "cannot be served" in page
        assert "version 2 refused" in requests.get(server, headers={"Accept": "text/html"}, timeout=30).text
        promoted = CliRunner().invoke(main, ["promote", "iris", "2", "--store", str(store)])
        assert promoted.exit_code == 1
        assert "has sha256" in promoted.output


def test_a_server_of_several_models_is_counted_once(tabular_store, tmp_path, monkeypatch):
    """Its files of counts were read again for each of its models."""
    for name in ("iris", "violet"):
        shutil.copytree(tabular_store / "iris", tmp_path / name)
    server = RunningServer(4711, WorkerRegistry(tmp_path / "run" / "workers-4711"))
    read = []
    monkeypatch.setattr(listing, "running_servers", lambda *_: [server])
    monkeypatch.setattr(listing, "counts", lambda one: read.append(one.pid) or {"iris": dict(NONE, requests=len(read))})
    iris, violet = listing.listed(Store(tmp_path), Settings(store=tmp_path))
    assert read == [4711, 4711]  # at the beginning and at the end
    assert (iris["servers"][0]["asked"]["requests"], violet["servers"][0]["asked"]) == (2, NONE)
    assert iris["servers"][0]["rate"] > 0


def test_names_that_are_near_are_suggested(store, tmp_path):
    assert "has no model irs; did you mean iris?" in run("promote", "irs", "1", "--store", store, code=1)
    assert "has no model irs; did you mean iris?" in run("verify", "irs", "--store", store, code=1)
    assert "iris has no version 7; it has 1, 2" in run("promote", "iris", "7", "--store", store, code=1)
    (tmp_path / "house.pkl").touch()
    (tmp_path / "rows.csv").touch()
    assert "did you mean house.pkl?" in run("pack", tmp_path / "hose.pkl", "--store", store, code=1)
    assert "holds rows, and no model" in run("pack", tmp_path / "rows.csv", "--store", store, code=1)


@pytest.mark.parametrize(
    ("count", "told"), [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (999_600, "1 MB"), (1_240_000_000, "1.2 GB")]
)
def test_sizes_are_told_in_the_unit_that_fits(count, told):
    assert size(count) == told
