"""Tensors read from JSON and from bytes are the same, and the column plan judges an array as it does its rows."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InvalidInstances, RequestError
from service.models.tables.column import Column
from service.models.tables.plan import ColumnPlan
from service.wire.v2.tensors import DATATYPES, read_binary, read_json, write

NUMERIC = sorted(set(DATATYPES) - {"BYTES"})
PLAN = ColumnPlan(
    [
        Column("whole", "integer", "int8"),
        Column("holed", "number", "float64", nullable=True),
        Column("single", "number", "float32"),
    ],
    "array",
)
# An array has one kind of cell: whole numbers, or floats.
WHOLE = st.integers(-(2**63), 2**63 - 1) | st.integers(-200, 200)
FLOATS = st.floats(width=64) | st.integers(-200, 200).map(float)
TABLES = st.tuples(st.sampled_from([(WHOLE, np.int64), (FLOATS, np.float64)]), st.integers(2, 4)).flatmap(
    lambda drawn: st.tuples(
        st.lists(st.lists(drawn[0][0], min_size=drawn[1], max_size=drawn[1]), min_size=1, max_size=4),
        st.just(drawn[0][1]),
    )
)


def verdict(instances):
    """What the plan makes of a table: values and dtype, or every violation."""
    try:
        table = PLAN.read(instances)
    except InvalidInstances as error:
        return error.details, error.total
    return table.values.tolist(), table.values.dtype, table.rows


@given(TABLES)
def test_an_array_is_judged_as_its_rows(drawn):
    rows, dtype = drawn
    found, wanted = verdict(np.array(rows, dtype=dtype)), verdict(rows)
    assert json.dumps(found, default=str) == json.dumps(wanted, default=str)  # in which NaN is NaN


def test_a_plan_keeps_nothing_of_the_array_it_was_given():
    given_ = np.frombuffer(np.ones((2, 3)).tobytes()).reshape(2, 3)
    plan = ColumnPlan([Column(name, "number", "float64") for name in "abc"], "array")
    values = plan.read(given_).values
    assert values.flags.writeable
    assert not np.shares_memory(values, given_)


@given(st.data())
def test_json_and_bytes_say_the_same(data):
    datatype = data.draw(st.sampled_from(NUMERIC))
    dtype = DATATYPES[datatype]
    width = {"f": st.floats(width=8 * dtype.itemsize), "b": st.booleans()}
    limits = np.iinfo(dtype) if dtype.kind in "iu" else None
    cells = st.integers(limits.min, limits.max) if limits else width[dtype.kind]
    rows = data.draw(st.lists(st.lists(cells, min_size=3, max_size=3), max_size=4))
    array = np.array(rows, dtype=dtype).reshape(-1, 3)
    as_json = np.array(read_json(datatype, array.shape, rows), dtype=dtype).reshape(-1, 3)
    as_bytes = read_binary(datatype, array.shape, array.tobytes())
    np.testing.assert_array_equal(as_json, as_bytes)
    np.testing.assert_array_equal(as_bytes, array)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_texts_there_and_back(texts):
    tensor = write(texts)
    assert tensor.datatype == "BYTES"
    assert read_binary("BYTES", tensor.shape, tensor.raw()) == texts
    assert read_json("BYTES", tensor.shape, texts) == texts


@given(st.binary(max_size=64), st.sampled_from(sorted(DATATYPES)), st.integers(0, 5), st.integers(0, 3))
def test_bytes_that_are_no_tensor_are_refused(raw, datatype, rows, columns):
    for shape in ((rows,), (rows, columns)):
        try:
            cells = read_binary(datatype, shape, memoryview(raw))
        except RequestError:
            continue
        assert len(cells) in (rows, 0)


@pytest.mark.parametrize(
    ("values", "datatype", "shape", "elements"),
    [
        (np.array([[1, 2]], dtype=np.int8), "INT64", (1, 2), [1, 2]),
        (np.array([1.5, np.nan], dtype=np.float32), "FP64", (2,), [1.5, math.nan]),
        (np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]), "FP64", (2, 2), [1.0, 2.0, 3.0, 4.0]),
        (np.array([2**64 - 1], dtype=np.uint64), "UINT64", (1,), [2**64 - 1]),
        (np.array(["a", "b"]), "BYTES", (2,), ["a", "b"]),
        ([True, False], "BOOL", (2,), [True, False]),
        ([1, None, 2.5], "FP64", (3,), [1.0, math.nan, 2.5]),
        ([["a", None], ["b", "c"]], "BYTES", (2, 2), ["a", None, "b", "c"]),
        ([{"no": 0.5}, {"no": 1}], "BYTES", (2,), ['{"no":0.5}', '{"no":1}']),
        (["a", 1], "BYTES", (2,), ['"a"', "1"]),
        ([[1], [2, 3]], "BYTES", (2,), ["[1]", "[2,3]"]),
        ([None, None], "BYTES", (2,), [None, None]),
    ],
)
def test_what_models_give_becomes_a_tensor(values, datatype, shape, elements):
    tensor = write(values)
    assert (tensor.datatype, tensor.shape) == (datatype, shape)
    found = tensor.elements.tolist() if isinstance(tensor.elements, np.ndarray) else tensor.elements
    assert repr(found) == repr(elements)
