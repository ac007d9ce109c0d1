"""The client against a tiny HTTP server: what it sends, and how it decodes valid answers."""

import copy
import datetime
import decimal
import json
import pickle

import numpy as np
import pandas as pd
import pytest

import client as package
from client import Client, Completion, InvalidRequest, ModelNotFound, Predictions, TimedOut, Unavailable
from tests.support.client_server import DROP, GOOD, IRIS, PREDICT, Answer, answering, ok


@pytest.fixture
def client(server):
    with Client(server.url) as client:
        yield client


def sent(server):
    return json.loads(server.requests[-1].body)


def entry(name, kind="tabular", default=False):
    return {"id": name, "object": "model", "kind": kind, "version": "1", "ready": True, "default": default}


def listing(*entries):
    return ok({"object": "list", "models": [model["id"] for model in entries], "data": list(entries)})


# --- requests


@pytest.mark.parametrize(
    ("rows", "body"),
    [
        ([{"a": 1}, {"a": 2}], {"instances": [{"a": 1}, {"a": 2}]}),
        ([[1, "x"], (2, None)], {"instances": [[1, "x"], [2, None]]}),
        ({"a": 1, "b": "x"}, {"instances": [{"a": 1, "b": "x"}]}),
        ({"a": [1, 2], "b": ("x", "y")}, {"inputs": {"a": [1, 2], "b": ["x", "y"]}}),
        ({"a": {"0": 1, "1": 2}, "b": {"1": 4}}, {"inputs": {"a": [1, 2], "b": [None, 4]}}),
        (({"a": i} for i in range(2)), {"instances": [{"a": 0}, {"a": 1}]}),
        ([{"a": float("nan")}], {"instances": [{"a": None}]}),
        (np.array([[1.5, np.nan], [2, 3]]), {"instances": [[1.5, None], [2.0, 3.0]]}),
        ({"a": np.array([1, 2]), "b": pd.Series([True, False])}, {"inputs": {"a": [1, 2], "b": [True, False]}}),
        ({"a": np.float64(1.5), "b": np.int64(2), "c": np.bool_(True), "d": np.str_("x")}, None),
        (pd.Series({"a": 1.5, "b": "x"}), {"instances": [{"a": 1.5, "b": "x"}]}),
        ([pd.Series({"a": 1.5, "b": np.nan})], {"instances": [{"a": 1.5, "b": None}]}),
        ([], {"instances": []}),
    ],
)
def test_rows_are_accepted_in_every_usual_form(server, client, rows, body):
    client.predict(rows, "m")
    assert sent(server) == (body or {"instances": [{"a": 1.5, "b": 2, "c": True, "d": "x"}]})


def test_data_frame_is_sent_as_columns_with_null_for_missing_values(server, client):
    frame = pd.DataFrame(
        {
            "number": [1.5, np.nan],
            "single": np.array([0.5, np.nan], dtype=np.float32),
            "integer": pd.array([7, None], dtype="Int64"),
            "truth": pd.array([True, None], dtype="boolean"),
            "text": pd.Series(["a", None], dtype="str"),
            "object": pd.Series([pd.NaT, pd.NA], dtype=object),
            "category": pd.Categorical(["x", None]),
            "time": pd.to_datetime(["2026-01-02 03:04:05", None]),
            8: [1, 2],
        }
    ).set_axis([40, 50])
    client.predict(frame, "m")
    assert sent(server) == {
        "inputs": {
            "number": [1.5, None],
            "single": [0.5, None],
            "integer": [7, None],
            "truth": [True, None],
            "text": ["a", None],
            "object": [None, None],
            "category": ["x", None],
            "time": ["2026-01-02T03:04:05", None],
            "8": [1, 2],
        }
    }
    assert b"NaN" not in server.requests[-1].body


def test_cells_may_be_dates_decimals_and_numpy_values(server, client):
    zone = datetime.timezone.utc  # noqa: UP017 - users of Python 3.9 write it so
    cells = {
        "day": datetime.date(2026, 1, 2),
        "moment": datetime.datetime(2026, 1, 2, tzinfo=zone),
        "numpy": np.datetime64("2026-01-02T03:04:05.000000000"),
        "stamp": pd.Timestamp("2026-01-02"),
        "price": decimal.Decimal("1.25"),
        "nothing": decimal.Decimal("NaN"),
        "never": np.datetime64("NaT"),
        "text": "\u00e9\ud800",
    }
    client.predict(cells, "m")
    assert sent(server)["instances"] == [
        {
            "day": "2026-01-02",
            "moment": "2026-01-02T00:00:00+00:00",
            "numpy": "2026-01-02T03:04:05.000000000",
            "stamp": "2026-01-02T00:00:00",
            "price": 1.25,
            "nothing": None,
            "never": None,
            "text": "\u00e9\ud800",
        }
    ]


