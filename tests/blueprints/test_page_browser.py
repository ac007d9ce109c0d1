"""The page in a real headless browser against the real server: fill the form, press, see the answer."""

import json

import pytest
import requests

from tests.support.browsing import browser, needs_chromium, open_page

__all__ = ["browser", "open_page"]  # fixtures: pytest finds them by name

pytestmark = needs_chromium


def test_fill_the_form_press_predict_see_the_label(open_page, server):
    page = open_page(f"{server}/models/tumour")
    section = page.locator("section#tumour")
    section.get_by_role("button", name="Predict").click()
    headline = section.locator("[data-answer]")
    headline.get_by_text("malignant", exact=True).first.wait_for()
    # another row, typed in by hand: the one the model is surest is benign
    columns = requests.get(f"{server}/v1/models/tumour", timeout=30).json()["columns"]
    for column in columns:
        field = section.locator(f"[data-column={json.dumps(column['name'])}] input")
        field.fill(str(column["quantiles"]["0.25"]))
    section.get_by_role("button", name="Predict").click()
    headline.get_by_text("benign", exact=True).first.wait_for()
    assert "ms" in section.locator("[data-time]").inner_text()


def test_a_wrong_cell_is_marked_at_its_field(open_page, server):
    page = open_page(f"{server}/models/tumour")
    section = page.locator("section#tumour")
    section.get_by_role("button", name="JSON").click()
    text = section.locator("textarea.code")
    text.fill(json.dumps(json.loads(text.input_value()) | {"mean area": None}))
    section.get_by_role("button", name="Fields").click()
    section.get_by_role("button", name="Predict").click()
    field = section.locator('[data-column="mean area"]')
    field.get_by_text("expected number").wait_for()
    assert field.locator("input").evaluate("input => input === document.activeElement && input.ariaInvalid === 'true'")


def completion(page):
    """The pane of a text model that goes on with a prompt."""
    page.get_by_role("button", name="Completion").click()
    return page.locator("[data-pane=completion]")


def test_ask_a_question_see_the_answer(open_page, server):
    """The page knew completions only: an Instruct model was asked for the capital of France, and answered nothing."""
    pane = open_page(f"{server}/models/smollm2").locator("[data-pane=chat]")
    pane.get_by_label("Temperature").fill("0")
    pane.get_by_label("Your message").fill("What is the capital of France?")
    pane.get_by_label("Your message").press("Enter")
    pane.locator(".turn.assistant").get_by_text("Paris").wait_for(timeout=60_000)
    pane.get_by_text("Context used").wait_for(timeout=60_000)


def test_type_text_see_the_continuation(open_page, server):
    page = open_page(f"{server}/models/smollm2")
    section = completion(page)
    section.get_by_label("Text to continue").fill("The capital of France is")
    section.get_by_label("Temperature").fill("0")
    section.get_by_label("Tokens at most").fill("4")
    section.get_by_role("button", name="Continue").click()
    section.locator("[data-answer]").get_by_text("Paris").first.wait_for(timeout=60_000)
    section.locator(".answer").get_by_text("Tokens added").wait_for()


def test_a_text_is_shown_as_it_is_written_until_it_is_stopped(open_page, server):
    page = open_page(f"{server}/models/smollm2")
    section = completion(page)
    section.get_by_label("Text to continue").fill("Once upon a time")
    section.get_by_label("Tokens at most").fill("5000")
    stop = section.get_by_role("button", name="Stop")
    assert stop.is_hidden()
    section.get_by_role("button", name="Continue").click()
    section.locator("[aria-busy=true] mark:not(:empty)").wait_for(timeout=60_000)
    stop.click()
    section.get_by_text("it was stopped").wait_for()
    assert stop.is_hidden()
    assert section.locator("[data-answer] mark").inner_text().strip()


def test_what_the_server_refuses_of_a_text_is_marked_at_its_field(open_page, server):
    page = open_page(f"{server}/models/smollm2")
    section = completion(page)
    section.get_by_label("Temperature").fill("-1")
    section.get_by_role("button", name="Continue").click()
    section.locator('[data-parameter="temperature"]').get_by_text("expected").wait_for()


def test_the_calls_shown_hold_what_the_form_holds(open_page, server):
    page = open_page(f"{server}/models/smollm2")
    section = completion(page)
    section.get_by_label("Text to continue").fill('It\'s a "test"')
    shown = section.locator("[data-snippets] pre:visible").inner_text()
    assert "curl" in shown
    assert "It'\\''s a \\\"test\\\"" in shown


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("model", ["tumour", "smollm2"])
def test_nothing_sticks_out_at_any_width(open_page, server, model, width, scheme):
    page = open_page(f"{server}/models/{model}", width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(f"section#{model}").is_visible()
