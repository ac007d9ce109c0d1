"""The page with columns of every kind, in a real browser: what its fields send, and that the calls it shows run."""

import json
import shutil
import subprocess
import sys

import pytest

from benchmarks.support.serving import ROOT
from tests.support.browsing import browser, field, needs_chromium, open_page, send
from tests.support.page_models import HOSTILE

__all__ = ["browser", "open_page"]  # fixtures: pytest finds them by name

pytestmark = needs_chromium


@pytest.fixture
def visits(open_page, page_url):
    return open_page(f"{page_url}/models/visits").locator("section#visits")


def test_the_fields_send_the_example_row_itself(visits, page_url):
    model = visits.page.request.get(f"{page_url}/v1/models/visits").json()
    (row,) = model["example"]["instances"]
    body, answer = send(visits)
    (sent,) = body["instances"]
    assert sent | {"joined": row["joined"]} == row
    assert row["joined"].startswith(sent["joined"])  # a browser leaves seconds out where they are 0
    assert body["outputs"] == ["predict", "predict_proba"]
    assert answer["predictions"] == model["example"]["outputs"]["predict"]
    label = visits.locator(".label")
    assert label.inner_text() == answer["predictions"][0]
    assert visits.locator(".bars li").count() == 3


def test_every_kind_of_field_sends_what_is_typed(visits):
    field(visits, "age").fill("33")
    field(visits, "income").fill("")
    field(visits, "plan").select_option(label="it's all")
    field(visits, "city").select_option(label="other…")  # the encoder takes strangers
    visits.get_by_label("city, another value").fill("Lima")
    field(visits, "member").select_option(label="false")
    field(visits, "joined").fill("2026-05-06T07:08:09")
    field(visits, "remark").fill("two\nlines")
    visits.get_by_label("probabilities").uncheck()
    body, _ = send(visits)
    row = {
        "age": 33,
        "income": None,
        "plan": "it's all",
        "city": "Lima",
        "member": False,
        "joined": "2026-05-06T07:08:09",
        "remark": "two\nlines",
    }
    assert body == {"instances": [row]}
    visits.locator(".label").wait_for()
    visits.get_by_role("button", name="Example row").click()
    assert send(visits)[0]["instances"][0]["city"] != "Lima"


def test_what_a_model_holds_enters_as_text(visits):
    assert HOSTILE in field(visits, "plan").locator("option").all_inner_texts()
    field(visits, "plan").select_option(label=HOSTILE)
    assert send(visits)[0]["instances"][0]["plan"] == HOSTILE
    visits.locator(".label").wait_for()
    assert visits.page.locator("img").count() == 1  # the mark of the house


def test_a_row_of_json_and_the_fields_are_one(visits):
    visits.get_by_role("button", name="JSON").click()
    text = visits.locator("textarea.code")
    row = json.loads(text.input_value())
    text.fill("[" + json.dumps(row | {"age": 20, "plan": "none of them"}))
    visits.get_by_role("button", name="Fields").click()
    assert text.is_visible()  # what does not parse stays where it can be mended
    assert text.get_attribute("aria-invalid") == "true"
    text.fill("[" + json.dumps(row | {"age": 20, "plan": "none of them"}) + "]")
    visits.get_by_role("button", name="Fields").click()
    assert field(visits, "age").input_value() == "20"
    body, answer = send(visits)
    assert body["instances"][0]["plan"] is None
    assert answer["code"] == "invalid_instances"
    visits.locator('[data-column="plan"]').get_by_text("expected one of").wait_for()


def test_a_wide_table_can_be_filtered_by_column(open_page, page_url):
    section = open_page(f"{page_url}/models/wide").locator("section#wide")
    section.get_by_placeholder("Filter 30 columns").fill("Worst")
    assert section.locator("[data-column]:visible").count() == 10
    section.get_by_placeholder("Filter 30 columns").fill("absent")
    assert section.get_by_text("No column has that in its name.").is_visible()
    assert len(send(section)[0]["instances"][0]) == 30  # hidden is not left out