@pytest.mark.parametrize(
    ("rows", "error", "match"),
    [
        ("age,city", TypeError, "not str"),
        (7, TypeError, "not int"),
        (None, TypeError, "not NoneType"),
        ([{"a": object()}], TypeError, "is a object; cells are"),
        ([{"a": b"x"}], TypeError, "is a bytes"),
        ([{"a": float("inf")}], ValueError, "infinity"),
        (pd.DataFrame({"a": [np.inf, np.nan]}), ValueError, "infinity"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), ValueError, "several columns named 'a'"),
    ],
)
def test_values_that_json_cannot_hold_are_refused_before_sending(server, client, rows, error, match):
    with pytest.raises(error, match=match):
        client.predict(rows, "m")
    assert server.requests == []


def test_rows_that_contain_themselves_are_refused(client):
    rows = [[1]]
    rows[0].append(rows)
    with pytest.raises(ValueError, match="themselves"):
        client.predict(rows, "m")


def test_predict_sends_only_the_options_that_are_given(server, client):
    server.routes["POST /v1/models/m/versions/3:predict"] = GOOD
    client.predict([[1]], "m", version=3, outputs="predict_proba", top_k=2)
    assert sent(server) == {"instances": [[1]], "outputs": ["predict_proba"], "top_k": 2}
    request = server.requests[-1]
    assert request.path == "/v1/models/m/versions/3:predict"
    assert request.headers["Content-Type"] == request.headers["Accept"] == "application/json"
    assert request.headers["User-Agent"] == f"daylight-client/{package.__version__}"


def test_model_names_are_quoted_in_urls(server, client):
    server.routes["POST /v1/models/a%2Fb%20c%3F:predict"] = GOOD
    assert client.predict([[1]], "a/b c?") == ["yes"]


# --- answers


def test_predictions_are_a_list_with_model_version_and_warnings(server, client):
    answer = {"predictions": ["yes"], "outputs": {"predict": ["yes"], "predict_proba": [{"yes": 0.9}]}}
    server.routes[PREDICT] = ok({**answer, "model_name": "m", "model_version": "3", "warnings": ["ignored: 'x'"]})
    predictions = client.predict([[1]], "m", outputs=["predict", "predict_proba"])
    assert predictions == ["yes"]
    assert isinstance(predictions, list)
    assert (predictions.model, predictions.version, predictions.warnings) == ("m", "3", ["ignored: 'x'"])
    assert predictions.outputs["predict_proba"] == [{"yes": 0.9}]
    for twin in (copy.deepcopy(predictions), pickle.loads(pickle.dumps(predictions))):
        assert isinstance(twin, Predictions)
        assert (twin, twin.outputs, twin.version) == (predictions, predictions.outputs, "3")


def test_completion_is_a_str_with_finish_reason_and_usage(server, client):
    usage = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}
    prediction = {"text": " there was", "finish_reason": "length", "usage": usage}
    server.routes[PREDICT] = ok({"predictions": [prediction], "model_name": "m", "model_version": "1"})
    completion = client.generate("Once", "m", max_tokens=3, temperature=0, stop=["\n"], seed=7)
    assert sent(server) == {
        "instances": ["Once"],
        "parameters": {"max_tokens": 3, "temperature": 0, "stop": ["\n"], "seed": 7},
    }
    assert "Once" + completion == "Once there was"
    assert (completion.text, completion.finish_reason, completion.usage, completion.model) == (
        " there was",
        "length",
        usage,
        "m",
    )
    twin = pickle.loads(pickle.dumps(completion))
    assert isinstance(twin, Completion)
    assert (twin, twin.usage) == (completion, usage)
    with pytest.raises(TypeError, match="not list"):
        client.generate(["Once"], "m")


