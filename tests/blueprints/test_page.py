"""The pages over Flask's test client: negotiation, headers, what they show, and no model at all."""

import pytest

from service import __version__
from service.app import create_app
from service.blueprints.pages import shown
from service.observability.by_model import NONE
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
    assert answer.headers["Vary"].split(", ")[0] == "Accept"
    if mimetype == "application/json":
        assert answer.json == {"status": "alive", "name": "daylight", "models": ["iris"]}


def test_the_page_shows_the_model_s_own_columns_filled_with_its_example(client):
    page = client.get("/models/iris").text
    model = client.get("/v1/models/iris").json
    for name, value in model["example"]["instances"][0].items():
        assert f'data-column="{name}"' in page
        assert f'value="{value}"' in page
    assert "/v1/models/iris:predict" in page


@pytest.mark.parametrize("path", ["/", "/models/iris"])
def test_the_pages_load_nothing_from_elsewhere_and_say_so(client, path):
    answer = client.get(path, headers={"Accept": "text/html"})
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
        ("/assets/other/base.css", 200, False),
        ("/assets/x/../app.py", 404, None),
    ):
        with client.get(asked) as answer:  # a file, which stays open until the answer is closed
            assert answer.status_code == status
            assert kept is None or ("immutable" in answer.headers["Cache-Control"]) == kept


def test_the_start_page_links_each_model_with_what_it_is_and_its_score(client):
    page = client.get("/", headers={"Accept": "text/html"}).text
    assert 'href="/models/iris"' in page
    assert "LogisticRegression, 4 columns, version 1" in " ".join(page.split())
    assert "accuracy 0." in page
    assert "data-form" not in page


def test_a_model_that_is_not_here_has_a_page_that_names_those_that_are(client):
    answer = client.get("/models/irises")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "there is no model &#39;irises&#39;; there are iris" in answer.text
    assert 'href="/models/iris"' in answer.text


def test_the_requests_of_a_model_are_counted_by_their_outcome_and_looking_at_it_is_none(client):
    def asked():
        return client.get("/activity").json.get("iris", NONE)

    before = asked()
    client.get("/models/iris")
    client.get("/v1/models/iris")
    for rows in ([[1, 2, 3, 4]], [["a", 2, 3, 4]]):
        client.post("/v1/models/iris:predict", json={"instances": rows}).close()
    after = asked()
    assert {name: after[name] - before[name] for name in before} == {"requests": 2, "refused": 1, "failed": 0}


def test_metrics_name_what_answers_and_since_when(client):
    model = client.get("/v1/models/iris").json
    told = client.get("/metrics").text
    assert f'daylight_model_info{{kind="tabular",model="iris",version="{model["version"]}"}} 1.0' in told
    packed = float(told.split('daylight_model_packed_timestamp_seconds{model="iris"} ')[1].split()[0])
    assert packed == model["created"]
    assert f'version="{__version__}"' in told


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (2023, "2023"),
        (12345, "12,345"),
        (1234.567, "1235"),
        (11436.17, "11,436"),
        (0.034567, "0.03457"),
        (-3.14159, "-3.142"),
        (2e-7, "2e-07"),
        (float("nan"), "nan"),
        ("a", "a"),
    ],
)
def test_numbers_are_short_and_years_are_years(value, text):
    assert shown(value) == text


@pytest.mark.parametrize(("hour", "sent_as"), [("T00:00:00", "date"), ("T08:00:00", "datetime-local")])
def test_a_column_of_days_has_a_picker_of_days(tmp_path, hour, sent_as):
    macro = create_app(Settings(store=tmp_path)).jinja_env.get_template("fields.html").module.field
    seen = {"minimum": "2026-01-01T00:00:00", "maximum": f"2026-03-01{hour}"}
    column = {"name": "joined", "kind": "datetime", "dtype": "datetime64[us]", "nullable": False, **seen}
    shown = macro("joined", column, "2026-02-01T00:00:00")
    assert f'type="{sent_as}"' in shown
    assert 'data-low="2026-01-01T00:00:00"' in shown


def test_without_a_model_the_page_says_so(tmp_path):
    answer = create_app(Settings(store=tmp_path)).test_client().get("/", headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert "No model is ready yet." in answer.text


def test_every_call_of_a_chat_has_the_place_for_the_key(client):
    """The chat's snippets could not be pasted where the server has keys: they sent none."""
    told = {
        "name": "talker",
        "version": "1",
        "capabilities": ["generate_text"],
        "chat": True,
        "ready": True,
        "context_length": 8,
        "parameter_count": 1,
        "dtype": "float32",
        "created": "2026-11-01T00:00:00+00:00",
        "provenance": {},
        "example": {"prompt": "Once"},
    }
    with client.application.test_request_context("/models/talker"):
        page = client.application.jinja_env.get_template("page.html")
        for secured, calls in ((True, 8), (False, 0)):
            drawn = page.render(model=told, module="generate_text.js", assets="0", secured=secured)
            assert drawn.count("YOUR_KEY") == calls
