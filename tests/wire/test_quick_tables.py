"""What dialects take in a quick way is what they take with care, in every form of a table."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import ServiceError
from service.models.tables.column import Column
from service.models.tables.plan import ColumnPlan, Table
from service.wire import mlflow, v1, v2
from service.wire.adapter import Request
from service.wire.json_arrays import parse_arrays
from service.wire.quick_tables import TINY

bounded = settings(
    max_examples=40, deadline=None, database=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
SPACE = b" " * TINY  # behind a body, which is then not too small for a quick way


class CarefulPlan(ColumnPlan):
    """A plan that no quick way is offered to."""

    def __init__(self, columns):
        super().__init__(columns, "array")
        self.reads_numbers = False


COLUMNS = {
    "numbers": [Column(name, "number", "float64") for name in "abc"],
    "mixed": [Column("a", "number", "float32"), Column("b", "integer", "int8"), Column("c", "integer", "uint64")],
    "nullable": [
        Column("a", "number", "float64", nullable=True),
        *(Column(name, "number", "float64") for name in "bc"),
    ],
    "texts": [Column("a", "text", "object"), *(Column(name, "number", "float64") for name in "bc")],
}


def model(plan):
    return SimpleNamespace(plan=plan, primary="predict")


MODELS = {name: (model(ColumnPlan(each, "array")), model(CarefulPlan(each))) for name, each in COLUMNS.items()}


def columns_of(rows):
    return {name: f"[{','.join(cells)}]" for name, cells in zip("abc", zip(*rows, strict=True), strict=True)}


def listed(rows):
    return "[" + ",".join(f"[{','.join(row)}]" for row in rows) + "]"


def members(values):
    return ",".join(f'"{key}": {value}' for key, value in values.items())


def tensor(name, shape, datatype, data):
    return f'{{"name": "{name}", "shape": {shape}, "datatype": "{datatype}", "data": {data}}}'


def tensors(rows, datatype, shape, data):
    each = (tensor(name, shape, datatype, data(cells)) for name, cells in columns_of(rows).items())
    return f'{{"inputs": [{", ".join(each)}]}}'


def records(rows):
    return "[" + ",".join("{" + members(dict(zip("abc", row, strict=True))) + "}" for row in rows) + "]"


# form of a body -> (its dialect, rows of JSON texts -> the body)
FORMS = {
    "V1 lists": (v1, lambda rows: f'{{"instances": {listed(rows)}}}'),
    "V1 objects": (v1, lambda rows: f'{{"instances": {records(rows)}}}'),
    "V1 options": (v1, lambda rows: f'{{"outputs": ["predict"], "top_k": 2, "instances": {listed(rows)}}}'),
    "V1 columns": (v1, lambda rows: f'{{"inputs": {{{members(columns_of(rows))}}}}}'),
    "V2 tensor": (v2, lambda rows: f'{{"inputs": [{tensor("x", [len(rows), 3], "FP64", listed(rows))}], "id": "7"}}'),
    "V2 flat": (
        v2,
        lambda rows: (
            f'{{"inputs": [{tensor("x", [len(rows), 3], "FP64", flat(rows))}], "parameters": {{"timeout": 9}}}}'
        ),
    ),
    "V2 FP32": (v2, lambda rows: f'{{"inputs": [{tensor("x", [len(rows), 3], "FP32", flat(rows))}]}}'),
    "V2 FP16": (v2, lambda rows: f'{{"inputs": [{tensor("x", [len(rows), 3], "FP16", flat(rows))}]}}'),
    "V2 INT64": (v2, lambda rows: f'{{"inputs": [{tensor("x", [len(rows), 3], "INT64", flat(rows))}]}}'),
    "V2 UINT8": (v2, lambda rows: f'{{"inputs": [{tensor("x", [len(rows), 3], "UINT8", flat(rows))}]}}'),
    "V2 BOOL": (v2, lambda rows: f'{{"inputs": [{tensor("x", [len(rows), 3], "BOOL", flat(rows))}]}}'),
    "V2 columns": (v2, lambda rows: tensors(rows, "FP64", [len(rows)], str)),
    "V2 columns of one": (v2, lambda rows: tensors(rows, "FP64", [len(rows), 1], str)),
    "V2 other shape": (v2, lambda rows: f'{{"inputs": [{tensor("x", [3, len(rows)], "FP64", listed(rows))}]}}'),
    "MLflow split": (
        mlflow,
        lambda rows: f'{{"dataframe_split": {{"columns": ["c", "a", "b"], "index": [7], "data": {listed(rows)}}}}}',
    ),
    "MLflow rows": (mlflow, lambda rows: f'{{"dataframe_split": {{"data": {listed(rows)}}}}}'),
    "MLflow records": (mlflow, lambda rows: f'{{"dataframe_records": {records(rows)}}}'),
    "MLflow inputs": (mlflow, lambda rows: f'{{"inputs": {listed(rows)}, "params": {{"outputs": ["predict"]}}}}'),
    "MLflow instances": (mlflow, lambda rows: f'{{"instances": {listed(rows)}, "more": [1, 2]}}'),
    "MLflow columns": (mlflow, lambda rows: f'{{"inputs": {{{members(columns_of(rows))}}}}}'),
}


def flat(rows):
    return "[" + ",".join(cell for row in rows for cell in row) + "]"


def outcome(dialect, served, body):
    """(the table that the plan makes of it, the decoded call without it), or the error, as JSON shows it."""
    try:
        decoded = dialect.decode_table(Request(body + SPACE, max_rows=1000), served)
        table = served.plan.read(decoded.call.instances)
    except ServiceError as error:
        return type(error).__name__, error.message, error.details
    note = decoded.note._replace(inputs=()) if dialect is v2 else decoded.note
    values = table.values.tolist()
    rest = note, decoded.timeout, decoded.call.outputs, decoded.call.top_k
    return str(values), table.values.dtype, table.rows, table.warnings, rest


def quick(dialect, served, body):
    """Whether a quick way has taken it."""
    return type(dialect.decode_table(Request(body + SPACE), served).call.instances) is Table


@pytest.mark.parametrize("rows", [1, 3, 400])
@pytest.mark.parametrize("form", FORMS)
def test_numbers_are_taken_quickly(form, rows):
    dialect, body = FORMS[form]
    body = body([["1", "2", "3.0"], ["4", "5", "6"], ["7", "8", "9"]][: min(rows, 3)] * max(1, rows // 3)).encode()
    taken, careful = MODELS["numbers"]
    assert outcome(dialect, taken, body) == outcome(dialect, careful, body)
    if form != "V2 BOOL" and (form != "V2 other shape" or rows == 3):
        assert quick(dialect, taken, body)


CELLS = [
    *("0", "-0", "-0.0", "1", "127", "128", "255", "256", "-1", "3.0", "3.5", "1e2", "1E-2", "1e400", "1e-400"),
    *("9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740993", "9007199254740992.0"),
    *("18446744073709551615", "18446744073709551616", "1" + "0" * 40, "70000", "1e39", "1.7976931348623157e308"),
    *("01", "1.", ".5", "+1", "NaN", "-Infinity", "null", "true", '""', '"1"', "[]", "{}", "[1]", "[1,2]", '{"a":1}'),
    *("", "7 8", "7,8", "7],[8", "\ufeff7", "\t7\n", '"\\u0031"', "1, 1", '"["', '":"'),
]
cells = st.one_of(
    st.sampled_from(CELLS),
    *[st.integers(0, 100).map(str)] * 3,
    st.floats(allow_nan=False).map(repr),
    st.floats(-1e6, 1e6).map(lambda number: f"{number:.17g}"),
)


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("form", FORMS)
@settings(bounded, max_examples=15)
@given(rows=st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=3))
def test_any_text_in_any_cell(form, columns, rows):
    dialect, body = FORMS[form]
    taken, careful = MODELS[columns]
    body = body(rows).encode()
    assert outcome(dialect, taken, body) == outcome(dialect, careful, body)


PIECES = st.one_of(
    st.sampled_from(
        [b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b"0", b"[]", b"[1]", b"[[", b"]]", b" ", b"null"]
    ),
    st.sampled_from(
        [b'"inputs":[],', b'"data":[[1,2,3]],', b'"shape":[1,3],', b"\xff", b"\xef\xbb\xbf", b"\x00", b"[1,2,3]"]
    ),
    st.binary(max_size=2),
)


@pytest.mark.parametrize("form", FORMS)
@bounded
@given(edits=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 8), PIECES), min_size=1, max_size=4))
def test_any_change_of_a_body(form, edits):
    dialect, body = FORMS[form]
    body = body([["1", "2", "3"], ["4.5", "5", "6"]]).encode()
    for place, removed, put in edits:
        body = body[: place % len(body)] + put + body[place % len(body) + removed :]
    taken, careful = MODELS["mixed"]
    assert outcome(dialect, taken, body) == outcome(dialect, careful, body)


def test_lists_in_a_list_are_as_long_as_each_other():
    """The library flattens whatever it is given: four numbers in lists of one and three would look like two of two."""
    for body in (b'{"x": [[1, 2, 3], [4]]}', b'{"x": [[1, 2], [[3, 4], []]]}', b'{"x": [[[1, 2], []], [3, 4]]}'):
        assert parse_arrays(body, {"x"}, 10) is None


def test_a_name_with_a_nul_is_not_cut_off():
    """To the library "a" and "a\\0" are one key, and the second would get the first one's numbers."""
    assert parse_arrays(b'{"x": {"a": [1], "a\\u0000": [2]}}', {"x"}, 10) is None


def test_what_is_below_a_holder_and_what_is_not():
    value = parse_arrays(json.dumps({"x": [[1, 2]], "y": [1, 2], "z": {"x": [3]}, "e": []}).encode(), {"x"}, 10)
    np.testing.assert_array_equal(value["x"], [[1.0, 2.0]])
    np.testing.assert_array_equal(value["z"]["x"], [3.0])
    assert (value["y"], value["e"]) == ([1, 2], [])


@pytest.mark.parametrize("cell", [5, [], "x", None])
def test_columns_that_are_no_arrays_are_read_with_care(cell):
    """They raised: a column of nothing and a number have no shape, and so none that differs."""
    plan = ColumnPlan([Column(name, "number", "float64") for name in "abc"], "array")
    assert plan.read_arrays({"a": [], "b": cell, "c": cell}) is None


def test_an_envelope_of_very_many_keys_is_read_with_care():
    assert parse_arrays(json.dumps({f"c{place}": [1] for place in range(1001)}).encode(), {"x"}, 10) is None
