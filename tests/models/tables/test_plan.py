"""The column plan: lossless, by name and in order, and every violation in one answer."""

import numpy as np
import pandas as pd
import pytest

from service.errors import MAX_VIOLATIONS, InvalidInstances
from service.models.tables.column import Column
from service.models.tables.plan import ColumnPlan


def numbers(*names, **more):
    return [Column(name, "number", "float64", **more) for name in names]


def violations(plan, instances):
    with pytest.raises(InvalidInstances) as caught:
        plan.read(instances)
    return caught.value.details


@pytest.fixture
def plan():
    return ColumnPlan(numbers("a", "b"), "array")


@pytest.fixture
def mixed():
    return ColumnPlan(
        [
            Column("age", "integer", "int64"),
            Column("pay", "number", "float64", nullable=True),
            Column("city", "category", "str", categories=("Oslo", "Rome")),
            Column("vip", "boolean", "bool"),
            Column("note", "text", "object", nullable=True, missing="None"),
            Column("day", "datetime", "datetime64[us]"),
            Column("size", "category", "category", categories=("S", "M", "L"), ordered=True),
        ],
        "frame",
    )


GOOD = {"age": 3, "pay": 1.5, "city": "Rome", "vip": True, "note": "x", "day": "2024-02-29T12:00:00", "size": "M"}


@pytest.mark.parametrize(
    "instances",
    [
        [{"a": 1, "b": 2.5}, {"b": 4, "a": 3}],
        [[1, 2.5], [3, 4]],
        {"a": [1, 3], "b": [2.5, 4]},
        [{"a": 1.0, "b": 2.5}, [3, 4]],
    ],
    ids=["objects", "lists", "columns", "both"],
)
def test_every_form_of_rows_gives_the_same_array(plan, instances):
    table = plan.read(instances)
    assert table.values.tolist() == [[1, 2.5], [3, 4]]
    assert table.values.dtype == np.float64
    assert table.rows == 2


def test_the_short_and_the_careful_way_agree(plan):
    instances = [{"a": 1, "b": 2.5}, {"b": -4e300, "a": 0}]
    short = plan._read_numbers([{"a": 1, "b": 2.5}])
    assert short.values.tolist() == plan._read_carefully([{"a": 1, "b": 2.5}]).values.tolist()
    assert plan._read_numbers(instances) is None  # beyond the exact range of whole numbers: look closely
    assert plan.read(instances).values.tolist() == [[1, 2.5], [0, -4e300]]


@pytest.mark.parametrize("wrong", ["1", True, None, [1], {"x": 1}, float("inf"), float("nan"), 2**53 + 1, 10**400])
def test_what_is_not_exactly_a_number_is_refused(plan, wrong):
    (violation,) = violations(plan, [{"a": 1, "b": 2}, {"a": wrong, "b": 2}])
    assert (violation["row"], violation["column"], violation["expected"]) == (1, "a", "number")


@pytest.mark.parametrize("hole", [None, float("nan")])
def test_null_is_taken_only_where_a_column_may_be_missing(hole):
    plan = ColumnPlan([*numbers("a", nullable=True), *numbers("b")], "array")
    assert np.isnan(plan.read([[hole, 1]]).values[0, 0])
    (violation,) = violations(plan, [[hole, hole]])
    assert violation == {"row": 0, "column": "b", "expected": "number", "got": "null"}


@pytest.mark.parametrize(("value", "taken"), [(3, True), (3.0, True), (3.5, False), (True, False), (2**63, False)])
@pytest.mark.parametrize("container", ["array", "frame"])
def test_integers_take_integral_floats_and_nothing_else(container, value, taken):
    plan = ColumnPlan([Column("n", "integer", "int64"), Column("m", "integer", "int64")], container)
    if taken:
        assert np.asarray(plan.read([[value, 1]]).values).tolist() == [[3, 1]]
    else:
        assert violations(plan, [[value, 1]])[0]["expected"] == "integer"


