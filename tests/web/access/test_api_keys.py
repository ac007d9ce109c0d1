"""The file of keys: what it holds, when it is read again, its commands, and how often each key may ask."""

import json
import logging
import os
import stat

import pytest
import requests
from click.testing import CliRunner

from benchmarks.support.serving import eventually, live_server, refusal
from service.app import create_app
from service.cli import main
from service.errors import BadSetting
from service.settings import Settings
from service.web.access import api_keys
from tests.support.access import TABLE, V1, bearer
from tests.support.ways import WholeClient


def test_the_log_names_the_key_and_never_the_contents(app, given, caplog):
    with caplog.at_level("INFO", "service.requests"):
        WholeClient(app).post(V1, json={"instances": [[5.125, 3.5, 1.4, 0.2]]}, headers=bearer(given["shop"]))
    assert "model=iris" in caplog.text
    assert "key=shop" in caplog.text
    assert "5.125" not in caplog.text
    assert given["shop"] not in caplog.text


# The file


def test_the_file_holds_no_key_and_only_its_owner_reads_it(tmp_path):
    file = tmp_path / "keys.json"
    made = api_keys.add(str(file), "shop", ["predict"])
    assert made.startswith("dl_")
    assert len(made) > 40
    assert made not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["keys"][0]["name"] == "shop"


def test_keys_come_and_go_without_a_restart(tabular_store, tmp_path, caplog):
    caplog.set_level(logging.INFO, "service.web.access.api_keys")
    file = str(tmp_path / "keys.json")
    first = api_keys.add(file, "first", ["predict"])
    client = create_app(Settings(store=tabular_store, keys_file=file)).test_client()

    def status(key):
        return client.get("/v1/models", headers=bearer(key)).status_code

    assert status(first) == 200
    second = api_keys.add(file, "second", ["predict"])
    eventually(lambda: status(second) == 200, seconds=5, what="the second key")
    api_keys.remove(file, "first")
    eventually(lambda: status(first) == 401, seconds=5, what="the end of the first key")
    assert status(second) == 200
    os.unlink(file)
    eventually(lambda: "the keys stay as they were" in caplog.text or not status(second), seconds=5, what="the log")
    assert status(second) == 200


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"keys": 7}',
        '{"keys": [{"name": "a"}]}',
        '{"keys": [{"name": "a", "sha256": "", "scopes": []}]}',
    ],
)
def test_a_file_that_is_none_stops_the_start(tmp_path, tabular_store, text):
    file = tmp_path / "keys.json"
    file.write_text(text)
    with pytest.raises(BadSetting, match="the keys cannot be read"):
        create_app(Settings(store=tabular_store, keys_file=str(file)))


def test_a_missing_file_stops_the_server_with_a_sentence(tabular_store, tmp_path):
    code, said = refusal(tabular_store, env={"DAYLIGHT_KEYS_FILE": str(tmp_path / "absent.json")})
    assert code == 190
    assert "the keys cannot be read" in said
    assert "Traceback" not in said


def test_the_commands(tmp_path):
    file = str(tmp_path / "keys.json")

    def run(*words):
        result = CliRunner().invoke(main, ["keys", *words, "--file", file])
        return result.exit_code, result.stdout, result.output

    code, made, _ = run("add", "shop", "--scope", "predict", "--rate", "5")
    assert code == 0
    found = api_keys.KeyFile(file).find(made.strip())
    assert (found.name, found.scopes, found.rate, found.burst) == ("shop", ("predict",), 5.0, 5)
    assert run("add", "shop")[0] == 1
    assert run("add", "a b")[0] == 1
    assert run("add", "x", "--scope", "everything")[0] == 2
    assert run("add", "x", "--rate", "nan")[0] == 2
    assert run("add", "x", "--rate", "-1")[0] == 1
    listed = run("list")[1]
    assert "shop" in listed
    assert "5/s, 5 at once" in listed
    assert made.strip() not in listed
    assert run("remove", "shop")[0] == 0
    assert run("remove", "shop")[0] == 1
    assert run("list")[1] == ""


# Rates


def test_a_key_is_for_so_many_requests_a_second(tabular_store, tmp_path):
    file = str(tmp_path / "keys.json")
    slow, quick = api_keys.add(file, "slow", ["predict"], rate=0.01, burst=2), api_keys.add(file, "quick", ["predict"])
    client = create_app(Settings(store=tabular_store, keys_file=file)).test_client()
    answers = [client.post(V1, json=TABLE, headers=bearer(slow)) for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert answers[2].json["code"] == "rate_limited"
    assert 90 <= int(answers[2].headers["Retry-After"]) <= 101
    assert client.post(V1, json=TABLE, headers=bearer(quick)).status_code == 200


def test_a_rate_holds_for_all_workers_together(tabular_store, tmp_path):
    file = str(tmp_path / "keys.json")
    key = api_keys.add(file, "slow", ["predict"], rate=0.01, burst=7)
    with live_server(tabular_store, workers=2, env={"DAYLIGHT_KEYS_FILE": file}) as server:
        statuses = [requests.post(f"{server}{V1}", json=TABLE, headers=bearer(key), timeout=10) for _ in range(20)]
    assert [one.status_code for one in statuses].count(200) == 7
