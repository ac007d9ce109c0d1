"""API keys: who may ask for what, both ways in, in every dialect's words; the file, its commands, the page, CORS."""

import json
import logging
import os
import stat

import pytest
import requests
from click.testing import CliRunner

from benchmarks.support.serving import eventually, live_server, refusal
from client import Client, InvalidRequest
from service.app import create_app
from service.cli import main
from service.errors import BadSetting
from service.settings import Settings
from service.web.access import api_keys
from service.web.access.exposure import check_exposure, is_loopback
from service.web.context import SECURITY_HEADERS
from tests.support.ways import OnlyFastPath, OnlyFlask, WholeClient, rewired

ROW = [5.1, 3.5, 1.4, 0.2]
TABLE = {"instances": [ROW]}
V1 = "/v1/models/iris:predict"
HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """{name: a key}, and the file they are in."""
    file = str(tmp_path_factory.mktemp("keys") / "keys.json")
    made = {name: api_keys.add(file, name, scopes) for name, scopes in SCOPES.items()}
    return made | {"file": file, "nobody": "dl_nobody"}


SCOPES = {"shop": ["predict"], "ops": ["admin"], "both": ["predict", "admin"]}


@pytest.fixture(scope="module")
def app(tabular_store, given):
    return create_app(Settings(store=tabular_store, keys_file=given["file"]))


@pytest.fixture(scope="module")
def ways(tabular_store, given):
    """{name: a test client}: Flask's way, and the fast path before it."""
    settings = Settings(store=tabular_store, keys_file=given["file"])
    return {
        name: rewired(create_app(settings), middleware, settings).test_client()
        for name, middleware in {"flask": OnlyFlask, "short": OnlyFastPath}.items()
    }


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


CARRIED = {
    "a bearer": bearer,
    "a bearer in capitals": lambda key: {"Authorization": f"BEARER {key}"},
    "a header": lambda key: {"X-API-Key": key},
    "a header beside a proxy's password": lambda key: {"X-API-Key": key, "Authorization": "Basic YTpi"},
}
DECISIONS = [
    ("no key", {}, 401),
    ("an empty key", {"X-API-Key": ""}, 401),
    ("an empty bearer", {"Authorization": "Bearer "}, 401),
    ("another scheme", {"Authorization": "Basic YTpi"}, 401),
    ("an unknown key", "nobody", 401),
    ("no text", {"X-API-Key": "\xff\xfe"}, 401),
    ("a key for this", "shop", 200),
    ("a key for something else", "ops", 403),
    ("a key for both", "both", 200),
]


@pytest.mark.parametrize("path", [V1, "/predict"])
@pytest.mark.parametrize(("who", "status"), [one[1:] for one in DECISIONS], ids=[one[0] for one in DECISIONS])
def test_every_decision_is_the_same_both_ways(ways, given, path, who, status):
    headers = who if isinstance(who, dict) else bearer(given[who])
    answers = [
        client.post(path, json=TABLE if path == V1 else [ROW], headers=headers | {"X-Request-ID": "one"})
        for client in ways.values()
    ]
    told = [(one.status, {k: v for k, v in one.headers.items() if k != "Server-Timing"}, one.data) for one in answers]
    assert told[0] == told[1]
    assert answers[0].status_code == status
    assert ("WWW-Authenticate" in answers[0].headers) == (status == 401)
    if status != 200:
        code = "unauthorized" if status == 401 else "forbidden"
        body = answers[0].json
        assert (body["code"] if path == V1 else body["error"]["code"]) == code
        assert isinstance(body["error"], str if path == V1 else dict)


@pytest.mark.parametrize("way", ["flask", "short"])
@pytest.mark.parametrize("carried", CARRIED.values(), ids=CARRIED)
def test_a_key_comes_in_any_of_these_headers(ways, given, way, carried):
    assert ways[way].post(V1, json=TABLE, headers=carried(given["shop"])).status_code == 200


