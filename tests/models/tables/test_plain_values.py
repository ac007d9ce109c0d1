"""What a model returns, as JSON: one spelling for each kind of value, and nothing as Python would print it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from service.errors import PredictionFailed
from service.models.tables.output import NotFinite, Output
from service.models.tables.plain_values import NotPlain, dense, plain_values


class Plan(Enum):
    SMALL = "S"


class Level(IntEnum):
    LOW = 1


class Own:
    """A class of somebody's model."""


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ([{"class": "a", 2: np.float64(0.5)}], [{"class": "a", "2": 0.5}]),
        ([[1, 2], [3]], [[1, 2], [3]]),
        ([["a", 1.5], ["b", 2.5]], [["a", 1.5], ["b", 2.5]]),
        (["a", 1.5], ["a", 1.5]),
        ([True, 2], [True, 2]),
        ([(1, "x")], [[1, "x"]]),
        ([b"caf\xc3\xa9"], ["café"]),
        (np.array([b"a", b"bc"]), ["a", "bc"]),
        ([Decimal("1.5"), None], [1.5, None]),
        ([Plan.SMALL, Level.LOW], ["S", 1]),
        ([np.str_("a")], ["a"]),
        ([date(2024, 1, 2)], ["2024-01-02"]),
        ([datetime(2024, 1, 2, tzinfo=UTC)], ["2024-01-02T00:00:00+00:00"]),
        (np.array(["2024-01-02", "NaT"], "datetime64[ns]"), ["2024-01-02T00:00:00", None]),
        (np.array(["2024-01-02T00:00:00.000000001"], "datetime64[ns]"), ["2024-01-02T00:00:00.000000001"]),
        (np.array([90_061_500_000], "timedelta64[us]"), ["P1DT1H1M1.5S"]),
        (np.array([-1], "timedelta64[s]"), ["-P0DT0H0M1S"]),
        ([timedelta(hours=2)], ["P0DT2H0M0S"]),
        (pd.Series([1, None], dtype="Int64"), [1, None]),
        (pd.Series(["a", None], dtype="category"), ["a", float("nan")]),
        (pd.Series(pd.period_range("2024-01", periods=1, freq="M")), ["2024-01"]),
        (pd.Series(pd.interval_range(0, 1)), ["(0, 1]"]),
        (pd.Series([pd.Timestamp("2024-01-02", tz="UTC")]), ["2024-01-02T00:00:00+00:00"]),
        (pd.DataFrame({"a": [1], "b": [2.5]}), [[1.0, 2.5]]),
        (pd.Series([pd.DataFrame({"a": [1, 2]})]), [[{"a": 1}, {"a": 2}]]),
        ([np.array([1, 2]), np.array([3])], [[1, 2], [3]]),
        (sparse.csr_matrix([[0.0, 1.0]]), [[0.0, 1.0]]),
    ],
)
def test_every_kind_of_value_has_one_spelling(given, plain):
    assert repr(plain_values(dense(given))) == repr(plain)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([Own()], "an Own, which JSON"),
        ([{1, 2}], "a set, which JSON"),
        ([b"\xff"], "UTF-8"),
        ([{1: 0, "1": 1}], "one in JSON"),
    ],
)
def test_what_json_has_no_value_for_is_refused_and_not_printed(given, told):
    """A dict, a set or an object of somebody's own became the text that Python prints of it."""
    with pytest.raises(NotPlain, match=told):
        plain_values(dense(given))


@pytest.mark.parametrize(
    ("output", "raw", "plain"),
    [
        (Output("number", [None]), np.float64(1.5), [1.5]),
        (Output("number", [None, 2]), np.array([1.5, 2.5]), [[1.5, 2.5]]),
        (Output("object", [None]), {"a": 1}, [{"a": 1}]),
        (Output("number", [None, 2], targets=["x", "y"]), np.array([[1.5, 2.5]]), [{"x": 1.5, "y": 2.5}]),
    ],
)
def test_a_model_that_gives_one_row_s_answer_bare_answers_a_list_of_one(output, raw, plain):
    """predict() that squeezes its result gave a 500 for one row alone."""
    assert output.plain(output.check(raw, 1)) == plain


def test_decimals_are_numbers_and_a_missing_one_is_told():
    output = Output("number", [None])
    assert output.plain(output.check(np.array([Decimal("2.5")]), 1)) == [2.5]
    with pytest.raises(NotFinite):
        output.check(np.array([None, 1.0], dtype=object), 2)


def test_a_number_where_a_text_is_declared_is_a_failure():
    with pytest.raises(PredictionFailed, match="gave 3 where its manifest declares a text"):
        Output("string", [None]).check(np.array([3]), 1)