def test_models_and_describe_return_the_server_s_answer(server, client):
    server.routes["GET /v1/models"] = listing(entry("a"), entry("b", default=True))
    server.routes["GET /v1/models/a"] = ok({"name": "a", "columns": []})
    assert [model["id"] for model in client.models()] == ["a", "b"]
    assert client.describe("a") == {"name": "a", "columns": []}


# --- the server's default model


def test_default_model_is_requested_once(server, client):
    server.routes["GET /v1/models"] = listing(entry("m", default=True), entry("t", "text_generation", default=True))
    assert client.predict([[1]]) == client.predict([[2]]) == ["yes"]
    assert [request.path for request in server.requests].count("/v1/models") == 1


def test_default_model_is_requested_again_after_model_not_found(server, client):
    server.routes["GET /v1/models"] = [listing(entry("old", default=True)), listing(entry("m", default=True))]
    server.routes["POST /v1/models/old:predict"] = [
        GOOD,
        Answer(404, b'{"error": "there is no model \'old\'", "code": "model_not_found"}'),
    ]
    for _ in range(3):
        assert client.predict([[1]]) == ["yes"]
    paths = [request.path for request in server.requests]
    assert paths.count("/v1/models") == 2
    assert paths.count("/v1/models/old:predict") == 2


def test_default_model_that_does_not_exist_raises_model_not_found(server, client):
    server.routes["GET /v1/models"] = listing(entry("gone", default=True))
    server.routes["POST /v1/models/gone:predict"] = Answer(404, b'{"error": "no", "code": "model_not_found"}')
    with pytest.raises(ModelNotFound):
        client.predict([[1]])
    assert len(server.requests) == 2


def test_missing_default_model_names_the_candidates(server, client):
    server.routes["GET /v1/models"] = listing(entry("a"), entry("b"), entry("t", "text_generation"))
    with pytest.raises(ModelNotFound, match=r"no default tabular model; name one with model=: a, b$"):
        client.predict([[1]])
    server.routes["GET /v1/models"] = listing(entry("a", default=True))
    with pytest.raises(ModelNotFound, match="no default text_generation model; none is served there"):
        client.generate("Once")


def test_server_that_still_loads_raises_unavailable_instead_of_model_not_found(server, client):
    server.routes["GET /v1/models"] = listing()
    server.routes["GET /health/ready"] = Answer(503, b'{"error": {"message": "not ready"}}')
    with pytest.raises(Unavailable, match="not ready"):
        client.predict([[1]])


# --- health


def test_ready_and_live_return_booleans(server, client):
    server.routes |= {"GET /health/live": ok({"status": "live"}), "GET /health/ready": Answer(503, b"{}")}
    assert (client.live(), client.ready()) == (True, False)
    server.routes["GET /health/ready"] = ok({"status": "ready"})
    assert client.ready() is True
    del server.routes["GET /health/ready"]
    with pytest.raises(InvalidRequest):
        client.ready()


def test_wait_until_ready_returns_as_soon_as_the_server_is_ready(server, client):
    starting = [DROP, Answer(502, b"<h1>Bad Gateway</h1>"), Answer(503, b"{}")]
    server.routes["GET /health/ready"] = [*starting, ok({"status": "ready"})]
    assert client.wait_until_ready(30) is None
    assert len(server.requests) == 4


def test_wait_until_ready_raises_timed_out_with_the_last_error(server, client):
    server.routes["GET /health/ready"] = Answer(503, b'{"error": {"message": "not ready: no model"}}')
    with pytest.raises(TimedOut, match=r"not ready within 0.2 s: not ready: no model \(503\)"):
        client.wait_until_ready(0.2)
    server.routes["GET /health/ready"] = lambda request: server.over.wait() and GOOD
    with pytest.raises(TimedOut, match=r"not ready within 0.2 s: .* was silent"):
        client.wait_until_ready(0.2)


def test_wait_until_ready_for_another_server_fails_at_once(server, client):
    with pytest.raises(InvalidRequest, match="nothing here"):
        client.wait_until_ready(60)


def test_client_works_with_the_server_of_the_install_test():
    with answering(IRIS) as server, Client(server.url) as client:
        client.wait_until_ready(5)
        assert client.predict({"length": [1.0, 2.0]}) == ["setosa", "setosa"]


def test_public_names_exist_and_are_sorted():
    for name in package.__all__:
        assert getattr(package, name)
    assert package.__all__ == sorted(package.__all__)
