"""CORS: a page of a named origin calls as OpenAI's JavaScript client does; a page of any other calls nothing."""

import pytest

from service.app import create_app
from service.settings import Settings

ORIGIN = "https://shop.example"
CHAT = "/v1/chat/completions"
# What the openai package sends from a browser, besides what every page may.
OPENAI = (
    "authorization,content-type,x-stainless-arch,x-stainless-lang,x-stainless-os,x-stainless-package-version,"
    "x-stainless-retry-count,x-stainless-runtime,x-stainless-runtime-version,x-stainless-timeout"
)


@pytest.fixture(scope="module")
def preflight(tmp_path_factory):
    settings = Settings(store=tmp_path_factory.mktemp("store"), cors_origins=(ORIGIN,))
    client = create_app(settings).test_client()

    def ask(headers="", origin=ORIGIN, **more):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": headers}
        return client.options(CHAT, headers=asked | more)

    return ask


def names(answer):
    return set(answer.headers["Access-Control-Allow-Headers"].lower().split(", "))


def test_openais_client_is_let_in_from_a_named_origin(preflight):
    """Its `x-stainless-...` headers were not allowed, so that a browser sent no request at all."""
    answer = preflight(OPENAI)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (204, ORIGIN)
    assert set(OPENAI.split(",")) <= names(answer)
    assert int(answer.headers["Access-Control-Max-Age"]) > 0


def test_our_own_headers_are_allowed_once(preflight):
    answer = preflight("x-api-key, X-Request-Timeout")
    listed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert len(listed) == len(set(listed)) == 5


@pytest.mark.parametrize("headers", ["x-a\tb", "x;y", "é", "a" * 65, "", ",,,", "x: y", "*"])
def test_what_is_no_name_of_a_header_is_not_allowed(preflight, headers):
    assert names(preflight(headers)) == names(preflight())


def test_thousands_of_names_are_not_echoed(preflight):
    assert len(names(preflight(",".join(f"x-{place}" for place in range(500))))) < 100


def test_a_private_network_is_told_to_whom_it_asks(preflight):
    asked = {"Access-Control-Request-Private-Network": "true"}
    assert preflight(**asked).headers["Access-Control-Allow-Private-Network"] == "true"
    assert "Access-Control-Allow-Private-Network" not in preflight().headers


def test_a_stranger_is_told_nothing(preflight):
    answer = preflight(OPENAI, "https://evil.example", **{"Access-Control-Request-Private-Network": "true"})
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
