"""Columns of Arrow that are made without pandas are those that Arrow itself makes."""

import numpy as np
import pyarrow as pa
import pytest

from service.batch.arrays import array_of, integers_of, numbers_of, scalar_of, texts_of

NAN = float("nan")


def same(found, expected):
    found.validate(full=True)
    return found.type == expected.type and found.equals(expected)


@pytest.mark.parametrize("values", [[], [1], [0, 1, 0, 1, 1, 0, 0, 0, 1, 1]])
@pytest.mark.parametrize("kind", ["?", "i1", "<i8", ">i8", "u2", "f2", "f4", ">f8"])
def test_numbers(values, kind):
    array = np.array(values, dtype=kind)
    assert same(array_of(array), pa.array(array.astype(array.dtype.newbyteorder("="))))


def test_numbers_that_are_missing_or_stand_apart_in_memory():
    array = np.array([[1.5, NAN, 2.5] * 5, [NAN] * 15]).T
    for column in (0, 1):
        assert same(array_of(array[:, column]), pa.array(array[:, column], from_pandas=True))
    assert array_of(array[:, 0]).null_count == 5


@pytest.mark.parametrize("texts", [[], ["no"], ["yes", "", "Ærøskøbing 🚢", "a\0b"] * 5])
def test_texts(texts):
    assert same(array_of(np.array(texts, dtype=np.str_)), pa.array(texts, pa.string()))
    assert same(texts_of([*texts, None]), pa.array([*texts, None], pa.string()))
    assert same(texts_of([*texts, None], large=True), pa.array([*texts, None], pa.large_string()))


def test_integers_and_single_texts():
    assert same(integers_of([]), pa.array([], pa.int64()))
    assert same(integers_of([0, None, 2**62] * 4), pa.array([0, None, 2**62] * 4, pa.int64()))
    assert scalar_of("a", large=True) == pa.scalar("a", pa.large_string())
    assert scalar_of(None) == pa.scalar(None, pa.string())


@pytest.mark.parametrize("start", [0, 1, 9])
def test_numbers_of_a_column(start):
    whole = pa.array([1.5, None, NAN, 4.5] * 5, pa.float64()).slice(start)
    for chunks in ([whole], [whole, whole.slice(2, 3), whole.slice(0, 0)], []):
        column = pa.chunked_array(chunks, pa.float64())
        np.testing.assert_array_equal(numbers_of(column), column.to_numpy())
