"""Whatever JSON, or no JSON, arrives: the estimator's own answer, or a refusal that names the place. Never a 500.

hypothesis invents the bodies; the models are some of the zoo, in this process, behind the real routes.
"""

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from service.app import create_app
from service.packing import pack
from service.settings import Settings
from tests.support.zoo import animals

# One of each way a table reaches an estimator: array, integers in an array, frames of mixed and strange dtypes, texts.
NAMES = (
    "knn",
    "pixels",
    "one_hot_ignore",
    "one_hot_error",
    "categories_from_dtype",
    "categories_in_an_array",
    "nullable_dtypes",
    "dates_as_text",
    "dates_with_zone",
    "tfidf",
    "boosting",
)
ARTICLE = "one_hot_ignore"  # what /predict answers with

# The same examples every time: a red test stays red until it is mended. To search further, raise max_examples.
bounded = settings(
    max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)

SPECIAL = [
    *(0, -0.0, 1, 3.5, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**30, 10**400, 1e22, 1.8e308, 5e-324, 3.5e38),
    *("", " ", "1", "NaN", "null", "Biscoe", "male", "\x00", "😀", "a" * 500, "2012-01-01", "2012-01-01T00:00:00Z"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "now", "2024-02-30", "2012-01-01T00:00:00.123456789Z"),
    *(None, True, False, float("nan"), float("inf"), float("-inf"), [], {}, [[]], [1], {"a": 1}, [None], ["Biscoe"]),
]
scalars = st.one_of(
    st.sampled_from(SPECIAL),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.datetimes().map(str),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


class House:
    """The packed animals behind the routes; hypothesis prints its arguments, and its own repr is short."""

    def __init__(self, store):
        self.animals = {animal.name: animal for animal in animals(*NAMES)}
        for animal in self.animals.values():
            pack(animal.estimator, animal.X, animal.y, name=animal.name, store=store)
        app = create_app(Settings(store=store, default_tabular=ARTICLE))
        assert app.extensions["daylight"].predictor.failure is None
        self.client = app.test_client()
        self.described = {name: self.client.get(f"/v1/models/{name}").get_json() for name in NAMES}

    def post(self, path, body):
        """(status, decoded answer) of a body: bytes, or a value to be written as JSON, NaN and infinities bare."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.client.post(path, data=data, content_type="application/json")
        assert answer.status_code < 500, answer.text[:2000]
        return answer.status_code, json.loads(answer.data, parse_constant=pytest.fail)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    return House(tmp_path_factory.mktemp("properties"))


def fault(told):
    """The error of either dialect, as one dict."""
    return told["error"] if isinstance(told["error"], dict) else told


def same(found, wanted):
    if isinstance(wanted, float):
        return found is None if math.isnan(wanted) else math.isclose(found, wanted, rel_tol=1e-9, abs_tol=1e-12)
    return found == wanted


def in_process(animal, column, value):
    """The estimator's own prediction for its first row with one cell replaced by a value of JSON's."""
    if isinstance(animal.X, np.ndarray):
        rows = animal.X[:1].astype(object if animal.X.dtype == object else float)
        rows[0, column] = np.nan if value is None else value
        return animal.estimator.predict(rows.astype(animal.X.dtype) if value is not None else rows).tolist()[0]
    if isinstance(animal.X, pd.Series):
        return animal.estimator.predict([value]).tolist()[0]
    rows = animal.X.iloc[:1].copy()
    dtype = rows.dtypes.iloc[column]
    if isinstance(dtype, pd.CategoricalDtype) and value not in dtype.categories:
        value = None
    if value is None and dtype.kind in "iu" and isinstance(dtype, np.dtype):
        dtype = np.dtype(float)
    series = pd.Series([pd.Timestamp(value) if isinstance(dtype, pd.DatetimeTZDtype) and value else value], dtype=dtype)
    rows.isetitem(column, series.set_axis(rows.index))
    return animal.estimator.predict(rows).tolist()[0]


@pytest.mark.parametrize("name", NAMES)
@bounded
@given(place=st.integers(0, 63), value=values)
def test_any_value_in_any_cell(house, name, place, value):
    known, animal = house.described[name], house.animals[name]
    columns, sound = known["columns"], known["example"]["instances"][0]
    place %= len(columns)
    column = columns[place]["name"]
    row = zoo_row(animal, sound) | {column: value}
    status, told = house.post(f"/v1/models/{name}:predict", {"instances": [sound, row]})
    if status == 200:
        taken = None if isinstance(value, float) and math.isnan(value) else value
        assert same(told["predictions"][1], in_process(animal, place, taken)), (column, value)
    else:
        assert status in (400, 422), told
        assert status == 422 or not is_text(value), told
        if status == 422:
            assert {(one["row"], one["column"]) for one in told["details"]} == {(1, column)}, told


def zoo_row(animal, sound):
    """The animal's first row as JSON, in the columns of its example."""
    if isinstance(animal.X, pd.Series):
        return dict.fromkeys(sound, animal.X.iloc[0])
    cells = (animal.X.iloc[0] if isinstance(animal.X, pd.DataFrame) else animal.X[0]).tolist()
    return {name: cell_of(cell) for name, cell in zip(sound, cells, strict=True)}


def cell_of(cell):
    if pd.isna(cell):
        return None
    cell = cell.item() if isinstance(cell, np.generic) else cell
    return cell.isoformat() if hasattr(cell, "isoformat") else cell


def is_text(value):
    """Whether all strings inside are Unicode text: half of a surrogate pair is none, and no JSON to the parser."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


PATHS = ("/predict", *(f"/v1/models/{name}:predict" for name in ("knn", "one_hot_ignore", "tfidf")))


@pytest.mark.parametrize("path", PATHS)
@bounded
@given(body=values)
@example(body={"instances": []})
@example(body={"instances": [{}], "outputs": ["predict"], "top_k": 10**30})
def test_any_json_as_the_whole_body(house, path, body):
    status, told = house.post(path, body)
    assert status == 200 or (status in (400, 422) and fault(told)["message" if path == "/predict" else "error"])


@pytest.mark.parametrize("path", PATHS)
@bounded
@given(
    body=st.fixed_dictionaries(
        {},
        optional={
            "instances": values,
            "inputs": values,
            "outputs": values,
            "top_k": values,
            "signature_name": values,
            "data": values,
            "parameters": values,
        },
    )
)
def test_any_value_under_any_key(house, path, body):
    house.post(path, body)


@pytest.mark.parametrize("path", PATHS)
@bounded
@given(body=st.binary(max_size=200))
def test_any_bytes_at_all(house, path, body):
    status, _ = house.post(path, body)
    assert status in (200, 400, 422)


@bounded
@given(place=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_table_with_one_byte_broken(house, place, byte):
    body = bytearray(json.dumps({"instances": house.described[ARTICLE]["example"]["instances"]}).encode())
    body[place % len(body)] = byte
    house.post(f"/v1/models/{ARTICLE}:predict", bytes(body))


DEEP = 100_000
HARD = {
    "nested lists": b"[" * DEEP + b"]" * DEEP,
    "nested objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "nested lists and a bare NaN": b"[NaN," + b"[" * DEEP + b"]" * DEEP + b"]",
    "nested in a cell, as deep as the parser goes": b'{"instances": [[' + b"[" * 1000 + b"]" * 1000 + b",1,1,1]]}",
    "an endless number": b'{"instances": [[' + b"9" * 100_000 + b",1,1,1]]}",
    "an endless number and a bare NaN": b'{"instances": [[' + b"9" * 100_000 + b",NaN,1,1]]}",
    "half a pair": b'{"instances": [["\\ud800",1,1,1]]}',
    "half a pair and a bare NaN": b'{"instances": [["\\ud800",NaN,1,1]]}',
    "the same key twice": b'{"instances": [[1,1,1,1]], "instances": [["x",1,1,1]]}',
    "empty strings": b'{"instances": [["","","",""]]}',
    "an empty key": b'{"": [[1,1,1,1]]}',
    "two byte order marks": b'\xef\xbb\xbf\xef\xbb\xbf{"instances": [[1,1,1,1]]}',
    "another encoding": '{"instances": [[NaN,1,1,1]]}'.encode("utf-16"),
    "two documents": b'{"instances": [[1,1,1,1]]} {"instances": [[1,1,1,1]]}',
    "a hundred thousand strange columns": json.dumps({"instances": [{str(one): 1 for one in range(DEEP)}]}).encode(),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", HARD.values(), ids=HARD)
def test_bodies_that_break_parsers_are_refused(house, path, body):
    status, told = house.post(path, body)
    assert status in (400, 422)
    assert len(json.dumps(told)) < 50_000
