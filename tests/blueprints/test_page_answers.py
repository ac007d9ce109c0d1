"""What a page draws of answers, in a real browser: what if, why, and texts that grow."""

import pytest

from tests.support.browsing import browser, field, needs_chromium, open_page

__all__ = ["browser", "open_page"]  # fixtures: pytest finds them by name

pytestmark = needs_chromium


@pytest.fixture
def visits(open_page, page_url):
    return open_page(f"{page_url}/models/visits").locator("section#visits")


def held(page):
    """Hold the next prediction back: a list that gets its route."""
    routes = []
    page.route("**:predict", lambda route: routes.append(route), times=1)  # a built-in method is taken for none
    return routes


def test_what_if_draws_a_column_against_the_probabilities_in_one_request(visits):
    field(visits, "age").fill("40")
    with visits.page.expect_response("**:predict") as told:
        visits.get_by_label("Column that changes").select_option("age")
    rows = told.value.request.post_data_json["instances"]
    assert 40 in [row["age"] for row in rows]
    assert {row["plan"] for row in rows} == {rows[0]["plan"]}
    slider = visits.get_by_role("slider", name="age")
    assert "age 40:" in slider.get_attribute("aria-valuetext")
    assert visits.locator(".curve polyline").count() == 3  # one for each label
    slider.press("Home")
    assert field(visits, "age").input_value() == "18"
    with visits.page.expect_response("**:predict"):
        visits.get_by_label("Column that changes").select_option("city")
    visits.get_by_role("slider", name="city").wait_for()


def test_what_if_starts_from_no_value_where_the_row_has_none(visits):
    """A cell without a value stood among the numbers as 0, or was told as the least of them."""
    field(visits, "income").fill("")
    with visits.page.expect_response("**:predict") as told:
        visits.get_by_label("Column that changes").select_option("income")
    assert told.value.request.post_data_json["instances"][0]["income"] is None
    slider = visits.get_by_role("slider", name="income")
    assert "income none:" in slider.get_attribute("aria-valuetext")
    assert visits.locator(".curve .at").get_attribute("visibility") == "hidden"
    slider.press("ArrowRight")
    assert visits.locator(".curve .at").get_attribute("visibility") == "visible"
    assert field(visits, "income").input_value() != ""


def test_an_older_answer_that_comes_later_changes_nothing(visits):
    """The curve of one column was drawn under the name of another, and reasons beside a row they were not of."""
    late = held(visits.page)
    visits.get_by_label("Column that changes").select_option("age")
    visits.get_by_label("Column that changes").select_option("member")
    visits.get_by_role("slider", name="member").wait_for()
    with visits.page.expect_response("**:predict"):
        late[0].continue_()
    visits.page.wait_for_load_state("networkidle")
    assert visits.get_by_role("slider").get_attribute("aria-label") == "member"
    late = held(visits.page)
    visits.get_by_role("button", name="Explain").click()
    field(visits, "age").fill("21")
    with visits.page.expect_response("**:predict"):
        late[0].continue_()
    visits.page.wait_for_load_state("networkidle")
    assert visits.locator(".reasons").count() == 0


def test_the_curve_follows_the_row(visits):
    visits.get_by_label("Column that changes").select_option("age")
    visits.get_by_role("slider", name="age").wait_for()
    with visits.page.expect_response("**:predict") as told:
        field(visits, "income").fill("1000")
        field(visits, "income").blur()
    assert {row["income"] for row in told.value.request.post_data_json["instances"]} == {1000}


def test_an_answer_is_explained_column_by_column(visits):
    field(visits, "age").fill("80")
    with visits.page.expect_response("**:predict") as told:
        visits.get_by_role("button", name="Explain").click()
    asked = told.value.request.post_data_json
    assert (len(asked["instances"]), asked["outputs"]) == (1, ["explanation"])
    visits.locator(".reasons li").first.get_by_text("age 80").wait_for()
    assert "for no" in visits.locator("[data-reasons]").inner_text()
    field(visits, "age").fill("20")
    assert visits.locator(".reasons").count() == 0  # it was of another row


def test_reasons_are_taken_back_however_the_row_changes(visits):
    """They stood on after the example row, and after the slider had changed the row."""
    visits.get_by_label("Column that changes").select_option("age")
    slider = visits.get_by_role("slider", name="age")
    slider.wait_for()
    for change in (visits.get_by_role("button", name="Example row").click, lambda: slider.press("End")):
        field(visits, "age").fill("33")
        visits.get_by_role("button", name="Explain").click()
        visits.locator(".reasons li").first.wait_for()
        change()
        assert visits.locator(".reasons").count() == 0


# A text shown piece by piece, against the same text at once; and which elements are there from the first to the last.
GROWN = """async ([asset, text]) => {
  const { growing, markdown } = await import(asset);
  const whole = document.createElement("div");
  whole.append(...markdown(text));
  const place = document.createElement("div");
  const write = growing(place);
  write(text.slice(0, 40));
  const first = place.firstChild;
  const differing = [];
  for (let end = 41; end <= text.length; end += 1) {
    write(text.slice(0, end));
    const again = document.createElement("div");
    again.append(...markdown(text.slice(0, end)));
    if (again.innerHTML !== place.innerHTML) differing.push(end);
  }
  return [differing, place.innerHTML === whole.innerHTML, place.firstChild === first];
}"""
WRITTEN = """# Title of a text

A paragraph
of two lines with `code`.
> a quote
> of two
1. one
2. two
   and more

```python
def f():

    return 1
```
- item
---
~~~
open fence

# no title
"""


def test_a_text_grows_without_being_made_anew(visits, page_url):
    """All of an answer was made anew at each of its tokens."""
    asset = visits.page.request.get(f"{page_url}/models/tiny").text().split("/markdown.js")[0].rpartition('"')[2]
    assert visits.page.evaluate(GROWN, [f"{asset}/markdown.js", WRITTEN]) == [[], True, True]
