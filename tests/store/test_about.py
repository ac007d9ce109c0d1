"""What is said of a model: kept beside its versions, checked as a whole, told by a running server at once."""

import json

import pytest
from click.testing import CliRunner

from service.app import create_app
from service.cli import main
from service.errors import ArtifactMissing
from service.settings import Settings
from service.store.about import ABOUT, change_about, read_about, read_columns, with_about

COLUMNS = "name,unit,description\nsepal length (cm),cm,of the outer leaf\nsepal widht (cm),cm,\n"


@pytest.fixture
def home(tmp_path):
    (tmp_path / "churn").mkdir()
    return tmp_path / "churn"


def test_it_is_changed_in_parts_and_taken_back_by_an_empty_text(home):
    change_about(home.parent, "churn", {"description": "Who leaves", "owner": "crm", "tags": ["a", "b"]})
    assert change_about(home.parent, "churn", {"owner": "", "tags": ["c"]}) == {
        "description": "Who leaves",
        "tags": ["c"],
    }
    assert read_about(home) == {"description": "Who leaves", "tags": ["c"]}


def test_everything_that_is_wrong_is_named_and_nothing_is_changed(home):
    wrong = {"description": "x" * 2001, "tags": ["y" * 41], "columns": {"age": {"units": "years"}}, "owner": 3}
    with pytest.raises(ValueError, match="description: .* 2001; owner: expected a text; tag: .*; column 'age'"):
        change_about(home.parent, "churn", wrong)
    assert not (home / ABOUT).exists()
    with pytest.raises(ArtifactMissing):
        change_about(home.parent, "other", {})


def test_what_is_said_keeps_its_order(home):
    """It was that of a set, which is another one in each process."""
    change_about(home.parent, "churn", {"tags": ["a"], "owner": "crm", "description": "Who leaves"})
    assert list(with_about({"name": "churn"}, home)) == ["name", "description", "owner", "tags"]


@pytest.mark.parametrize("content", ["", "[]", '{"description": 3}', "[" * 100_000])
def test_a_file_that_is_damaged_says_nothing(home, content):
    (home / ABOUT).write_text(content)
    assert read_about(home) == {}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("c.csv", "name,unit\nage,years\nplan,\n", {"age": {"unit": "years"}, "plan": {}}),
        (
            "c.csv",  # it was read line by line, and the second line of the cell was a column of its own
            'name,description\nplan,"S, M\nor L"\r\nage,\n',
            {"plan": {"description": "S, M\nor L"}, "age": {}},
        ),
        (
            "c.json",
            '{"age": {"unit": "years"}, "plan": "S, M or L"}',
            {"age": {"unit": "years"}, "plan": {"description": "S, M or L"}},
        ),
    ],
)
def test_columns_are_read_from_csv_and_json(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    assert read_columns(tmp_path / name) == said


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("c.csv", "column,unit\nage,years\n", "name,unit,description"),
        ("c.csv", "", "name,unit,description"),
        ("c.csv", "name,unit\nplan,\nage,years,more\n", "the row of 'age' has more cells"),
        ("c.csv", f"name,unit\nage,{'x' * 2**18}\n", "is no CSV"),
        ("c.json", "{", "is no JSON"),
        ("c.json", "[]", "expected an object"),
        ("c.json", '{"age": 3}', "column 'age'"),
    ],
)
def test_columns_that_cannot_be_read_are_told(tmp_path, name, content, told):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=told):
        read_columns(tmp_path / name)


def test_a_running_server_tells_it_at_once(tabular_store, tmp_path):
    client = create_app(Settings(store=tabular_store)).test_client()
    (tmp_path / "columns.csv").write_text(COLUMNS)
    said = ["--description", "Which <iris> it is", "--owner", "botany", "--tag", "demo"]
    command = ["describe", "iris", "--store", str(tabular_store), *said, "--columns", str(tmp_path / "columns.csv")]
    try:
        ran = CliRunner().invoke(main, command)
        assert ran.exit_code == 0, ran.output
        assert "no column 'sepal widht (cm)'; did you mean sepal width (cm)?" in ran.output
        told = client.get("/v1/models/iris").json
        assert (told["description"], told["owner"], told["tags"]) == ("Which <iris> it is", "botany", ["demo"])
        assert told["columns"][0]["unit"] == "cm"
        schema = json.dumps(client.get("/v1/models/iris/schema").json)
        assert "of the outer leaf; in cm; from 4.3 to 7.9" in schema
        for path in ("/", "/models/iris"):
            assert "Which &lt;iris&gt; it is" in client.get(path, headers={"Accept": "text/html"}).text
        assert "of the outer leaf" in client.get("/models/iris").text
    finally:
        (tabular_store / "iris" / ABOUT).unlink(missing_ok=True)
