"""API keys: who may ask for what, both ways in, in every dialect's words; the page, other origins, safe headers."""

import pytest

from benchmarks.support.serving import live_server
from client import Client, InvalidRequest
from service.app import create_app
from service.settings import Settings
from service.web.context import SECURITY_HEADERS
from tests.support.access import HTML, ROW, SCOPES, TABLE, V1, bearer
from tests.support.ways import OnlyFastPath, OnlyFlask, rewired


@pytest.fixture(scope="module")
def ways(tabular_store, given):
    """{name: a test client}: Flask's way, and the fast path before it."""
    settings = Settings(store=tabular_store, keys_file=given["file"])
    return {
        name: rewired(create_app(settings), middleware, settings).test_client()
        for name, middleware in {"flask": OnlyFlask, "short": OnlyFastPath}.items()
    }


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
