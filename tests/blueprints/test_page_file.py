"""A file of rows on the page of a table: what is sent of it, what is wrong at its cells, and what is given back."""

import csv
import io

import pytest

from tests.support.browsing import browser, needs_chromium, open_page

__all__ = ["browser", "open_page"]  # fixtures: pytest finds them by name

pytestmark = needs_chromium
ROWS = 2100  # more than are sent in one request


@pytest.fixture
def section(open_page, page_url):
    section = open_page(f"{page_url}/models/plans").locator("section#plans")
    section.get_by_role("button", name="File").click()
    return section


def scored(section):
    """The rows of the file that is given back."""
    link = section.get_by_role("link", name="Download")
    link.wait_for()
    with section.page.expect_download() as told:
        link.click()
    return list(csv.DictReader(io.StringIO(told.value.path().read_text(encoding="utf-8"))))


def chosen(section, text, encoding="utf-8"):
    file = {"name": "people.csv", "mimeType": "text/csv", "buffer": text.encode(encoding)}
    section.locator("input[type=file]").set_input_files(file)


def test_a_spreadsheet_s_file_comes_back_scored_and_wrong_cells_are_shown(section):
    lines = [f'{place},5;"M, or L";é {place}' for place in range(ROWS)]
    lines[7], lines[ROWS - 1] = "old;S;x", "3,5;XL;x"
    chosen(section, "age;plan;remark\r\n" + "\r\n".join(lines), encoding="windows-1252")
    rows = scored(section)
    assert len(rows) == ROWS
    assert rows[0] == rows[0] | {"age": "0,5", "plan": "M, or L", "remark": "é 0", "prediction": "leaves", "error": ""}
    assert {row["prediction"] for row in rows} == {"leaves", "'=stays", ""}  # a formula is none when it is opened
    assert [place for place, row in enumerate(rows) if row["error"]] == [7, ROWS - 1]
    assert float(rows[0]["probability leaves"]) > 0.5
    told = section.locator("[data-scored]")
    assert f"{ROWS - 2} rows scored, 2 refused" in told.inner_text()
    assert told.locator("td.wrong").all_inner_texts()[0].startswith("old expected number")


def test_rows_are_pasted_from_a_spreadsheet(section):
    section.locator("textarea").last.wait_for()
    section.locator("[data-file] textarea").evaluate(
        """field => { field.value = "plan\\tage\\nS\\t50\\n"; field.dispatchEvent(new Event("paste")) }"""
    )
    assert [row["prediction"] for row in scored(section)] == ["'=stays"]


def test_a_file_without_a_column_says_which(section):
    chosen(section, "alter,plan\n3,S\n")
    told = section.get_by_role("alert")
    told.wait_for()
    assert "lacks a column that the model reads: age. It has alter, plan." in told.inner_text()
    chosen(section, "age,plan\n")
    section.get_by_text("There are no rows").wait_for()


def test_all_parts_of_a_file_are_asked_for_the_same(section):
    """The outputs were read again for each part: a file had columns that began in its middle."""
    asked = []

    def note(route):
        if not asked:
            section.get_by_label("probabilities").uncheck()
        asked.append(route.request.url)
        route.continue_()

    section.page.route("**:predict?*", note)
    chosen(section, "age,plan\n" + "30,S\n" * 1001)
    section.get_by_text("1001 rows scored").wait_for()
    assert len(asked) == 2
    assert len(set(asked)) == 1