ROUTES = [
    ("GET", "/health/live", None),
    ("GET", "/v2/health/ready", None),
    ("GET", "/ping", None),
    ("GET", "/v1/models", "predict"),
    ("GET", "/v1/models/iris", "predict"),
    ("GET", "/nothing", "predict"),
    ("GET", "/metrics", "admin"),
    ("POST", "/v2/repository/models/iris/load", "admin"),
    ("POST", "/v2/repository/models/iris/unload", "admin"),
    ("POST", "/v2/repository/models/iris/anything", "admin"),
    ("POST", "/v2/repository/models/a%0Ab/load", "admin"),
    ("POST", "//v2/repository/models/iris/unload", "predict"),  # no route of ours, and never becomes one
]


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES, ids=[route[1] for route in ROUTES])
def test_every_route_has_its_scope(app, given, method, path, scope):
    client = app.test_client()

    def refused(headers):
        answer = client.open(path, method=method, headers=headers)
        return answer.status_code if answer.status_code in (401, 403) else None

    assert refused({}) == (401 if scope else None)
    for name, scopes in SCOPES.items():
        assert refused(bearer(given[name])) == (None if scope is None or scope in scopes else 403)
    assert client.get("/v1/models/iris").status_code == 401  # and nothing was unloaded by whoever may not
    assert client.get("/v1/models/iris", headers=bearer(given["shop"])).status_code in (200, 404)


def test_metrics_may_be_open(tabular_store, given):
    app = create_app(Settings(store=tabular_store, keys_file=given["file"], metrics_open=True))
    assert app.test_client().get("/metrics").status_code == 200


@pytest.mark.parametrize(
    ("settings", "headers", "allowed"),
    [
        ({}, {}, True),
        ({}, {"Origin": "http://127.0.0.1:1200"}, False),  # a page in a browser must not change what is served
        ({"host": "0.0.0.0", "open": True}, {}, False),
        ({"bind": "unix:/run/a.sock", "open": True}, {}, False),
        ({"bind": "[::1]:80"}, {}, True),
        ({"open": True}, {}, False),
    ],
)
def test_without_keys_models_are_changed_from_this_machine_alone(tabular_store, settings, headers, allowed):
    client = create_app(Settings(store=tabular_store, **settings)).test_client()
    assert client.post(V1, json=TABLE).status_code == 200
    answer = client.post("/v2/repository/models/nothing-here/load", headers=headers)
    assert (answer.status_code == 403) != allowed


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


# What is open to whom


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "::1", "localhost"])
def test_this_machine_alone_needs_no_keys(host):
    assert is_loopback(host)
    check_exposure(Settings(), [(host, 80)])


@pytest.mark.parametrize("address", [("0.0.0.0", 80), ("::", 80, 0, 0), ("10.0.0.1", 80), "/run/daylight.sock"])
def test_everybody_else_needs_keys_or_a_word_of_the_operator(address, given):
    with pytest.raises(BadSetting, match="DAYLIGHT_KEYS_FILE"):
        check_exposure(Settings(), [("127.0.0.1", 80), address])
    check_exposure(Settings(open=True), [address])
    check_exposure(Settings(keys_file=given["file"]), [address])


@pytest.mark.parametrize("env", [{"HOST": "0.0.0.0"}, {"GUNICORN_CMD_ARGS": "--bind 0.0.0.0:0"}])
def test_the_server_refuses_a_public_address_without_keys(tabular_store, env):
    code, said = refusal(tabular_store, env=env)
    assert code == 190
    assert "daylight refuses to start: it would answer everybody" in said
    assert "Traceback" not in said


# The page, other origins, and the client


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_page_is_locked_until_a_key_comes(app, given, path):
    client = app.test_client()
    locked = client.get(path, headers=HTML)
    assert locked.status_code == 401
    assert b"data-locked" in locked.data
    assert b"iris" not in locked.data
    assert "frame-ancestors 'none'" in locked.headers["Content-Security-Policy"]
    assert b"data-locked" in client.get(path, headers=HTML | bearer(given["ops"])).data
    opened = client.get(path, headers=HTML | {"X-API-Key": given["shop"]})
    assert opened.status_code == 200
    assert b"iris" in opened.data
    script = next(word for word in locked.text.split('"') if word.endswith("locked.js"))
    with client.get(script) as asset:
        assert asset.status_code == 200


def test_programs_get_json_at_the_locked_page(app):
    answer = app.test_client().get("/")
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "unauthorized")


ORIGIN = "https://shop.example"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key,content-type"}


def test_no_other_origin_unless_it_is_named(app, tabular_store):
    plain = create_app(Settings(store=tabular_store)).test_client()
    assert not cors(plain.post(V1, json=TABLE, headers={"Origin": ORIGIN}))
    assert not cors(plain.options(V1, headers={"Origin": ORIGIN} | PREFLIGHT))


def cors(answer):
    return {name: value for name, value in answer.headers.items() if name.startswith("Access-Control")}


