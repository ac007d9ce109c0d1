"""A real headless chromium for tests of the page: import the fixtures `browser` and `open_page`, and `needs_chromium`.

page = open_page(url, width=360, scheme="dark")     # what its console or axe complains of fails the test
field(section, "age").fill("40")                    # section: of a model of tables
body, answer = send(section)
"""

import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe

__all__ = ["browser", "field", "needs_chromium", "open_page", "send"]

CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt-get install chromium")

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
    """Chromium itself notes every answer of 400, 401, 403 and 422; all else on the console is a fault of the page."""
    refused = any(f"status of {status}" in message.text for status in (400, 401, 403, 422))
    return message.type == "error" and not refused


@pytest.fixture
def open_page(browser):
    """Open an address in a window of a size and a colour scheme; nothing may be complained of in its console, and
    at the test's end nothing by axe."""
    complaints, pages = [], []

    def opened(url, width=1440, scheme="light", scripts=True):
        page = browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=scripts
        )
        pages.append((page, scripts))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if complains(message) else None)
        page.goto(url)
        page.wait_for_load_state("networkidle")
        return page

    yield opened
    for page, scripts in pages:
        if not page.is_closed():
            complaints += violations(page) if scripts else []  # axe is one
            page.close()
    assert not complaints, complaints


def violations(page):
    """What axe finds of WCAG's rules and its own best practices, in the state in which the test leaves the page."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['help']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def field(section, column):
    """What a column's value is typed into, or chosen with."""
    return section.locator(f'[data-column="{column}"]').locator("input, select, textarea").first


def send(section):
    """Press Predict: (the body that was sent, the answer)."""
    with section.page.expect_response("**:predict") as told:
        section.get_by_role("button", name="Predict").click()
    return told.value.request.post_data_json, told.value.json()
