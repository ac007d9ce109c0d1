"""The live server against its own OpenAPI document: schemathesis invents the requests, all its checks are on.

The normal run takes a sample of every route. `make test-fuzz` goes on to 20,000 cases, half of them on a server with
API keys, and watches the memory.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from benchmarks.support.serving import ROOT, live_server
from service.packing import pack
from service.web.access import api_keys
from tests.support.tiny_encoders import (
    pack_classifier,
    pack_embedder,
    pack_mask_filler,
    pack_reranker,
    pack_token_classifier,
    pack_zero_shot,
)
from tests.support.tiny_images import pack_colors
from tests.support.tiny_text import add_compiled_tiny
from tests.support.zoo import animals

SMALL = (
    pack_classifier,
    pack_colors,
    pack_embedder,
    pack_mask_filler,
    pack_reranker,
    pack_token_classifier,
    pack_zero_shot,
)
CASES = int(os.environ.get("FUZZ_CASES", "20000"))
ENDLESS = 1500  # seconds: no run may take longer
# What changes the server, since schemathesis finds out what the models are called.
CHANGES = ("/load", "/unload", "/promote", "/rollback")
SUMMARY = re.compile(r"(\d+) generated")


# A text goes to its end where no max_tokens is said: thousands of those would be the model's time, not the server's.
SERVER = {
    "DAYLIGHT_DEFAULT_TABULAR": "one_hot_ignore",
    "DAYLIGHT_MAX_COMPLETION_TOKENS": "16",
    "DAYLIGHT_MAX_TOKENS": "16",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    for animal in animals("one_hot_ignore"):
        pack(animal.estimator, animal.X, animal.y, name=animal.name, store=store)
    add_compiled_tiny(store)
    for packing in SMALL:
        packing(store)
    return store


@pytest.fixture(scope="module")
def live(store):
    with live_server(store, env=SERVER) as url:
        yield url


@pytest.fixture(scope="module", params=["without keys", "with keys"])
def asked(request, store, tmp_path_factory):
    """(the URL of a server, the key of a caller who may do everything, "" where none is asked for)."""
    if request.param == "without keys":
        yield request.getfixturevalue("live"), ""
        return
    file = str(tmp_path_factory.mktemp("keys") / "keys.json")
    key = api_keys.add(file, "fuzz", ["predict", "admin"])
    with live_server(store, env=SERVER | {"DAYLIGHT_KEYS_FILE": file}) as url:
        yield url, key


def configured(folder, key):
    """Its configuration as a file: tests/schemathesis.toml, and the key, so that it knows which others are wrong."""
    keys = f'[auth.openapi.bearer]\nbearer = "{key}"\n[auth.openapi.key]\napi_key = "{key}"\n' if key else ""
    file = folder / "schemathesis.toml"
    file.write_text(f"{keys}{(ROOT / 'tests' / 'schemathesis.toml').read_text(encoding='utf-8')}", encoding="utf-8")
    return file


def described(url, folder, key):
    """The server's document as a file, less what makes a server rightly fail or leaves nothing to be asked."""
    document = requests.get(f"{url}/openapi.json", headers={"X-API-Key": key}, timeout=30).json()
    del document["components"]["parameters"]["X-Request-Timeout"]  # invented deadlines pass: 504
    unwanted = "#/components/parameters/X-Request-Timeout"
    document["paths"] = {path: told for path, told in document["paths"].items() if not path.endswith(CHANGES)}
    for methods in document["paths"].values():
        for operation in methods.values():
            operation["parameters"] = [one for one in operation["parameters"] if one.get("$ref") != unwanted]
            content = operation.get("requestBody", {}).get("content", {})
            for media_type in content.keys() - {"application/json"}:  # no schema makes a CSV or a Parquet file
                del content[media_type]
    file = folder / "openapi.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    return document, file


def schemathesis(url, folder, key, *options):
    """Run it; (exit code, cases, what it said)."""
    _, file = described(url, folder, key)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(configured(folder, key))),
            *("--no-color", "run", str(file), "--url", url, "--checks", "all", "--continue-on-failure"),
            # How long inventing a request takes says nothing of the server.
            *(
                "--suppress-health-check",
                "too_slow",
                "--request-timeout",
                "30",
                "--seed",
                "1",
                "--generation-database",
                "none",
                *options,
            ),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=ENDLESS,
    )
    told = done.stdout + done.stderr
    found = SUMMARY.search(told)
    return done.returncode, int(found[1]) if found else 0, told


