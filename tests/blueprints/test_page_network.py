"""The page of a network in a real headless browser: its tensors as JSON, what it computes, and what is refused."""

import json

import pytest

from benchmarks.support.serving import live_server
from tests.support.browsing import browser, needs_chromium, open_page
from tests.support.small_networks import pack_looker

__all__ = ["browser", "open_page"]  # fixtures: pytest finds them by name

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    pack_looker(store)
    with live_server(store) as url:
        yield f"{url}/models/looker"


def test_compute_the_example_then_send_what_does_not_fit(open_page, address):
    section = open_page(address).locator("section#looker")
    section.get_by_role("button", name="Compute").click()
    answer = section.locator("[data-answer]")
    answer.get_by_text("doubled: [1, 2, 3]").wait_for()
    answer.get_by_text("looked: [1, 2]").wait_for()
    text = section.locator("textarea.code")
    text.fill(json.dumps({"inputs": {"image": [[[1]]], "ids": [[-1]]}}))
    section.get_by_role("button", name="Compute").click()
    answer.get_by_text("image: expected shape [batch, 2, 3], got [1, 1, 1]").wait_for()
    assert "ids: expected whole numbers from 0 on, got -1" in answer.inner_text()
