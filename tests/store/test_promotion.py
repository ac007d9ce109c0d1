"""Promotion on the command line: what is checked and compared before it, and the receipt it leaves."""

import getpass
import json
import socket

import joblib
import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LinearRegression, LogisticRegression

from service.app import create_app
from service.cli import main
from service.packing import pack
from service.settings import Settings
from service.store.versions import Store

X = np.arange(12.0).reshape(6, 2)


@pytest.fixture
def store(tmp_path):
    """`m` in versions 1 and 2, which is current: a line through other numbers."""
    for slope in (1.0, 2.0):
        add(tmp_path / "store", slope, metrics={"r2": slope / 10})
    return Store(tmp_path / "store")


def add(folder, slope, columns=2, **options):
    rows = X[:, :columns]
    return pack(LinearRegression().fit(rows, slope * rows[:, 0]), rows, name="m", store=folder, **options)


@pytest.fixture
def run(store):
    def run(*arguments, **options):
        return CliRunner().invoke(main, [*map(str, arguments), "--store", str(store.root)], **options)

    return run


def test_promote_compares_scores_and_answers_and_says_from_what_to_what(store, run):
    found = run("promote", "m", "1", "-m", "the old one was right")
    assert found.exit_code == 0
    score, answers, done = found.stdout.splitlines()
    assert score == "r2: 0.2 in version 2, 0.1 now"
    assert answers.startswith("answers: ")
    assert "of the sample differ, by at most" in answers
    assert done == "m went from version 2 to version 1"
    assert "no running server of this store was found" in found.stderr
    assert store.current("m") == "1"


def test_a_dry_run_changes_nothing(store, run):
    before = {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()}
    found = run("promote", "m", "1", "--dry-run")
    assert found.exit_code == 0
    assert found.stdout.splitlines()[-1] == "dry run: m would go from version 2 to version 1"
    assert {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()} == before


def test_a_version_that_cannot_be_loaded_is_not_promoted(store, run):
    path = store.root / "m" / "1" / "model.joblib"
    path.write_bytes(path.read_bytes() + b"?")
    for options in ((), ("--dry-run",)):
        found = run("promote", "m", "1", *options)
        assert (found.exit_code, store.current("m")) == (1, "2")
        assert "has sha256" in found.output


def test_a_version_that_replaces_a_broken_one_is_promoted_uncompared(store, run):
    path = store.root / "m" / "2" / "model.joblib"
    path.write_bytes(path.read_bytes() + b"?")
    found = run("promote", "m", "1")
    assert (found.exit_code, store.current("m")) == (0, "1")
    assert "not compared: m version 2" in found.stderr


def test_a_contract_that_breaks_callers_needs_to_be_said(store, run):
    add(store.root, 1.0, columns=1, promote=False)
    found = run("promote", "m", "3")
    assert (found.exit_code, store.current("m")) == (1, "2")
    assert "m version 3 breaks callers of version 2: column x1 is gone" in found.output
    assert run("promote", "m", "3", "--dry-run").exit_code == 1
    found = run("promote", "m", "3", "--breaking")
    assert (found.exit_code, store.current("m")) == (0, "3")
    assert "breaking: column x1 is gone" in found.output


@pytest.fixture
def pickle(tmp_path):
    joblib.dump(LinearRegression().fit(X, X[:, 1]), tmp_path / "m.joblib")
    return tmp_path / "m.joblib"


def test_packing_changes_what_is_current_only_where_it_may(store, run, pickle):
    told = run("pack", pickle, "--no-promote")
    assert told.exit_code == 0
    assert told.stdout.splitlines()[-1] == "it is not promoted: promote m 3"
    assert run("pack", pickle, env={"DAYLIGHT_PROMOTE": "manual"}).exit_code == 0
    assert store.current("m") == "2"
    assert run("pack", pickle, "--promote", env={"DAYLIGHT_PROMOTE": "manual"}).exit_code == 0
    assert store.current("m") == "5"
    assert "m went from version 5 to version 6" in run("pack", pickle).stdout.splitlines()


def test_packing_from_python_asks_the_setting_too(store, monkeypatch):
    monkeypatch.setenv("DAYLIGHT_PROMOTE", "manual")
    add(store.root, 1.0)
    assert store.current("m") == "2"
    add(store.root, 1.0, promote=True)
    assert store.current("m") == "4"


