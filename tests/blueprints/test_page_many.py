"""The pages with fifty models and with API keys, in a real browser."""

import json
import re
import shutil

import pytest
from click.testing import CliRunner
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from benchmarks.support.serving import live_server
from service.cli import main
from service.packing import pack
from service.store.about import change_about
from service.store.manifest import MANIFEST
from tests.support.browsing import browser, needs_chromium, open_page

__all__ = ["browser", "open_page"]  # fixtures: pytest finds them by name

pytestmark = needs_chromium
MODELS = 50


@pytest.fixture(scope="module")
def store(tabular_store, tmp_path_factory):
    """`iris` under fifty names; one of them has a second version, which does not answer yet."""
    root = tmp_path_factory.mktemp("store")
    for place in range(MODELS):
        home = shutil.copytree(tabular_store / "iris", root / f"flower-{place:02}")
        manifest = json.loads((home / "1" / MANIFEST).read_text())
        (home / "1" / MANIFEST).write_text(json.dumps(manifest | {"model": home.name}))
        (home / "history").unlink()  # it is that of iris
    table = load_iris(as_frame=True)
    labels = table.target.map(dict(enumerate(table.target_names)))
    estimator = LogisticRegression(C=0.01, max_iter=1000).fit(table.data, labels)
    pack(estimator, table.data, labels, name="flower-07", store=root, promote=False)
    change_about(root, "flower-07", {"description": "Which iris is in the herbarium", "tags": ["botany"]})
    return root


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """The settings of a server with keys, and its keys by their names: `shop` may predict, `ops` is an admin's."""
    environment = {"DAYLIGHT_KEYS_FILE": str(tmp_path_factory.mktemp("keys") / "keys.json")}
    found = {}
    for name, scopes in (("shop", ()), ("ops", ("--scope", "admin", "--scope", "predict"))):
        made = CliRunner().invoke(main, ["keys", "add", name, *scopes], env=environment)
        assert made.exit_code == 0, made.output
        (found[name],) = [word for word in made.output.split() if word.startswith("dl_")]
    return environment, found


@pytest.fixture(scope="module")
def url(store, keys):
    with live_server(store, env=keys[0]) as url:
        yield url


def test_fifty_models_behind_a_key_are_found_opened_and_asked(open_page, url, keys):
    page = open_page(url, width=360)
    assert page.locator("[data-models]").count() == 0
    page.get_by_label("Key").fill(keys[1]["shop"])
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


def test_an_admin_sees_what_is_served_and_changes_it_after_a_check(open_page, url, keys):
    page = open_page(f"{url}/operations", width=360, scheme="dark")
    page.get_by_label("Key").fill(keys[1]["shop"])
    page.get_by_role("button", name="Open").click()
    page.get_by_text("This key is no admin").wait_for()
    change(page, keys[1]["ops"], "Promote", "1", "2")
    page = open_page(f"{url}/operations", width=1440)
    change(page, keys[1]["ops"], "Roll back", "2", "1")
    page.locator("[data-key=ops]", has_text=re.compile(r"[1-9].* /s")).wait_for()  # its own looks at the metrics
    assert page.locator("[data-key=shop]").inner_text() == "0 /s"
    assert not any(key in page.content() for key in keys[1].values())


def change(page, key, act, before, after):
    """Open the operations page with a key, and have flower-07 go from one version to another."""
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Open").click()
    page.get_by_text("Memory: workers").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    panel = page.locator("#flower-07")
    assert panel.get_by_text(f"version {before}", exact=True).is_visible()
    panel.get_by_role("button", name=act).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("is sound").wait_for()
    assert dialog.get_by_text("answers:").is_visible()
    dialog.get_by_label("Why").fill("as agreed")
    dialog.get_by_role("button", name=act).click()
    panel.get_by_text(f"version {after}", exact=True).wait_for()
    assert "as agreed (by key ops)" in panel.text_content()


# Two looks at the metrics, two seconds apart: ten answers, of which one is refused, in two buckets.
LOOKS = """async (asset) => {
  const { between, samples, totals } = await import(asset);
  const look = (good, refused, early, all) => totals(samples(`
# HELP daylight_requests_total ...
daylight_requests_total{model="a\\\\"b",route="/x",status="200"} ${good}
daylight_requests_total{model="a\\\\"b",route="/x",status="422"} ${refused}
daylight_requests_total{model="",route="/metrics",status="200"} 9e9
daylight_queue_seconds_total{model="a\\\\"b"} ${good / 100}
daylight_request_seconds_bucket{le="0.1",model="a\\\\"b"} ${early}
daylight_request_seconds_bucket{le="0.2",model="a\\\\"b"} ${all}
daylight_request_seconds_bucket{le="+Inf",model="a\\\\"b"} ${all}
`));
  const [before, now] = [look(100, 5, 100, 100), look(109, 6, 105, 110)];
  return [[...now.keys()], between(before.get('a"b'), now.get('a"b'), 2)];
}"""


def test_figures_are_what_happened_between_two_looks(open_page, url):
    page = open_page(url)
    asset = page.locator("script[src$='/locked.js']").get_attribute("src").replace("locked.js", "figures.js")
    names, figures = page.evaluate(LOOKS, asset)
    assert names == ['a"b']
    assert {name: value and round(value, 9) for name, value in figures.items()} == {
        "rate": 5,
        "faults": 0.5,
        "failed": 0,
        "p50": 0.1,
        "p99": 0.198,
        "queue": 0.009,
        "tokens": None,
    }