def test_small_integer_dtypes_keep_their_range():
    plan = ColumnPlan([Column("n", "integer", "uint8")], "frame")
    assert plan.read([[255]]).values["n"].dtype == "uint8"
    assert violations(plan, [[256]])[0]["got"] == "256"


def test_a_mixed_frame_is_rebuilt_as_it_was_fitted(mixed):
    frame = mixed.read([GOOD, GOOD | {"pay": None, "note": None}]).values
    assert list(frame.columns) == list(GOOD)
    assert dict(frame.dtypes.astype(str)) == {
        "age": "int64",
        "pay": "float64",
        "city": "str",
        "vip": "bool",
        "note": "object",
        "day": "datetime64[us]",
        "size": "category",
    }
    assert frame["size"].cat.ordered
    assert list(frame["size"].cat.categories) == ["S", "M", "L"]
    assert frame["day"][0] == pd.Timestamp("2024-02-29 12:00")
    assert np.isnan(frame["pay"][1])
    assert frame["note"][1] is None


def test_every_violation_is_found_in_one_pass(mixed):
    wrong = {"age": "3", "pay": "1", "city": "Bonn", "vip": 1, "note": 5, "day": "yesterday", "size": "XL"}
    found = violations(mixed, [GOOD, wrong])
    assert [violation["column"] for violation in found] == list(GOOD)
    assert {violation["row"] for violation in found} == {1}
    assert found[2] == {"row": 1, "column": "city", "expected": 'one of "Oslo", "Rome"', "got": '"Bonn"'}


def test_violations_come_row_by_row_and_the_total_counts_all(plan):
    with pytest.raises(InvalidInstances) as caught:
        plan.read([{"a": "x", "b": "y"}] * 300)
    error = caught.value
    assert error.total == 600
    assert len(error.details) == MAX_VIOLATIONS
    assert [(one["row"], one["column"]) for one in error.details[:3]] == [(0, "a"), (0, "b"), (1, "a")]
    assert str(error) == 'row 0, column "a": expected number, got "x" (and 599 more)'


def test_violations_name_the_first_rows_of_every_column():
    """Only a thousand were kept, all of the first columns: the others seemed to be right."""
    wide = ColumnPlan(numbers(*(f"c{place}" for place in range(20))), "array")
    with pytest.raises(InvalidInstances) as caught:
        wide.read([["x"] * 20] * 500)
    assert caught.value.total == 10_000
    places = [(one["row"], one["column"]) for one in caught.value.details]
    assert places == [(row, column) for row in range(5) for column in wide.names]


def test_missing_column_is_reported_once_or_by_row_where_only_some_rows_lack_it(plan):
    assert violations(plan, [{"a": 1}, {"a": 2}]) == [{"column": "b", "expected": "number", "got": "nothing"}]
    assert violations(plan, [{"a": 1}, {"a": 2, "b": 3}]) == [
        {"row": 0, "column": "b", "expected": "number", "got": "nothing"}
    ]
    assert violations(plan, [{"a": 1}])[0] == {"row": 0, "column": "b", "expected": "number", "got": "nothing"}


@pytest.mark.parametrize("instances", [[{"agee": 1, "b": 1}] * 2, {"agee": [1, 2], "b": [1, 2]}, {"agee": [1, 2]}])
def test_missing_column_names_the_given_one_that_is_like_it(instances):
    found = violations(ColumnPlan(numbers("age", "b"), "array"), instances)
    assert found[0] | {"expected": "number"} == {
        "column": "age",
        "expected": "number",
        "got": "nothing; did you mean agee?",
    }


def test_names_that_are_compared_are_few_and_short():
    """To compare one name with all others takes time, and both are the caller's choice."""
    plan = ColumnPlan(numbers(*(f"column{n}" for n in range(300))), "array")
    found = violations(plan, [{"column" * 10_000: 1} | {f"columm{n}": 1 for n in range(1000)}] * 2)
    assert sum("did you mean" in each["got"] for each in found) == 10


