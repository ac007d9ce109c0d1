"""The pages with fifty models and with API keys, in a real browser."""

import json
import shutil

import pytest
from click.testing import CliRunner

from benchmarks.support.serving import live_server
from service.cli import main
from service.store.about import change_about
from service.store.manifest import MANIFEST
from tests.support.browsing import browser, needs_chromium, open_page

__all__ = ["browser", "open_page"]  # fixtures: pytest finds them by name

pytestmark = needs_chromium
MODELS = 50


@pytest.fixture(scope="module")
def store(tabular_store, tmp_path_factory):
    """`iris` under fifty names."""
    root = tmp_path_factory.mktemp("store")
    for place in range(MODELS):
        home = shutil.copytree(tabular_store / "iris", root / f"flower-{place:02}")
        manifest = json.loads((home / "1" / MANIFEST).read_text())
        (home / "1" / MANIFEST).write_text(json.dumps(manifest | {"model": home.name}))
        shutil.rmtree(home / "history", ignore_errors=True)
    change_about(root, "flower-07", {"description": "Which iris is in the herbarium", "tags": ["botany"]})
    return root


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    """(a key of scope predict, the settings of a server that knows it)."""
    file = tmp_path_factory.mktemp("keys") / "keys.json"
    made = CliRunner().invoke(main, ["keys", "add", "shop"], env={"DAYLIGHT_KEYS_FILE": str(file)})
    assert made.exit_code == 0, made.output
    (text,) = [word for word in made.output.split() if word.startswith("dl_")]
    return text, {"DAYLIGHT_KEYS_FILE": str(file)}


def test_fifty_models_behind_a_key_are_found_opened_and_asked(open_page, store, key):
    text, environment = key
    with live_server(store, env=environment) as url:
        page = open_page(url, width=360)
        assert page.locator("[data-models]").count() == 0
        page.get_by_label("Key").fill(text)
        page.get_by_role("button", name="Open").click()
        page.get_by_role("heading", name="50 models are live here.").wait_for()
        assert page.locator("[data-models] li:visible").count() == MODELS
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.get_by_label("Search the models").fill("HERBARIUM botany")
        assert page.get_by_text("1 of 50").is_visible()
        page.get_by_role("link", name="flower-07").click()
        page.get_by_role("heading", name="flower-07").wait_for()
        assert "Which iris is in the herbarium" in page.locator(".description").inner_text()
        page.get_by_role("button", name="Predict").click()
        page.locator(".label").wait_for()
        assert "X-API-Key: YOUR_KEY" in page.locator("[data-title=curl] code").text_content()
        page.get_by_role("link", name="All models").click()
        page.get_by_text("1 request", exact=False).wait_for()
