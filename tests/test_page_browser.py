"""The page in a real headless browser against the real server: fill the form, press, see the answer."""

import json
import shutil

import pytest
import requests

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt-get install chromium")

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


def complains(message):
    """Chromium itself notes every answer of 422; everything else on the console is a fault of the page."""
    return message.type == "error" and "status of 422" not in message.text


@pytest.fixture
def open_page(browser, server):
    """Open the page in a window of a size and a colour scheme; nothing may be complained of in its console."""
    complaints, pages = [], []

    def opened(fragment="", width=1440, scheme="light"):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        pages.append(page)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if complains(message) else None)
        page.goto(f"{server}/{fragment}")
        page.wait_for_load_state("networkidle")
        return page

    yield opened
    for page in pages:
        page.close()
    assert complaints == []


def test_fill_the_form_press_predict_see_the_label(open_page, server):
    page = open_page("#tumour")
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


def test_a_wrong_cell_is_marked_at_its_field(open_page):
    page = open_page("#tumour")
    section = page.locator("section#tumour")
    section.get_by_role("button", name="JSON").click()
    text = section.locator("textarea.code")
    text.fill(json.dumps(json.loads(text.input_value()) | {"mean area": None}))
    section.get_by_role("button", name="Fields").click()
    section.get_by_role("button", name="Predict").click()
    section.locator('[data-column="mean area"]').get_by_text("expected number").wait_for()


def test_type_text_see_the_continuation(open_page):
    page = open_page("#smollm2")
    section = page.locator("section#smollm2")
    section.get_by_label("Text to continue").fill("The capital of France is")
    section.get_by_label("Temperature").fill("0")
    section.get_by_label("Tokens at most").fill("4")
    section.get_by_role("button", name="Continue").click()
    section.locator("[data-answer]").get_by_text("Paris").first.wait_for(timeout=60_000)
    assert "tokens" in section.locator(".answer").inner_text()


def test_the_calls_shown_hold_what_the_form_holds(open_page):
    page = open_page("#smollm2")
    section = page.locator("section#smollm2")
    section.get_by_label("Text to continue").fill('It\'s a "test"')
    shown = section.locator("[data-snippets] pre:visible").inner_text()
    assert "curl" in shown
    assert "It'\\''s a \\\"test\\\"" in shown


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("model", ["tumour", "smollm2"])
def test_nothing_sticks_out_at_any_width(open_page, model, width, scheme):
    page = open_page(f"#{model}", width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(f"section#{model}").is_visible()
