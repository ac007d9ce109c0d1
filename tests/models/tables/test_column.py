"""Regressions of single cells: each lost something, or broke the request, before it was refused by name."""

import numpy as np
import pandas as pd
import pytest

from service.capabilities import TableCall
from service.errors import InvalidInstances, RequestError
from service.models.tables.column import Column, shown
from service.models.tables.plan import ColumnPlan
from service.wire import Request
from service.wire.json_body import dump, parse
from service.wire.v1 import table_call


def plan(*columns, container="frame"):
    return ColumnPlan(columns, container)


def refused(plan, cell):
    with pytest.raises(InvalidInstances) as caught:
        plan.read([[cell] * len(plan.columns)])
    return caught.value.details


@pytest.mark.parametrize("container", ["array", "frame"])
@pytest.mark.parametrize(("dtype", "cell"), [("float32", 1e39), ("float16", 70_000), ("float64", 10**400)])
def test_a_number_beyond_the_fitted_dtype_is_refused(container, dtype, cell):
    """1e39 became infinity in a column of float32, with a warning on the server and no word to the caller."""
    two = plan(Column("a", "number", dtype), Column("b", "number", dtype), container=container)
    assert [violation["column"] for violation in refused(two, cell)] == ["a", "b"]
    values = np.asarray(two.read([[1.5, 2.5]]).values)
    assert values.dtype == dtype
    assert values.tolist() == [[1.5, 2.5]]


def test_small_integers_keep_their_range_and_dtype_in_an_array_as_well():
    """The short way only asked whether the numbers were whole: 256 passed for a uint8."""
    pixels = plan(Column("a", "integer", "uint8"), Column("b", "integer", "uint8", nullable=True), container="array")
    assert pixels.read([[255, 0]]).values.dtype == "uint8"
    assert refused(pixels, 256)[0]["expected"] == "integer"
    assert refused(pixels, -1)[0]["expected"] == "integer"
    holed = pixels.read([[1, None]]).values
    assert holed.dtype == "float64"
    assert np.isnan(holed[0, 1])


@pytest.mark.parametrize("cell", [1.5, 2**63, 10**400, True, "3"])
def test_a_new_category_of_whole_numbers_is_whole(cell):
    """numpy cut 1.5 down to 1, a category the model knows, and 2**63 raised OverflowError: a 500."""
    years = plan(Column("year", "category", "int64", categories=(1, 2), accepts_unknown=True))
    assert years.read([[3.0]]).values["year"].tolist() == [3]
    assert refused(years, cell)[0]["column"] == "year"


def test_unknown_category_of_a_pandas_dtype_becomes_missing_without_a_warning():
    sizes = plan(Column("size", "category", "category", categories=("S", "M"), accepts_unknown=True))
    table = sizes.read([["S"], ["XL"]])
    assert table.values["size"].isna().tolist() == [False, True]
    assert table.warnings == ('column "size": not seen when the model was fitted: "XL"',)


@pytest.mark.parametrize(
    ("dtype", "taken", "wrong"),
    [
        ("datetime64[ns]", "2024-01-01T00:00:00.123456789", "1500-01-01"),
        ("datetime64[us]", "1500-01-01T00:00:00.123456", "2024-01-01T00:00:00.123456789"),
        ("datetime64[ms]", "2024-01-01T00:00:00.123", "2024-01-01T00:00:00.1234"),
        ("datetime64[s]", "2024-01-01T00:00:01", "2024-01-01T00:00:01.5"),
        ("datetime64[us, Europe/Oslo]", "2024-07-01T00:00:00+02:00", "0001-01-01T00:00:00+14:00"),
        ("datetime64[us]", "20240101", "now"),
    ],
)
def test_a_moment_the_fitted_unit_cannot_hold_is_refused(dtype, taken, wrong):
    """Nanoseconds were cut off silently; the year 1500 in nanoseconds raised outside any handler: a 500."""
    days = plan(Column("day", "datetime", dtype, nullable=True))
    read = days.read([[taken], [None]]).values["day"]
    assert str(read.dtype) == dtype
    assert read[0] == pd.Timestamp(taken)
    assert read.isna().tolist() == [False, True]
    assert refused(days, wrong)[0]["expected"].startswith("ISO 8601")


@pytest.mark.parametrize("dtype", ["Int64", "UInt8", "Float32", "boolean", "string"])
def test_the_nullable_dtypes_of_pandas_come_back_as_they_were(dtype):
    kind, cell = {"b": ("boolean", True), "s": ("text", "x"), "F": ("number", 1.5)}.get(dtype[0], ("integer", 3))
    table = plan(Column("a", kind, dtype, nullable=True)).read([[cell], [None]])
    assert str(table.values["a"].dtype) == dtype
    assert table.values["a"].isna().tolist() == [False, True]
    assert table.values["a"][0] == cell


def test_a_column_named_by_a_number_is_that_number_again_in_the_frame():
    numbered = plan(Column("0", "number", "float64", label=0), Column("2.5", "number", "float64", label=2.5))
    assert list(numbered.read([{"0": 1, "2.5": 2}]).values.columns) == [0, 2.5]


def test_deeply_nested_value_is_refused_at_its_cell():
    """The parser takes a thousand levels, the printer of the violation raised RecursionError: a 500."""
    deep = parse(b"[" * 1000 + b"]" * 1000, 100)
    assert shown(deep) == "something nested too deeply to show"
    assert refused(plan(Column("a", "number", "float64")), deep)[0]["column"] == "a"


def test_strange_columns_are_named_only_up_to_ten():
    """A row of a hundred thousand strange columns was answered with a hundred thousand warnings."""
    row = {f"x{place}": 1 for place in range(1000)} | {"a": 1}
    warnings = plan(Column("a", "number", "float64")).read([row]).warnings
    assert len(warnings) == 11
    assert warnings[-1] == "990 more columns are none of this model and were ignored"


def test_lone_surrogate_is_refused_beside_a_bare_nan():
    """Only the lenient parser, taken where a body holds NaN, let it in; no answer could repeat it: a 500."""
    for body in (b'["\\ud800"]', b'["\\ud800", NaN]'):
        with pytest.raises(RequestError, match="not JSON"):
            parse(body, 100)
    assert dump(parse(b'["\\ud83d\\ude00", NaN]', 100)) == '["😀",null]'.encode()


def test_a_number_beyond_every_float_reaches_its_cell():
    """It was refused as broken JSON at some character, and no cell was named."""
    assert parse(b"[1, 1e400]", 100) == [1, float("inf")]
    assert parse(b"[" + b"9" * 400 + b"]", 100) == [int("9" * 400)]


@pytest.mark.parametrize("body", [b'{"instances": null}', b'{"instances": [1], "more": 1}', b"{}", b"[]"])
def test_fast_envelope_check_accepts_nothing_that_the_schema_refuses(body):
    with pytest.raises(RequestError, match="V1 form"):
        table_call(Request(body).json)
    assert table_call(Request(b'{"instances": [1]}').json) == TableCall([1])