def test_packing_a_contract_that_breaks_callers_does_not_promote_it(store, run, tmp_path):
    joblib.dump(LogisticRegression().fit(X, [0, 1, 0, 1, 0, 1]), tmp_path / "m.joblib")
    found = run("pack", tmp_path / "m.joblib")
    assert (found.exit_code, store.current("m"), store.versions("m")) == (1, "2", ["1", "2", "3"])
    assert "m version 3 breaks callers of version 2: output predict: it is integer now, and was number" in found.output
    assert run("pack", tmp_path / "m.joblib", "--breaking").exit_code == 0
    assert store.current("m") == "4"


def test_history_says_who_when_what_from_what_and_why(store, run):
    run("promote", "m", "1", "-m", "rare cells")
    run("rollback", "m", "-m", "no, it was not")
    lines = run("history", "m").stdout.splitlines()
    assert [line.split()[2:4] for line in lines] == [
        *[["pack", "1"], ["promote", "1"], ["pack", "2"], ["promote", "2"]],
        *[["promote", "1"], ["rollback", "2"]],
    ]
    assert "current none -> none" in lines[0]
    assert lines[-2].endswith(f"current 2 -> 1       {getpass.getuser()}@{socket.gethostname()}: rare cells")
    assert lines[-1].endswith(": no, it was not")
    (store.root / "m" / "current").write_text("1\n")
    assert "names 1, and the newest receipt 2: it was changed without a receipt" in run("history", "m").stderr
    assert run("history", "n").output == "" or run("history", "n").exit_code == 1


def test_history_names_the_signer(store, run, tmp_path):
    def signers(*arguments):
        made = CliRunner().invoke(main, ["signers", *map(str, arguments)])
        assert made.exit_code == 0, made.output
        return made.stdout

    key, file = tmp_path / "maria.pem", tmp_path / "signers.json"
    signers("add", "maria", signers("make", key).strip(), "--may", "promote", "--file", file)
    env = {"DAYLIGHT_PRIVATE_KEY": str(key), "DAYLIGHT_SIGNERS_FILE": str(file)}
    assert signers("list", "--file", file).split()[:2] == ["maria", "promote"]
    found = run("rollback", "m", env=env)
    assert found.exit_code == 1
    assert "entry 4 of its history is not signed, and DAYLIGHT_SIGNERS_FILE asks" in found.output
    (store.root / "m" / "history").unlink()  # a new one begins, signed
    store_signed = Store.of(Settings(private_key=str(key), signers_file=str(file)), store.root)
    store_signed.promote("m", "2")
    assert "key maria" in run("history", "m", env=env).stdout
    signers("remove", "maria", "--file", file)
    assert run("history", "m", env=env).exit_code == 1


def test_remove_asks(store, run, monkeypatch):
    add(store.root, 3.0)
    found = run("remove", "m", "1")
    assert (found.exit_code, "say --yes" in found.output) == (1, True)
    monkeypatch.setattr("service.cli.promotion.on_a_terminal", lambda: True)
    assert run("remove", "m", "1", input="n\n").exit_code == 1
    assert store.versions("m") == ["1", "2", "3"]
    assert run("remove", "m", "1", input="y\n").exit_code == 0
    assert store.versions("m") == ["2", "3"]
    for version, told in (("3", "is the current one"), ("2", "is the way back")):
        found = run("remove", "m", version, "--yes")
        assert (found.exit_code, told in found.output) == (1, True)


def test_a_history_is_told_over_http(store, run):
    run("promote", "m", "1", "-m", "rare cells")
    client = create_app(Settings(store=store.root)).test_client()
    told = client.get("/v2/repository/models/m/history").get_json()
    assert [entry["what"] for entry in told["history"]] == ["pack", "promote", "pack", "promote", "promote"]
    last = told["history"][-1]
    assert (last["before"], last["current"], last["why"], last["key"]) == ("2", "1", "rare cells", "")
    assert client.get("/v2/repository/models/absent/history").status_code == 404
    assert client.get("/v2/repository/models/%2e%2e/history").status_code == 404
    lines = (store.root / "m" / "history").read_text().splitlines()
    (store.root / "m" / "history").write_text("\n".join(lines[1:]))
    refused = client.get("/v2/repository/models/m/history")
    assert refused.status_code == 503
    assert "the history was cut" in json.dumps(refused.get_json())
