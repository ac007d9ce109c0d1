"""The page of the API: what it shows, in Flask; sending a call from it, in a real browser."""

import pytest

from service.app import create_app
from service.settings import Settings
from tests.support.browsing import browser, needs_chromium, open_page

__all__ = ["browser", "open_page"]  # fixtures: pytest finds them by name


@pytest.fixture(scope="module")
def client(tabular_store):
    return create_app(Settings(store=tabular_store)).test_client()


def test_it_shows_every_operation_and_every_schema(client):
    document, page = client.get("/openapi.json").json, client.get("/docs").text
    for methods in document["paths"].values():
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in page
    for name in document["components"]["schemas"]:
        assert f'id="{name}"' in page


def test_it_loads_nothing_from_elsewhere(client):
    answer = client.get("/docs")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "<style" not in answer.text
    assert 'style="' not in answer.text
    assert not [part for part in answer.text.split("src=")[1:] if not part.startswith('"/assets/')]


def test_it_is_kept_until_something_changes(client):
    first = client.get("/docs")
    again = client.get("/docs", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@needs_chromium
def test_a_call_is_sent_with_the_keyboard_alone(open_page, server):
    page = open_page(f"{server}/docs#post_v1_models_tumour_predict")
    operation = page.locator("#post_v1_models_tumour_predict")
    button = operation.get_by_role("button", name="Send")
    button.focus()
    page.keyboard.press("Enter")
    operation.locator("[data-answer]").get_by_text("malignant").wait_for()
    assert "200" in operation.locator("[data-answer]").inner_text()
    operation.get_by_label("Request", exact=True).fill('{"instances": ["it\'s"]}')
    assert "it'\\''s" in operation.locator("[data-curl]").inner_text()


@needs_chromium
def test_the_filter_leaves_what_was_asked_for(open_page, server):
    page = open_page(f"{server}/docs")
    page.get_by_label("Filter the routes").fill("smollm2 predict")
    shown = page.locator("[data-operation]:visible")
    assert shown.count() > 0
    assert all("smollm2" in text for text in shown.all_inner_texts())


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_nothing_sticks_out_at_any_width(open_page, server, width, scheme):
    page = open_page(f"{server}/docs#post_v1_models_tumour_predict", width, scheme)
    assert page.locator("#post_v1_models_tumour_predict textarea").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
