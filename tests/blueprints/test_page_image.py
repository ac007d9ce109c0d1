"""An image on the page of its classifier: the example, a file that is chosen, dropped, or refused."""

import pytest

from benchmarks.support.serving import live_server
from tests.support.browsing import browser, needs_chromium, open_page
from tests.support.tiny_images import pack_colors, picture

__all__ = ["browser", "open_page"]  # fixtures: pytest finds them by name

pytestmark = needs_chromium

# A file that is dropped on the form, as the browser tells of it.
DROP = """(form, bytes) => {
  const files = new DataTransfer();
  files.items.add(new File([Uint8Array.from(bytes)], "dropped.png", { type: "image/png" }));
  for (const type of ["dragenter", "dragover", "drop"])
    form.dispatchEvent(new DragEvent(type, { dataTransfer: files, bubbles: true, cancelable: true }));
}"""


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    pack_colors(store)
    with live_server(store) as url:
        yield url


@pytest.fixture
def section(open_page, url):
    return open_page(f"{url}/models/colors", width=360).locator("section#colors")


def best(section):
    """The first of the labels, once there is an answer."""
    section.locator("[data-answer] .by").wait_for()
    return section.locator("[data-answer] li, [data-answer] tr, [data-answer] dt").first.inner_text()


def choose(section, content, name="it.png", kind="image/png"):
    section.locator("input[type=file]").set_input_files({"name": name, "mimeType": kind, "buffer": content})


def test_the_example_is_classified(section):
    section.get_by_role("button", name="Classify").click()
    assert "red" in best(section)


def test_a_chosen_file_is_shown_and_classified(section):
    choose(section, picture("blue"))
    assert "blue" in best(section)
    assert section.locator("[data-caption]").inner_text() == "it.png"
    assert section.locator("[data-preview]").evaluate("image => image.naturalWidth") == 20


def test_a_dropped_file_is_classified(section):
    section.locator("[data-form]").evaluate(DROP, list(picture("green")))
    assert "green" in best(section)
    assert section.locator("[data-caption]").inner_text() == "dropped.png"


def test_what_cannot_be_read_is_marked_at_the_field(section):
    choose(section, b"no image", "it.heic", "")
    fault = section.locator("[data-image] .fault")
    fault.wait_for()
    assert fault.inner_text().startswith("expected a JPEG, PNG or WebP image")
    choose(section, picture("blue"))
    fault.wait_for(state="hidden")
    assert "blue" in best(section)