def test_the_gauge_shows_what_lies_beyond_the_sample(visits):
    gauge = visits.locator('[data-column="age"] .hint')
    field(visits, "age").fill("50")
    assert "beyond" not in gauge.get_attribute("class")
    field(visits, "age").fill("900")
    assert "beyond" in gauge.get_attribute("class")
    assert gauge.locator("circle").get_attribute("cx") == "100%"


def test_the_tabs_follow_the_arrow_keys(open_page, page_url):
    page = open_page(f"{page_url}/models/visits")
    page.get_by_role("tab", name="curl").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="Python").evaluate("tab => tab === document.activeElement")
    assert "import requests" in page.get_by_role("tabpanel").inner_text()


def test_a_value_that_was_never_seen_is_told_at_the_answer_and_survives_a_reload(visits):
    field(visits, "age").fill("900")
    assert "age%22%3A900" in visits.page.evaluate("location.hash")
    visits.page.reload()
    assert field(visits, "age").input_value() == "900"
    send(visits)
    told = visits.locator("[data-answer] .note").first
    told.wait_for()
    assert "this answer is a guess" in told.inner_text()
    assert "age is 900, and was from 18 to 89" in told.inner_text()
    visits.get_by_role("button", name="Example row").click()
    assert visits.page.evaluate("location.hash") == ""


def test_long_numbers_are_rounded_for_reading_and_sent_with_all_their_digits(visits):
    income = field(visits, "income")
    income.fill("1234.567890123")
    field(visits, "age").focus()
    assert income.input_value() == "1234.57"
    assert send(visits)[0]["instances"][0]["income"] == 1234.567890123
    income.focus()
    assert income.input_value() == "1234.567890123"
    visits.page.reload()
    assert income.input_value() == "1234.57"
    assert send(visits)[0]["instances"][0]["income"] == 1234.567890123


def test_from_the_start_page_to_a_model_and_back(open_page, page_url):
    page = open_page(f"{page_url}/")
    page.get_by_role("link", name="wide").click()
    page.get_by_role("heading", name="wide").wait_for()
    page.get_by_role("link", name="All models").click()
    page.get_by_role("heading", name="4 models are live here.").wait_for()


def run(title, code):
    """Run a call as it stands on the page: (what it printed)."""
    if title == "curl":
        command = ["sh", "-c", f"{code} --silent --show-error --fail-with-body"]
    else:
        command = [sys.executable, "-c", code.replace("daylight_client", "client")]  # its name inside the repository
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.parametrize("title", ["curl", "Python", "Client"])
@pytest.mark.parametrize("scripts", [True, False])
def test_the_calls_shown_run_as_they_stand(open_page, page_url, title, scripts):
    """With scripts they hold what was typed; without, the example: both can be pasted."""
    if title == "curl" and not shutil.which("curl"):
        pytest.skip("needs curl: apt-get install curl")
    page = open_page(f"{page_url}/models/visits", scripts=scripts)
    section = page.locator("section#visits")
    if scripts:
        field(section, "plan").select_option(label=HOSTILE)
        field(section, "income").fill("")
        section.get_by_role("tab", name=title).click()
    code = section.locator(f'[data-title="{title}"] code').text_content()
    assert ("None" in code or "null" in code) or not scripts
    printed = run(title, code)
    assert "predict_proba" in printed
    assert any(f'"{label}"' in printed.replace("'", '"') for label in ("yes", "no", "maybe"))


@pytest.mark.parametrize("title", ["curl", "Client"])
def test_the_calls_of_a_text_model_run_as_they_stand(open_page, page_url, title):
    if title == "curl" and not shutil.which("curl"):
        pytest.skip("needs curl: apt-get install curl")
    page = open_page(f"{page_url}/models/tiny")
    page.get_by_role("button", name="Completion").click()
    section = page.locator("[data-pane=completion]")
    section.get_by_label("Text to continue").fill('It\'s "late"\nand {{ dark }} \\o/')
    section.get_by_label("Tokens at most").fill("5")
    section.get_by_text("More", exact=True).click()
    section.get_by_label("Seed").fill("7")
    section.get_by_label("Stop at").fill("\\n")
    section.get_by_role("tab", name=title).click()
    code = section.locator(f'[data-title="{title}"] code').text_content()
    assert "seed" in code
    assert run(title, code).strip()
    assert run(title, code) == run(title, code)  # the seed is in it