def test_extra_columns_are_ignored_and_named(plan):
    table = plan.read([{"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 2}])
    assert table.values.tolist() == [[1, 2], [1, 2]]
    assert table.warnings == ('column "c" is not a column of this model and was ignored',)
    assert plan.read({"a": [1], "b": [2], "c": [3]}).warnings == table.warnings


@pytest.mark.parametrize(
    ("instances", "expected"),
    [
        ([], "a list of rows, at least one"),
        (None, "a list of rows, at least one"),
        ("text", "a list of rows, at least one"),
        ([1, 2], "an object or a list of 2 values"),
        ([[1]], "2 values, in the order of the columns"),
        ({"a": 1, "b": [1]}, "a list with one value a row"),
        ({"a": [1, 2], "b": [1]}, "2 values, as many as the longest column"),
        ({"a": [], "b": []}, "a list of number, at least one"),
        ({}, "a list of number, at least one"),
    ],
)
def test_tables_of_the_wrong_shape_are_told_what_would_be_right(plan, instances, expected):
    assert violations(plan, instances)[0]["expected"] == expected


def test_categories_the_encoder_lets_pass_are_named_in_a_warning():
    plan = ColumnPlan([Column("city", "category", "str", categories=("Oslo",), accepts_unknown=True)], "frame")
    assert plan.read([["Oslo"]]).warnings == ()
    assert plan.read([["Bonn"]]).warnings == ('column "city": not seen when the model was fitted: "Bonn"',)
    assert violations(plan, [[5]])[0]["got"] == "5"


def test_true_is_not_the_category_1():
    plan = ColumnPlan([Column("n", "category", "int64", categories=(1, 2))], "frame")
    assert plan.read([[1.0]]).values["n"].tolist() == [1]
    assert violations(plan, [[True]])[0]["expected"] == "one of 1, 2"


def test_a_model_of_one_text_takes_bare_strings():
    plan = ColumnPlan([Column("text", "text", "str")], "list")
    assert plan.read(["good", {"text": "bad"}, ["fine"]]).values.tolist() == ["good", "bad", "fine"]


def test_an_offset_is_wanted_exactly_where_the_fitted_dates_had_one():
    naive, aware = (ColumnPlan([Column("d", "datetime", dtype)], "frame") for dtype in DATES)
    assert str(aware.read([["2024-01-01T00:00:00+02:00"]]).values["d"][0]) == "2023-12-31 22:00:00+00:00"
    assert violations(naive, [["2024-01-01T00:00:00+02:00"]])
    assert violations(aware, [["2024-01-01T00:00:00"]])[0]["expected"] == "ISO 8601 date and time with an offset"


DATES = ("datetime64[us]", "datetime64[us, UTC]")


def test_a_column_says_itself_in_json_and_back():
    column = Column("city", "category", "str", nullable=True, categories=("a",), statistics={"missing_rate": 0.5})
    entry = column.to_json()
    assert entry == {
        "name": "city",
        "kind": "category",
        "dtype": "str",
        "nullable": True,
        "categories": ("a",),
        "missing_rate": 0.5,
    }
    assert Column.from_json(entry) == column


@pytest.mark.parametrize("container", ["array", "numbers"])
@pytest.mark.parametrize(("other", "cell"), [("float64", 1.0), ("float32", None)])
def test_float32_is_rounded_whatever_is_beside_it(container, other, cell):
    """Beside a float64, or a hole, a cell of a float32 column once reached the model as the float64 of the body."""
    columns = [Column("a", "number", "float32"), Column("b", "number", other, nullable=True)]
    plan = ColumnPlan(columns, container)
    assert plan.read([[0.1, cell]]).values[0, 0] == np.float32(0.1)
    assert plan.read([{"a": 0.1, "b": cell}]).values[0, 0] == np.float32(0.1)