def test_a_named_origin_may_call(tabular_store, given):
    client = create_app(Settings(store=tabular_store, keys_file=given["file"], cors_origins=(ORIGIN,))).test_client()
    asked = client.options(V1, headers={"Origin": ORIGIN} | PREFLIGHT)
    assert asked.status_code == 204
    assert asked.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    assert {"X-API-Key", "Content-Type"} <= set(asked.headers["Access-Control-Allow-Headers"].split(", "))
    for headers, status in (({}, 401), ({"X-API-Key": given["shop"]}, 200)):
        answer = client.post(V1, json=TABLE, headers={"Origin": ORIGIN} | headers)
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Origin" in answer.headers["Vary"]
    stranger = client.options(V1, headers={"Origin": "https://evil.example"} | PREFLIGHT)
    assert not cors(stranger)
    assert not cors(client.post(V1, json=TABLE, headers={"Origin": "https://evil.example"}))


def test_the_client_sends_its_key(tabular_store, given):
    with live_server(tabular_store, env={"DAYLIGHT_KEYS_FILE": given["file"]}) as server:
        with Client(server, api_key=given["shop"]) as client:
            assert client.predict([ROW]) == ["setosa"]
            assert given["shop"] not in repr(client)
        with Client(server) as client, pytest.raises(InvalidRequest, match="a key is needed") as refused:
            client.predict([ROW])
        assert refused.value.status == 401


# --- Host, without keys

OWN = ["127.0.0.1", "127.0.0.1:1200", "localhost", "LOCALHOST:1200", "[::1]:1200", "[::1]", "tumour.localhost:1200"]
FOREIGN = [
    "evil.example",
    "evil.example:1200",
    "192.168.0.7:1200",
    "localhost.evil.example",
    "",
    "127.0.0.1.evil.example",
]


def asked_as(tabular_store, host, path=V1, **settings):
    client = create_app(Settings(store=tabular_store, **settings)).test_client()
    if path == V1:
        return client.post(path, json=TABLE, headers={"Host": host})
    return client.get(path, headers={"Host": host})


@pytest.mark.parametrize("host", OWN)
def test_a_server_on_loopback_answers_to_its_own_names(tabular_store, host):
    assert asked_as(tabular_store, host).status_code == 200


@pytest.mark.parametrize("host", FOREIGN)
@pytest.mark.parametrize("path", [V1, "/", "/v1/models", "/metrics"])
def test_a_foreign_host_is_refused_on_loopback_without_keys(tabular_store, host, path):
    """DNS rebinding: a page's own name resolves to 127.0.0.1, and its script would read every answer."""
    answer = asked_as(tabular_store, host, path)
    assert answer.status_code == 403
    assert "DAYLIGHT_HOSTS" in answer.text


def test_a_foreign_host_is_answered_where_it_is_meant_or_asked_by_a_probe(tabular_store, given):
    for settings in ({"hosts": ("Evil.Example",)}, {"hosts": ("*",)}, {"open": True}, {"bind": "unix:/run/x.sock"}):
        assert asked_as(tabular_store, "evil.example:1200", **settings).status_code == 200
    assert asked_as(tabular_store, "evil.example", "/health/live").status_code == 200
    assert asked_as(tabular_store, "evil.example", keys_file=given["file"]).status_code == 401


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 503), ("none", 503)]
)
def test_a_page_of_another_site_changes_nothing(tabular_store, site, status):
    """503: this application is outside of any server, so there is nothing to change."""
    client = create_app(Settings(store=tabular_store)).test_client()
    answer = client.post("/v2/repository/models/iris/load", headers={"Sec-Fetch-Site": site})
    assert answer.status_code == status


@pytest.mark.parametrize("path", ["/", "/docs", "/v1/models", "/nothing", "/health/live", "/metrics", V1])
def test_every_answer_has_every_security_header_once(tabular_store, path):
    client = create_app(Settings(store=tabular_store)).test_client()
    page = {"Accept": "text/html"}
    for answer in (client.get(path), client.get(path, headers=page), client.post(path, json=TABLE)):
        for name, value in SECURITY_HEADERS:
            (found,) = answer.headers.getlist(name)
            assert found == value or name in ("Content-Security-Policy", "Cache-Control")


def test_a_page_says_itself_what_it_loads_and_how_long_it_is_kept(tabular_store):
    client = create_app(Settings(store=tabular_store)).test_client()
    headers = client.get("/", headers={"Accept": "text/html"}).headers
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-cache"
    assert client.post(V1, json=TABLE).headers["Cache-Control"] == "no-store"
