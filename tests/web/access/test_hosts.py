"""Without keys: who may ask a server of this machine, under which names, and what a page of another site may do."""

import pytest

from benchmarks.support.serving import refusal
from service.app import create_app
from service.errors import BadSetting
from service.settings import Settings
from service.web.access.exposure import check_exposure, is_loopback
from tests.support.access import TABLE, V1


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


# --- where it listens


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


# --- the Host that is asked for

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
