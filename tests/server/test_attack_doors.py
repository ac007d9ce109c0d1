"""A hostile pickle that is already in the store, under a digest that fits: it does nothing behind any door to it."""

import shutil
from dataclasses import replace

import pytest
import requests
from click.testing import CliRunner
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from benchmarks.support.serving import eventually, live_server
from service.cli import main
from service.packing import pack
from service.store.manifest import Manifest
from service.store.versions import Store
from tests.support.pickle_writer import Call, Name, New, dumps, partial
from tests.support.workers import CLASSES

TRANSFORMER = "sklearn.preprocessing._function_transformer:FunctionTransformer"


def called_at_once(command):
    return Call(Name("posix:system"), (command,))


def kept_for_predict(command):
    """Nothing is called while it is opened."""
    expression = f"@pd.io.common.os.system({command!r})"
    return New(TRANSFORMER, {"func": partial(Name("pandas:DataFrame.eval"), expr=expression)})


@pytest.fixture(params=[called_at_once, kept_for_predict])
def attack(request, tmp_path):
    """(the store, the file that the attack in version 2 would make); version 1 is sound and current."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    root, made = tmp_path / "store", tmp_path / "made"
    pack(LogisticRegression(max_iter=200).fit(X, y), X, name="m", store=root, runtime="sklearn")
    store = Store(root)
    sound = store.open("m", "1")
    with store.adding("m", promote=False) as draft:
        shutil.copytree(root / "m" / "1", draft.folder, dirs_exist_ok=True)
        hostile = dumps(request.param(f"touch {made}"))
        (draft.folder / sound.manifest.spec["payload"]).write_bytes(hostile)
        (draft.folder / "manifest.json").unlink()
        draft.manifest = replace(sound.manifest, version=draft.version, files=draft.digests())
    X.head(3).to_csv(tmp_path / "rows.csv", index=False)
    return store, made


def commands(folder):
    return {
        "verify": ["verify", "m", "2"],
        "promote": ["promote", "m", "2"],
        "dry run": ["promote", "m", "2", "--dry-run"],
        "predict": ["predict", "m", str(folder / "rows.csv"), "--version", "2", "-o", str(folder / "out.csv")],
    }


@pytest.mark.parametrize("name", ["verify", "promote", "dry run", "predict"])
def test_no_command_runs_it(attack, tmp_path, name):
    store, made = attack
    ran = CliRunner().invoke(main, [*commands(tmp_path)[name], "--store", str(store.root)])
    assert ran.exit_code == 1
    assert "posix.system" in ran.output or "pandas.DataFrame.eval" in ran.output
    assert "Traceback" not in ran.output
    assert not made.exists()
    assert store.current("m") == "1"


@CLASSES
def test_a_running_server_refuses_it_and_serves_on(attack, env):
    store, made = attack
    rows = {"instances": [Manifest.read(store.root / "m" / "1").example["instances"][0]]}
    with live_server(store.root, env=env) as server:
        store.promote("m", "2")
        refused = eventually(lambda: requests.get(f"{server}/v1/models/m", timeout=10).json().get("refused"), what="it")
        assert "known to be safe" in refused["reason"]
        answer = requests.post(f"{server}/v1/models/m:predict", json=rows, timeout=10).json()
        assert answer["model_version"] == "1"
        assert not made.exists()


def test_a_server_that_starts_with_it_serves_what_was_proven(attack):
    store, made = attack
    with live_server(store.root):  # proves version 1
        pass
    store.promote("m", "2")
    with live_server(store.root) as server:
        assert requests.get(f"{server}/v1/models/m", timeout=10).json()["version"] == "1"
        assert not made.exists()