def test_every_route_answers_as_its_document_says(live, tmp_path):
    code, cases, told = schemathesis(live, tmp_path, "", "--phases", "examples,fuzzing", "--max-examples", "5")
    assert code == 0, told
    assert cases > 300, told


@pytest.mark.heavy
def test_every_bound_of_the_document_is_kept(live, tmp_path):
    """Values at, below and above each bound, members left out and of other types: 7,000 cases for 77 operations."""
    code, cases, told = schemathesis(live, tmp_path, "", "--phases", "coverage")
    assert code == 0, told
    assert cases > 5000, told


@pytest.mark.heavy
def test_thousands_of_cases_leave_no_fault_and_no_memory(asked, tmp_path):
    url, key = asked
    options = ("--phases", "fuzzing", "--max-examples", str(rounds(url, tmp_path, key)))
    warm = 0
    for turn in range(2):  # the first one fills every cache
        code, cases, told = schemathesis(url, tmp_path, key, *options)
        assert code == 0, told
        resident = memory(url)
        if turn == 0:
            warm = resident
        print(f"{cases} cases, {resident / 2**20:.0f} MiB")
    assert resident < warm * 1.05 + 16 * 2**20


def rounds(url, folder, key):
    """Examples for each operation, so that two turns with keys and two without have CASES of them."""
    document, _ = described(url, folder, key)
    return max(1, CASES // 4 // sum(len(methods) for methods in document["paths"].values()))


def memory(server):
    """Resident bytes of all workers."""
    pages = (Path(f"/proc/{pid}/statm").read_text().split()[1] for pid in server.workers())
    return sum(map(int, pages)) * os.sysconf("SC_PAGE_SIZE")


PIECES = st.sampled_from(
    [
        *("v1", "v2", "models", "predict", "health", "live", "ready", "openapi.json", "docs", "assets", "metrics"),
        *("one_hot_ignore", "tiny", "tiny:predict", "one_hot_ignore:predict", "versions", "1", "1:predict", "schema"),
        *("..", "", ":", "%00", "%2e%2e", "%ff", "a" * 300, "invocations", "infer", "completions", "chat", "load"),
    ]
)
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND"])
HEADERS = st.dictionaries(
    st.sampled_from(["Accept", "Content-Type", "Content-Encoding", "X-Request-ID", "If-None-Match", "Range", "Origin"]),
    st.one_of(
        st.sampled_from(
            ["*/*", "text/html", "application/json", "text/csv", "gzip", "identity", "bytes=5-2", "*", ";"]
        ),
        st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30),
    ),
    max_size=3,
)
BODIES = st.one_of(
    st.just(b""),
    st.binary(max_size=60),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["instances", "inputs", "data", "text", "parameters"]), inner, max_size=3)
        ),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode()),
)


def asking(session, url):
    """A check of one request whose parts fit nothing in particular."""

    def ask(method, pieces, headers, body):
        made = requests.Request(method, url, headers=headers, data=body).prepare()
        made.url = f"{url}/{'/'.join(pieces)}"
        answer = session.send(made, timeout=30, allow_redirects=False)
        assert answer.status_code < 500, (method, made.url, answer.status_code, answer.text[:500])
        if answer.headers.get("Content-Type", "").startswith("application/json") and method != "HEAD":
            json.loads(answer.text, parse_constant=pytest.fail)
        else:
            page = pieces[:1] == ["models"]  # of a model that is not here: the start page, which says so
            assert answer.status_code < 400 or method == "HEAD" or page, (method, made.url, answer.text[:500])

    return ask


def ask_at_random(url, examples):
    with requests.Session() as session:
        ask = asking(session, url)
        bounded = settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        seed(1)(bounded(given(METHODS, st.lists(PIECES, max_size=5), HEADERS, BODIES)(ask)))()


def test_what_fits_no_route_is_refused_in_json(live):
    ask_at_random(live, 300)


@pytest.mark.heavy
def test_thousands_of_requests_that_fit_no_route(live):
    ask_at_random(live, CASES // 2)
