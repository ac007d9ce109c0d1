"""Frames in and out: columns, dtypes and the index, against a tiny server and the real one."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from benchmarks.support.serving import live_server
from client import Client
from client.frames import output_columns, same_kind
from service.packing import pack
from tests.support.client_server import PREDICT, ok

FRAME = pd.DataFrame({"a": [1.5, 2.5]}, index=pd.Index(["x", "y"], name="key"))


@pytest.fixture
def client(server):
    with Client(server.url) as client:
        yield client


def answered(server, predictions, **more):
    server.routes[PREDICT] = ok({"predictions": predictions, "model_name": "m", "model_version": "3", **more})


def test_a_frame_comes_back_with_the_index_of_the_one_that_was_given(server, client):
    answered(server, ["yes", "no"], warnings=["ignored"])
    frame = client.predict_frame(FRAME, "m")
    pd.testing.assert_frame_equal(frame, pd.DataFrame({"predict": pd.Series(["yes", "no"], FRAME.index, "str")}))
    assert frame.attrs == {"model": "m", "version": "3", "warnings": ["ignored"]}
    assert json.loads(server.requests[-1].body) == {"inputs": {"a": [1.5, 2.5]}}


def test_outputs_are_columns_named_as_in_the_tables_that_the_server_writes(server, client):
    outputs = {
        "predict_proba": [{"no": 0.2, "yes": 0.8}, {"no": 0.9}],
        "vector": [[1.5, 2.5], [3.5, 4.5]],
        "nested": [{"a": {"x": 1}}, {"a": {"x": 2}}],
        "ragged": [[1], [2, 3]],
    }
    answered(server, outputs["predict_proba"], outputs=outputs)
    frame = client.predict_frame(FRAME, "m", outputs=[*outputs], top_k=2)
    assert {name: [*column.astype(object).where(column.notna(), None)] for name, column in frame.items()} == {
        "predict_proba.no": [0.2, 0.9],
        "predict_proba.yes": [0.8, None],
        "vector.0": [1.5, 3.5],
        "vector.1": [2.5, 4.5],
        "nested.a.x": [1, 2],
        "ragged": [[1], [2, 3]],
    }
    assert json.loads(server.requests[-1].body)["top_k"] == 2


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        ([True, False], "bool"),
        ([True, None], "boolean"),
        ([1, -2], "int64"),
        ([1, None], "Int64"),
        ([2**63, 1], "uint64"),
        ([2**53 + 1, None], "Int64"),
        ([2**63, None], "UInt64"),
        ([2**64, 1], "object"),
        ([1.5, 2], "float64"),
        ([1.5, None], "float64"),
        ([None, None], "float64"),
        (["a", "b"], "str"),
        (["a", None], "str"),
        (["a", 1], "object"),
        ([True, 1], "object"),
        ([[1], [2, 3]], "object"),
    ],
)
def test_a_dtype_holds_the_cells_exactly(cells, dtype):
    column = same_kind(FRAME, {"predict": cells}, {})["predict"]
    assert column.dtype == dtype
    assert [None if cell is None or cell is pd.NA or cell != cell else cell for cell in column.tolist()] == cells


def test_frames_of_polars_come_back_as_such(monkeypatch):
    """polars is not installed here: a module with its two constructors stands for it."""

    class DataFrame:
        def __init__(self, columns, strict=True):
            self.found, self.strict = columns, strict

    DataFrame.__module__ = "polars.dataframe.frame"
    module = SimpleNamespace(DataFrame=DataFrame, Series=lambda cells, dtype: (cells, dtype), Object="objects")
    monkeypatch.setitem(sys.modules, "polars", module)
    outputs = {"predict": [1, None], "number": [1, 2.5], "mixed": ["a", 1], "also": [True, 1]}
    made = same_kind(DataFrame({}), output_columns(outputs), {})
    assert (type(made), made.strict) == (DataFrame, False)
    assert made.found == {**outputs, "mixed": (["a", 1], "objects"), "also": ([True, 1], "objects")}


@pytest.mark.parametrize("rows", [[[1]], {"a": [1]}, b"a\n1\n", None, pd.Series({"a": 1})])
def test_what_is_no_frame_is_refused_before_sending(server, client, rows):
    with pytest.raises(TypeError, match="takes a DataFrame, not"):
        client.predict_frame(rows, "m")
    assert server.requests == []


def test_a_subclass_of_a_frame_is_one(server, client):
    class Special(pd.DataFrame):
        pass

    answered(server, [1, 2])
    assert type(client.predict_frame(Special(FRAME), "m")) is pd.DataFrame


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """(the sample, the estimator fitted on it, the URL of a server of it): cells of every type, most may miss."""
    random, rows = np.random.default_rng(0), 120

    def holes(values, dtype):
        return pd.Series(pd.array(np.where(random.random(rows) < 0.2, None, values), dtype=dtype))

    sample = pd.DataFrame(
        {
            "number": holes(random.normal(size=rows), "Float64").astype("float64"),
            "count": holes(random.integers(0, 9, rows), "Int64"),
            "flag": random.random(rows) < 0.5,
            "maybe": holes(random.random(rows) < 0.5, "boolean"),
            "kind": holes(random.choice(["u", "v"], rows), "str").astype("category"),
            "serial": random.integers(2**53, 2**62, rows),
            "day": pd.Series(pd.to_datetime("2026-01-01") + pd.to_timedelta(random.integers(0, 99, rows), unit="D")),
        }
    )
    target = random.random(rows) < 0.5
    kinds = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["flag", "kind"]))
    estimator = make_pipeline(kinds, LogisticRegression()).fit(sample, target)
    store = tmp_path_factory.mktemp("store")
    pack(estimator, sample, target, name="mixed", store=store)
    with live_server(store) as url:
        yield sample, estimator, url


def test_answers_to_a_frame_are_those_of_the_estimator(mixed):
    sample, estimator, url = mixed
    shuffled = sample.sample(frac=1, random_state=1)
    with Client(url) as client:
        frame = client.predict_frame(shuffled, outputs=["predict", "predict_proba"])
    expected = estimator.predict_proba(shuffled)
    assert frame.index.equals(shuffled.index)
    assert frame.dtypes.astype(str).to_dict() == {
        "predict": "bool",
        "predict_proba.false": "float64",
        "predict_proba.true": "float64",
    }
    assert (frame["predict"] == estimator.predict(shuffled)).all()
    assert np.allclose(frame["predict_proba.true"], expected[:, 1], atol=1e-12)
    assert frame.attrs["warnings"] == []
