"""A body that the contract's own decoder takes is the table that the column plan makes of it; all others it leaves."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import RequestError
from service.models.tables.column import Column
from service.models.tables.plan import ColumnPlan
from service.wire.json_body import parse

PLANS = {
    "numbers": [
        Column("a b", "number", "float64"),
        Column("é😀", "number", "float64"),
        Column("", "number", "float64"),
    ],
    "nullable": [Column("a", "number", "float64", nullable=True), Column("b", "integer", "int64", nullable=True)],
    "integers": [Column("a", "integer", "int64"), Column("b", "integer", "uint8")],
    "float32": [Column("a", "number", "float32"), Column("b", "number", "float32", nullable=True)],
    "mixed": [Column("a", "number", "float64"), Column("b", "integer", "int8"), Column("c", "integer", "uint64")],
}
PLANS = {name: ColumnPlan(columns, "array") for name, columns in PLANS.items()}
PLANS["compiled"] = ColumnPlan(PLANS["mixed"].columns, "numbers")

bounded = settings(
    max_examples=400, deadline=None, database=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
CELLS = [
    *(
        "0",
        "-0",
        "-0.0",
        "1",
        "255",
        "256",
        "-1",
        "127",
        "128",
        "3.0",
        "3.5",
        "1e2",
        "1E-2",
        "1e400",
        "1e-400",
        "5e-324",
    ),
    *("9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740992", "9007199254740992.0"),
    *(
        "9223372036854775807",
        "18446744073709551615",
        "18446744073709551616",
        "1" + "0" * 40,
        "0.1",
        "1.7976931348623157e308",
    ),
    *("01", "1.", ".5", "+1", "-", "1e", "0x1", "1_0", "NaN", "Infinity", "-Infinity", "nan", "null", "true", "false"),
    *('""', '"1"', '"NaN"', "[]", "{}", "[1]", "", " 7 ", "\t7\n", "7 8", "7,8", "/**/7", "\ufeff7"),
]
cells = st.one_of(
    st.sampled_from(CELLS),
    st.floats().map(repr),
    st.integers().map(str),
    st.floats(-1e6, 1e6).map(lambda number: f"{number:.17g}"),
    st.integers(0, 100).map(str),
)


def same(plan, body):
    """Whether the decoder took it; AssertionError where the column plan takes it otherwise, or not at all."""
    found = plan.read_json(body)
    if found is None:
        return False
    table, options = found
    value = parse(body, 1000)
    assert value == {"instances": value["instances"], **options}
    wanted = plan.read(value["instances"])
    assert table.values.dtype == wanted.values.dtype
    assert table.values.tobytes() == wanted.values.tobytes() or np.isnan(wanted.values).any()
    np.testing.assert_array_equal(table.values, wanted.values)
    np.testing.assert_array_equal(table.values, plan._read_carefully(value["instances"]).values)
    assert (table.rows, table.warnings) == (wanted.rows, wanted.warnings)
    return True


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("rows", [1, 3, 200])
def test_usual_bodies_are_taken(name, rows):
    plan = PLANS[name]
    row = {column.name: 7 + place for place, column in enumerate(plan.columns)}
    assert same(plan, json.dumps({"instances": [row] * rows}).encode())
    assert same(plan, json.dumps({"instances": [dict(reversed(row.items()))] * rows}, indent=2).encode())
    assert same(plan, json.dumps({"instances": [[*row.values()]] * rows}).encode())
    assert same(plan, json.dumps({"top_k": 2, "instances": [row] * rows, "outputs": ["predict", "b"]}).encode())
    table, options = plan.read_json(json.dumps({"dataframe_records": [row] * rows}).encode(), "dataframe_records")
    assert (table.rows, options) == (rows, {})


@pytest.mark.parametrize("name", PLANS)
@bounded
@given(rows=st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=3))
def test_any_text_in_any_cell(name, rows):
    plan = PLANS[name]
    width = len(plan.names)
    keys = [json.dumps(column) for column in plan.names]
    named = ",".join("{" + ",".join(map(":".join, zip(keys, row, strict=False))) + "}" for row in rows)
    listed = ",".join(f"[{','.join(row[:width])}]" for row in rows)
    same(plan, f'{{"instances": [{named}]}}'.encode())
    same(plan, f'{{"instances": [{listed}]}}'.encode())


SOUND = b'{"instances": [{"a": 1, "b": 2, "c": 3}, {"c": 6.0, "a": 4.5, "b": 5}]}'
PIECES = st.one_of(
    st.sampled_from([b'"a":1', b',"b":2', b"}", b"{", b"[", b"]", b",", b":", b'"', b"\\", b"\\u0061", b"null", b" "]),
    st.sampled_from(
        [b'"instances":[],', b'"outputs":["predict"]', b"\xff", b"\xef\xbb\xbf", b"\x00", b"[[1,2,3]]", b"e5"]
    ),
    st.binary(max_size=2),
)


@bounded
@given(edits=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 8), PIECES), min_size=1, max_size=4))
def test_any_change_of_a_body(edits):
    body = SOUND
    for place, removed, put in edits:
        body = body[: place % len(body)] + put + body[place % len(body) + removed :]
    same(PLANS["mixed"], body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": [{"a": 1, "a": 2, "b": 3, "c": 4}]}',
        b'{"instances": [{"a": 1, "\\u0061": 2, "b": 3, "c": 4}]}',
        b'{"instances": [[1, 2, 3]], "instances": [[1, 2, 3]]}',
        b'{"instances": [{"a": 1, "b": 3, "c": 4, "d": 5}]}',
        b'{"instances": [{"a": 1, "b": 3}]}',
        b'{"instances": [[1, 2, 3], {"a": 1, "b": 2, "c": 3}]}',
        b'{"instances": [[1, 2, 3, 4]]}',
        b'{"instances": [[1, 2, 3], [1, 2]]}',
        b'{"instances": [[1, 2.5, 3]]}',
        b'{"instances": [[1, 2, -1]]}',
        b'{"instances": [[1, null, 3]]}',
        b'{"instances": []}',
        b'{"inputs": {"a": [1], "b": [2], "c": [3]}}',
        b'{"instances": [[1, 2, 3]], "outputs": []}',
        b'{"instances": [[1, 2, 3]], "outputs": "predict"}',
        b'{"instances": [[1, 2, 3]], "outputs": ["a"], "outputs": ["b"]}',
        b'{"instances": [[1, 2, 3]], "top_k": 0}',
        b'{"instances": [[1, 2, 3]], "top_k": true}',
        b'{"instances": [[1, 2, 3]], "top_k": null}',
        b'{"instances": [[1, 2, 3]], "else": 1}',
        b'{"dataframe_records": [[1, 2, 3]]}',
        b'{"instances": [[1, 2, 3]]} {}',
        b"[[1, 2, 3]]",
        b"",
    ],
)
def test_what_is_wrong_or_says_more_is_left_to_the_column_plan(body):
    assert PLANS["mixed"].read_json(body) is None


def test_names_that_json_escapes_are_read_by_the_column_plan():
    plan = ColumnPlan([Column('a"', "number", "float64"), Column("b\n", "number", "float64")], "array")
    body = json.dumps({"instances": [{'a"': 1, "b\n": 2}]}).encode()
    assert plan.read_json(body) is None
    assert plan.read(parse(body, 10)["instances"]).values.tolist() == [[1, 2]]


def test_a_colon_in_a_name_hides_no_key_that_comes_twice():
    plan = ColumnPlan([Column("a:", "number", "float64"), Column("b", "number", "float64")], "array")
    assert plan.read_json(b'{"instances": [{"a\\u003a": 1, "b": 2, "b": 3}]}') is None
    with pytest.raises(RequestError, match="comes 2 times"):
        parse(b'{"instances": [{"a\\u003a": 1, "b": 2, "b": 3}]}', 10)
