"""Tables as CSV: cells that become what the column says, other separators and decimal commas, and what is none."""

import pytest

from service.wire.table_formats import CSV
from service.wire.table_formats.csv_cells import typed
from service.wire.table_formats.csv_dialect import recognise
from tests.support.mixed_table import PATH, mixed_client, post


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    return mixed_client(tmp_path_factory.mktemp("store"))


def test_cells_of_csv_are_text_until_the_column_says_otherwise(client):
    lines = ["age,city,known,visits,day", "1e1,Rome,true,2,2020-01-01", "abc,Rome,1,2.5,soon", "1_0,,TRUE,,2020-01-01"]
    answer = post(client, CSV, "\n".join(lines))
    told = {(fault["row"], fault["column"]): fault["got"] for fault in answer.json["details"]}
    assert told == {
        (1, "age"): '"abc"',
        (1, "known"): '"1"',
        (1, "visits"): "2.5",
        (1, "day"): '"soon"',
        (2, "age"): '"1_0"',
        (2, "city"): '""',
    }


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("number", "1e3", 1000.0),
        ("number", " 5", 5.0),
        ("number", "nan", None),
        ("number", "inf", "inf"),
        ("number", "1_000", "1_000"),
        ("number", "\u0661", "\u0661"),
        ("number", "1,5", "1,5"),
        ("number", "9" * 400, "9" * 400),
        ("integer", "-7", -7),
        ("integer", "9007199254740993", 9007199254740993),
        ("integer", "5.0", 5.0),
        ("integer", "five", "five"),
        ("boolean", "TRUE", True),
        ("boolean", "TrUe", "TrUe"),
        ("boolean", "1", "1"),
        ("text", "NA", "NA"),
        ("text", "", ""),
    ],
)
def test_a_cell_of_csv_becomes_a_value_of_its_kind_or_stays_as_it_is(kind, cell, value):
    (typed_cell,) = typed([cell], kind, nullable=False)
    assert (typed_cell, type(typed_cell)) == (value, type(value))


BAD_CSV = [
    (b"", 400, "the body is empty"),
    (b"a,b\n", 422, "got a header alone"),
    (b"a\n\xff", 400, "the body is not UTF-8: byte 0xff at offset 2"),
    (b"a,b,a\n1,2,3", 422, 'column "a": expected one column of this name, got 2'),
    (b"a,b\n1,2\n1\n1,2,3\n", 422, "row 1: expected 2 values, as many as the header, got 1 values (and 1 more)"),
    (b'a\n"1', 400, "line 2: unexpected end of data"),
    (b'a\n"1"x', 400, "line 2: ',' expected after"),
    (b"a\n" + b"x" * 140_000, 400, "field larger than field limit"),
    (b"a\n" + b"1\n" * 51, 413, "51 rows in one request"),
]


@pytest.mark.parametrize(("body", "status", "told"), BAD_CSV, ids=[case[2] for case in BAD_CSV])
def test_csv_that_is_none(client, body, status, told):
    answer = post(client, CSV, body)
    assert answer.status_code == status
    assert told in answer.json["error"]


GERMAN = "city;age;day;visits;known\n{}\n"
OTHER_CSV = [
    (GERMAN.format("Rome;31,5;2020-01-01;2;true"), 31.5, "separated by ';', with decimal commas"),
    (GERMAN.format("Rome;31.5;2020-01-01;2;true"), 31.5, "separated by ';'"),
    (GERMAN.format("Rome;0.125;2020-01-01;2;true"), 0.125, "separated by ';'"),
    (GERMAN.format("Rome;1.031,5;2020-01-01;2;true"), 1031.5, "separated by ';', with decimal commas"),
    (
        "\n" + GERMAN.format("Rome;1,5;2020-01-01;2;true").replace(";", "|"),
        1.5,
        "separated by '|', with decimal commas",
    ),
    (GERMAN.format("Rome;1;2020-01-01;2;true").replace(";", "\t"), 1, "separated by tabs"),
]


@pytest.mark.parametrize(("body", "age", "told"), OTHER_CSV)
def test_another_separator_is_recognised_by_the_columns_and_named(client, body, age, told):
    row = {"city": "Rome", "age": age, "day": "2020-01-01", "visits": 2, "known": True}
    wanted = client.post(PATH, json={"instances": [row]}).json["predictions"]
    answer = post(client, CSV, body).json
    assert (answer["predictions"], answer["warnings"]) == (wanted, [f"the body was read as CSV {told}"])


@pytest.mark.parametrize(
    ("rows", "status", "told"),
    [
        (["Rome;1.234;2020-01-01;2;true"], 400, "1.234 in it may be 1.234 or 1234"),
        (["Rome;1.234;2020-01-01;2;true", "Rome;0.5;2020-01-01;2;true", "Rome;1,5;2020-01-01;2;true"], 400, "may be"),
        (["Rome;1,5;2020-01-01;2;true", "Rome;0.5;2020-01-01;2;true"], 422, 'got "1,5"'),
        (["Rome;1;2020-01-01;2;true"] * 51, 413, "51 rows in one request"),
        (["Rome;1;2020-01-01;2", "Rome"], 422, "expected 5 values"),
        (['Rome;"1'], 400, "line 2: unexpected end of data"),
        ([], 422, "a header alone"),
    ],
)
def test_another_separator_answers_nothing_that_may_be_meant_otherwise(client, rows, status, told):
    answer = post(client, CSV, GERMAN.format("\n".join(rows)))
    assert (answer.status_code, told in answer.json["error"]) == (status, True), answer.json


def test_a_number_in_two_ways_is_clear_beside_one_that_is_not(client):
    both = GERMAN.format("Rome;1.234;2020-01-01;2;true\nRome;{};2020-01-01;2;true")
    usual = "city,age,day,visits,known\nRome,{},2020-01-01,2,true\nRome,{},2020-01-01,2,true\n"
    for other, cells in {"1,5": (1234, 1.5), "1.5": (1.234, 1.5)}.items():
        wanted = post(client, CSV, usual.format(*cells)).json["predictions"]
        assert post(client, CSV, both.format(other)).json["predictions"] == wanted


def test_points_between_thousands_are_none_of_a_number_with_decimal_commas():
    """The offline scorer took 1.234 of such a file for 1.234, where the sample's reader took it for 1234."""
    dialect = recognise(b"pay;a\n1.234;x\n1,5;y\n")
    assert [dialect.number(text) for text in ("1.234", "1.234.567", "1.234,5", "-1,5", "x.y")] == [
        *("1234", "1234567", "1234.5", "-1.5", "x.y")
    ]
