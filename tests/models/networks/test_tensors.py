"""Plain numbers and arrays as a network takes them: nothing changes in silence."""

import numpy as np
import pytest

from service.models.networks.network import apart
from service.models.networks.tensors import Unfit, as_array


@pytest.mark.parametrize(
    ("value", "dtype", "rank", "wanted"),
    [
        ([[1, 2.5]], "float32", 2, np.array([[1, 2.5]], np.float32)),
        ([1, -128], "int8", 1, np.array([1, -128], np.int8)),
        ([[True], [False]], "bool", 2, np.array([[True], [False]])),
        (7, "int64", 0, np.array(7)),
        ([], "float32", 1, np.zeros(0, np.float32)),
        ([[[0.1]]], "float16", 3, np.array([[[0.1]]], np.float16)),
        (np.array([1.5]), "float32", 1, np.array([1.5], np.float32)),
        (np.array([1, 2], np.uint8), "float32", 1, np.array([1, 2], np.float32)),
        (np.array([np.nan, np.inf]), "float32", 1, np.array([np.nan, np.inf], np.float32)),
        (np.array([3], np.int64), "int32", 1, np.array([3], np.int32)),
    ],
)
def test_what_fits_is_taken(value, dtype, rank, wanted):
    found = as_array(value, dtype, rank)
    assert found.dtype == wanted.dtype
    assert np.array_equal(found, wanted, equal_nan=wanted.dtype.kind == "f")
    assert found.flags.c_contiguous


@pytest.mark.parametrize(
    ("value", "dtype", "rank", "told"),
    [
        ([["1"]], "float32", 2, "expected numbers of float32, got '1' at [0][0]"),
        ([[1], [None]], "float32", 2, "expected numbers of float32, got null at [1][0]"),
        ([True], "float32", 1, "expected numbers of float32, got true at [0]"),
        ([1.0], "int64", 1, "expected whole numbers of int64, got 1.0 at [0]"),
        ([0, 300], "uint8", 1, "expected whole numbers of uint8, got 300 at [1]"),
        ([2**70], "int64", 1, "expected whole numbers of int64, got 1180591620717411303424 at [0]"),
        ([1, 1e39], "float32", 1, "expected numbers of float32, got 1e+39 at [1]"),
        ([float("nan")], "float32", 1, "expected numbers of float32, got nan at [0]"),
        ([10**400], "float64", 1, "expected numbers of float64, got 1000000000000000000000000000000000000000 at [0]"),
        ([1], "bool", 1, "expected true or false, got 1 at [0]"),
        ([[1, 2], [3]], "float32", 2, "expected lists of equal lengths, got lengths 1, 2 at depth 1"),
        ([[1], 2], "float32", 2, "expected lists 2 deep, got 2 at [1]"),
        ([[1]], "float32", 1, "expected numbers of float32, got a list at [0]"),
        ("text", "float32", 1, "expected lists 1 deep, got 'text'"),
        (np.array([1.5]), "int64", 1, "expected whole numbers of int64, got an array of float64"),
        (np.array([300]), "int8", 1, "expected whole numbers of int8, got a number of int64 that it has not"),
        (np.array([2**24 + 1]), "float32", 1, "expected numbers of float32, got a number of int64 that it has not"),
        (np.array([1e300]), "float32", 1, "expected numbers of float32, got a number beyond them in float64"),
        (np.array([True]), "float32", 1, "expected numbers of float32, got an array of bool"),
        (np.array(["a"]), "float32", 1, "expected numbers of float32, got an array of <U1"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(value, dtype, rank, told):
    with pytest.raises(Unfit) as caught:
        as_array(value, dtype, rank)
    assert str(caught.value) == told


def test_how_far_two_arrays_are_apart():
    one = np.array([1.0, 2.0, np.nan])
    assert apart(one, one) == 0
    assert apart(np.array([1.0, 2.2]), np.array([1.0, 2.0])) == pytest.approx(0.1)
    for other in (one[:2], one.astype(np.float32), np.array([1.0, np.nan, np.nan]), np.array([np.inf, 2.0, np.nan])):
        assert apart(other, one) == np.inf
    assert apart(np.array([1, 2]), np.array([1, 3])) == np.inf
