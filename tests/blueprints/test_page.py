"""The front page over Flask's test client: negotiation, headers, what it shows, and no model at all."""

import pytest

from service.app import create_app
from service.settings import Settings


@pytest.fixture(scope="module")
def client(tabular_store):
    return create_app(Settings(store=tabular_store)).test_client()


@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        (None, "application/json"),
    ],
)
def test_browsers_get_the_page_and_programs_json(client, accept, mimetype):
    answer = client.get("/", headers={"Accept": accept} if accept else {})
    assert (answer.status_code, answer.mimetype) == (200, mimetype)
    assert answer.headers["Vary"] == "Accept"
    if mimetype == "application/json":
        assert answer.json == {"status": "alive", "name": "daylight", "models": ["iris"]}


def test_the_page_shows_the_model_s_own_columns_filled_with_its_example(client):
    page = client.get("/", headers={"Accept": "text/html"}).text
    model = client.get("/v1/models/iris").json
    for name, value in model["example"]["instances"][0].items():
        assert f'data-column="{name}"' in page
        assert f'value="{value}"' in page
    assert "/v1/models/iris:predict" in page


def test_the_page_loads_nothing_from_elsewhere_and_says_so(client):
    answer = client.get("/", headers={"Accept": "text/html"})
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "<style" not in answer.text
    assert 'style="' not in answer.text
    assert "//" not in answer.text.replace("http://localhost", "")


def test_assets_are_kept_for_a_year_under_their_digest_alone(client):
    page = client.get("/", headers={"Accept": "text/html"}).text
    path = page.split('href="')[1].split('"')[0]
    for asked, status, kept in (
        (path, 200, True),
        ("/assets/other/page.css", 200, False),
        ("/assets/x/../app.py", 404, None),
    ):
        with client.get(asked) as answer:  # a file, which stays open until the answer is closed
            assert answer.status_code == status
            assert kept is None or ("immutable" in answer.headers["Cache-Control"]) == kept


def test_without_a_model_the_page_says_so(tmp_path):
    answer = create_app(Settings(store=tmp_path)).test_client().get("/", headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert "No model is ready yet." in answer.text
