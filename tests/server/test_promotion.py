"""Promotions beside a running server: the command waits for every worker, and goes back where they refuse."""

import shutil

import numpy as np
import pytest
import requests
from click.testing import CliRunner
from sklearn.linear_model import LinearRegression

from benchmarks.support.serving import eventually, live_server, refusal
from service.cli import main
from service.packing import pack
from service.store.key_pairs import add_signer, make_private_key
from service.store.manifest import Manifest
from service.store.signature import Keys
from service.store.versions import Store

X = np.array([[0.0], [1.0], [2.0]])


def add(folder, value, **options):
    return pack(LinearRegression().fit(X, np.full(3, value)), X, name="m", store=folder, **options)


@pytest.fixture
def store(tmp_path):
    """Versions 1, 2 and 3 of `m`, compiled, which answer 1.0, 2.0 and 3.0; 1 is current."""
    for value in (1.0, 2.0, 3.0):
        add(tmp_path / "store", value)
    store = Store(tmp_path / "store")
    store.promote("m", "1")
    return store


@pytest.fixture
def run(store):
    def run(*arguments):
        return CliRunner().invoke(main, [*map(str, arguments), "--store", str(store.root)])

    return run


def version(server):
    return requests.get(f"{server}/v1/models/m", timeout=10).json()["version"]


def test_promote_waits_until_every_worker_has_taken_the_version(store, run):
    with live_server(store.root, workers=2) as server:
        for arguments, told in (
            (("promote", "m", "2"), "m went from version 1 to version 2"),
            (("rollback", "m"), "m went from version 2 to version 1"),
        ):
            found = run(*arguments)
            assert (found.exit_code, found.stdout.splitlines()[-1]) == (0, told), found.output
            assert f"the server of process {server.pid}: every worker answers with version {told[-1]}" in found.stdout
            assert {version(server) for _ in range(20)} == {told[-1]}
        refused = run("remove", "m", "1", "--yes")
        assert (refused.exit_code, "is the current one" in refused.output) == (1, True)


def test_what_serves_is_not_removed_though_it_is_not_current(store, run):
    """A server that refuses two versions serves on what is neither current nor the way back."""
    with live_server(store.root) as server:
        for value in (4.0, 5.0):
            add(store.root, value, runtime="sklearn")
        found = run("remove", "m", "1", "--yes")
        assert found.exit_code == 1
        assert f"m version 1 is served by the server of process {server.pid}: not removed" in found.output
        assert (version(server), store.versions("m")) == ("1", ["1", "2", "3", "4", "5"])


def test_a_version_that_the_server_refuses_is_not_left_current(store, run):
    with live_server(store.root) as server:
        add(store.root, 4.0, runtime="sklearn", promote=False)
        found = run("promote", "m", "4")
        assert found.exit_code == 1
        assert (
            f"the server of process {server.pid} does not serve version 4: m version 4 is not compiled" in found.stderr
        )
        assert found.stderr.splitlines()[-1] == "m is back at version 1"
        assert (store.current("m"), version(server)) == ("1", "1")
        last = store.history_of("m").receipts()[-1]
        assert (last.what, last.current) == ("rollback", "1")
        assert "version 4 was refused" in last.why


def test_a_rollback_that_the_server_refuses_is_undone(store, run):
    with live_server(store.root) as server:
        add(store.root, 4.0, runtime="sklearn", promote=False)
        store.promote("m", "4")
        store.promote("m", "2")
        eventually(lambda: version(server) == "2", what="version 2")
        found = run("rollback", "m")
        assert found.exit_code == 1
        assert "m version 4 is not compiled" in found.stderr
        assert found.stderr.splitlines()[-1] == "m is at version 2 again"
        assert (store.current("m"), version(server)) == ("2", "2")


def test_a_server_elsewhere_is_asked_by_its_url(store, run, tmp_path):
    keys = tmp_path / "keys.json"
    key = CliRunner().invoke(
        main, ["keys", "add", "ops", "--file", str(keys), "--scope", "predict", "--scope", "admin"]
    )
    (tmp_path / "key").write_text(key.stdout)
    headers = {"X-API-Key": key.stdout.strip()}
    with live_server(store.root, env={"DAYLIGHT_KEYS_FILE": str(keys)}) as server:
        found = run("promote", "m", "3", "--url", server, "--key-file", tmp_path / "key")
        assert found.exit_code == 0, found.output
        assert f"the server at {server}: every worker answers with version 3" in found.stdout
        assert run("promote", "m", "2", "--url", server).exit_code == 1  # 401: nothing was promoted
        assert store.current("m") == "3"
        history = f"{server}/v2/repository/models/m/history"
        assert requests.post(f"{server}/v2/repository/models/m/load", headers=headers, timeout=30).ok
        told = requests.get(history, headers=headers, timeout=10).json()
        assert [(each["what"], each["key"]) for each in told["asked"]] == [("load", "ops")]
        assert requests.get(history, timeout=10).status_code == 401


def test_a_server_of_another_store_is_not_waited_for(store, run, tmp_path):
    add(tmp_path / "other", 1.0)
    with live_server(tmp_path / "other"):
        found = run("promote", "m", "2")
        assert (found.exit_code, store.current("m")) == (0, "2")
        assert "no running server of this store was found" in found.stderr


def test_a_server_of_a_signed_store_is_not_rolled_back_by_who_can_write_to_it(store, tmp_path):
    """Neither while it runs nor when it is started again: it has seen the newer history."""
    signers, key = tmp_path / "signers.json", tmp_path / "maria.pem"
    add_signer(signers, "maria", make_private_key(key), ["pack", "promote"])
    signed = Store(tmp_path / "signed", Keys(private=key, signers=signers))
    for number in ("1", "2"):
        with signed.adding("m") as draft:
            shutil.copytree(store.root / "m" / number, draft.folder, dirs_exist_ok=True)
            draft.manifest = Manifest.read(draft.folder)
        if number == "1":
            older = {path: path.read_bytes() for path in (signed.root / "m").glob("*") if path.is_file()}
    env = {"DAYLIGHT_SIGNERS_FILE": str(signers), "DAYLIGHT_SEEN_FILE": str(tmp_path / "seen.json")}
    with live_server(signed.root, env=env) as server:
        assert version(server) == "2"
        for path, content in older.items():
            path.write_bytes(content)
        entry = eventually(lambda: requests.get(f"{server}/v1/models/m", timeout=10).json().get("refused"), what="it")
        assert "somebody has put an older copy in its place" in entry["reason"]
        assert version(server) == "2"
    code, said = refusal(signed.root, env=env)
    assert code != 0
    assert "somebody has put an older copy in its place" in said
