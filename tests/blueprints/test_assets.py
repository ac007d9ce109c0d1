"""Scripts and styles: compressed where that is worth it, and named in the page before a script asks for them."""

import gzip
import logging
import re

import pytest

from service.app import create_app
from service.blueprints.assets import STATIC, imported
from service.settings import Settings

GZIP = {"Accept": "text/html", "Accept-Encoding": "gzip, br"}
FIRST_LOAD = 60_000  # bytes


@pytest.fixture(scope="module")
def client(tabular_store):
    return create_app(Settings(store=tabular_store)).test_client()


def got(client, path):
    with client.get(path, headers=GZIP) as answer:
        return answer.headers.get("Content-Encoding"), answer.get_data()


@pytest.mark.parametrize("path", ["/", "/models/iris", "/docs", "/openapi.json"])
def test_pages_are_compressed_for_those_who_take_it(client, path):
    plain = client.get(path, headers={"Accept": "text/html"})
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["Vary"]
    coding, content = got(client, path)
    assert coding == "gzip"
    assert gzip.decompress(content) == plain.data
    assert len(content) < len(plain.data) / 2
    assert len(content) < 150_000


@pytest.mark.parametrize("path", ["/", "/models/iris", "/docs"])
@pytest.mark.parametrize("headers", [GZIP, {"Accept": "text/html"}])
def test_a_page_that_is_known_is_not_sent_again_compressed_or_not(client, path, headers):
    """The pages of models promised to be asked for again, and had nothing to be known by."""
    known = client.get(path, headers=headers).headers["ETag"]
    again = client.get(path, headers=headers | {"If-None-Match": known})
    assert (again.status_code, again.data) == (304, b"")
    assert "Accept-Encoding" in again.headers["Vary"]


def test_the_page_of_a_model_that_is_not_here_is_always_told_whole(client):
    missing = client.get("/models/absent", headers=GZIP)
    assert (missing.status_code, missing.headers.get("ETag")) == (404, None)


@pytest.mark.parametrize("accepted", ["gzip;q=0", "gzip;q=0, *", "identity", "*;q=0, identity"])
def test_whoever_refuses_gzip_gets_none(client, accepted):
    """`gzip;q=0` was read as if it asked for it."""
    answer = client.get("/", headers={"Accept": "text/html", "Accept-Encoding": accepted})
    assert "Content-Encoding" not in answer.headers
    assert answer.data.startswith(b"<!doctype html>")


@pytest.mark.parametrize("path", ["/", "/models/iris"])
def test_a_first_load_is_small_and_all_of_it_is_named_in_the_page(client, path):
    _, content = got(client, path)
    page = gzip.decompress(content).decode()
    files = set(re.findall(r'(?:href|src)="(/assets/[^"]+)"', page))
    total = len(content) + sum(len(got(client, file)[1]) for file in files)
    assert total < FIRST_LOAD
    names = {file.rpartition("/")[2] for file in files}
    for script in (name for name in names if name.endswith(".js")):
        assert set(imported(script)) <= names


def test_what_a_script_imports_is_found_through_all_modules():
    assert {"ask.js", "dom.js", "key.js"} <= set(imported("predict_table.js"))
    for script in STATIC.glob("*.js"):
        assert all((STATIC / name).exists() for name in imported(script.name))


def test_probes_and_assets_fill_no_log(client, caplog):
    """Every page wrote twenty lines, and every probe one."""
    with caplog.at_level(logging.INFO):
        for path in ("/health/live", "/health/ready", "/metrics", "/activity", "/v1/models"):
            client.get(path).close()
        client.get("/assets/0/absent.js").close()
    lines = [record.getMessage().split(" id=")[0] for record in caplog.records]
    assert [line.split()[1] for line in lines] == ["/v1/models", "/assets/0/absent.js"]
    with caplog.at_level(logging.DEBUG):
        client.get("/health/live").close()
    assert "GET /health/live 200" in caplog.text


def test_every_style_is_for_something_that_is_there():
    """Styles of what had gone stayed for good."""
    sources = [*STATIC.glob("*.js"), *(STATIC.parent / "templates").rglob("*.html")]
    words = set(re.findall(r"[A-Za-z][\w-]*", " ".join(path.read_text(encoding="utf-8") for path in sources)))
    for sheet in STATIC.glob("*.css"):
        rules = re.sub(r"/\*.*?\*/|\{[^{}]*\}", " ", sheet.read_text(encoding="utf-8"), flags=re.DOTALL)
        named = {name.rstrip("0123456789") for name in re.findall(r"\.([a-z][\w-]*)", rules)}
        assert named <= words, sheet.name
