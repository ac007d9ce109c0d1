"""Tables over the limits of a server: cut into pieces, joined, and refused in the numbering of the whole."""

import json
from itertools import chain

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from benchmarks.support.serving import live_server
from client import Client, InvalidRequest, Retries, ServerError, Unavailable
from client.pieces import Limits, bodies, count_rows
from tests.support.client_server import PREDICT, Answer, ok

DESCRIBE = "GET /v1/models/m"
TOO_LARGE = Answer(413, b'{"error": "too large", "code": "payload_too_large"}')
TABLE = load_iris(as_frame=True).data


@pytest.fixture
def client(server):
    server.routes[DESCRIBE] = ok({"limits": {"max_rows": 3, "max_body_bytes": 10_000}})
    with Client(server.url, retries=Retries(0)) as client:
        yield client


def doubled(request):
    """What the tiny server answers: twice the number of each row; 413 for more than three rows."""
    table = json.loads(request.body)
    cells = table["inputs"]["a"] if "inputs" in table else [row[0] for row in table["instances"]]
    if len(cells) > 3:
        return TOO_LARGE
    doubles = [2 * cell for cell in cells]
    return ok(
        {
            "predictions": doubles,
            "outputs": {"twice": doubles, "same": cells},
            "model_name": "m",
            "model_version": "1",
            "warnings": ["of all", f"of {len(cells)}"],
        }
    )


@pytest.mark.parametrize("rows", [[[n] for n in range(8)], {"a": [*range(8)]}, pd.DataFrame({"a": range(8)})])
def test_pieces_are_joined_in_order(server, client, rows):
    server.routes[PREDICT] = doubled
    answer = client.predict(rows, "m")
    assert answer == [0, 2, 4, 6, 8, 10, 12, 14]
    assert answer.outputs == {"twice": answer, "same": [*range(8)]}
    assert answer.warnings == ["of all", "of 3", "of 2"]
    paths = [request.path for request in server.requests]
    assert paths == ["/v1/models/m:predict", "/v1/models/m", *["/v1/models/m:predict"] * 3]
    client.predict(rows, "m")  # the limits are known now
    assert len(server.requests) == len(paths) + 3


@pytest.mark.parametrize("rows", [[["x" * 3000] for _ in range(500)], {"a": [1] * 600_000}], ids=["long", "many"])
def test_limits_are_asked_for_before_a_large_table_is_sent(server, client, rows):
    most = 200_000

    def answer(request):
        table = json.loads(request.body)
        count = len(table["inputs"]["a"] if "inputs" in table else table["instances"])
        return ok({"predictions": [1] * count, "model_name": "m", "model_version": "1"})

    server.routes |= {PREDICT: answer, DESCRIBE: ok({"limits": {"max_rows": 10**6, "max_body_bytes": most}})}
    assert len(client.predict(rows, "m")) == len(rows["a"] if isinstance(rows, dict) else rows)
    first, *others = server.requests
    assert (first.method, first.path) == ("GET", "/v1/models/m")
    assert most / 2 < max(len(request.body) for request in others) <= most


def test_limits_that_have_become_lower_are_asked_for_again(server, client):
    server.routes[PREDICT] = doubled
    client._limits = Limits(100, 10_000)
    assert len(client.predict({"a": [*range(8)]}, "m")) == 8
    assert client._limits == Limits(3, 10_000)


@pytest.mark.parametrize("description", [{}, {"limits": {"max_rows": 100, "max_body_bytes": 10_000}}])
def test_what_is_too_large_for_another_reason_is_refused_as_it_is(server, client, description):
    server.routes |= {PREDICT: TOO_LARGE, DESCRIBE: ok(description)}
    with pytest.raises(InvalidRequest, match="too large"):
        client.predict([[1], [2]], "m")
    assert len(server.requests) == 3
    with pytest.raises(InvalidRequest, match="too large"):
        client.predict([[1]], "m")


def test_a_piece_that_fails_leaves_no_answer(server, client):
    server.routes[PREDICT] = [
        TOO_LARGE,
        ok({"predictions": [1] * 3, "model_name": "m", "model_version": "1"}),
        Answer(500),
    ]
    with pytest.raises(ServerError):
        client.predict({"a": [*range(8)]}, "m")


def version(number, rows):
    return ok({"predictions": [number] * rows, "model_name": "m", "model_version": str(number)})


def test_one_version_answers_all_pieces(server, client):
    """A promotion between two pieces would have mixed the answers of two versions."""
    server.routes[PREDICT] = [TOO_LARGE, version(1, 3), version(2, 3), version(2, 3), version(2, 2)]
    answer = client.predict({"a": [*range(5)]}, "m")
    assert (answer, answer.version) == ([2] * 5, "2")
    server.routes[PREDICT] = [version(1, 3), version(2, 2)] * 3
    with pytest.raises(Unavailable, match="other versions of the model came"):
        client.predict({"a": [*range(5)]}, "m")


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_every_piece_is_within_the_bytes_where_a_row_is(size):
    table = {"instances": [["x" * (n * 7 % 50)] for n in range(100)]}
    limits = Limits(size, 200)
    found = list(bodies(table, {"top_k": 2}, limits))
    assert all(len(body) <= 200 for _, body in found)
    starts = [start for start, _ in found]
    rows = [json.loads(body)["instances"] for _, body in found]
    assert [*chain.from_iterable(rows)] == table["instances"]
    assert starts == [sum(map(len, rows[:place])) for place in range(len(rows))]
    assert all(json.loads(body)["top_k"] == 2 for _, body in found)


def test_a_row_that_is_larger_than_the_limit_goes_alone():
    found = list(bodies({"instances": [["a"], ["x" * 300], ["b"]]}, {}, Limits(10, 100)))
    assert [json.loads(body)["instances"] for _, body in found] == [[["a"]], [["x" * 300]], [["b"]]]


@pytest.mark.parametrize(
    ("table", "rows"), [({"inputs": {"a": [1], "b": [1, 2]}}, 0), ({"inputs": {"a": 7}}, 0), ({"inputs": {}}, 0)]
)
def test_columns_that_do_not_fit_together_are_sent_as_they_are(table, rows):
    assert count_rows(table) == rows
    assert [json.loads(body) for _, body in bodies(table, {}, Limits(1, 1))] == [table]


# --- the real server


@pytest.fixture(scope="module")
def limited(tabular_store):
    """The URL of a server that takes 40 rows, and 3,000 bytes, in one request."""
    with live_server(tabular_store, env={"DAYLIGHT_MAX_ROWS": "40", "DAYLIGHT_MAX_BODY_BYTES": "3000"}) as url:
        yield url


def test_a_frame_over_both_limits_is_answered_as_by_one_request(limited):
    frame = TABLE.set_axis([f"flower {n}" for n in range(150)])
    with Client(limited) as client:
        assert client.describe("iris")["limits"] == {"max_rows": 40, "max_body_bytes": 3000}
        whole = client.predict_frame(frame, outputs=["predict", "predict_proba"])
        parts = [
            client.predict_frame(frame[n : n + 10], outputs=["predict", "predict_proba"]) for n in range(0, 150, 10)
        ]
        pd.testing.assert_frame_equal(whole, pd.concat(parts))
        assert client.predict(frame.to_dict("records")) == client.predict(frame.to_numpy()) == whole["predict"].tolist()


def test_errors_name_the_rows_of_the_whole_frame(limited):
    frame = TABLE.astype(object)
    frame.iloc[[97, 98], 2] = ["long", np.nan]
    with Client(limited) as client:
        with pytest.raises(InvalidRequest) as caught:
            client.predict_frame(frame)
        assert [(each["row"], each["column"]) for each in caught.value.details] == [
            (97, "petal length (cm)"),
            (98, "petal length (cm)"),
        ]
        assert "row 97, column 'petal length (cm)': expected number, got \"long\"" in str(caught.value)
        frame.iloc[98, 2] = 1.0
        with pytest.raises(InvalidRequest, match=r'^row 97, column "petal length \(cm\)": expected number, got "long"'):
            client.predict_frame(frame)


def test_a_renamed_column_is_told_by_the_name_that_is_missing_and_the_one_that_is_like_it(limited):
    with Client(limited) as client, pytest.raises(InvalidRequest) as caught:
        client.predict_frame(TABLE.rename(columns={"petal width (cm)": "petal_width"}))
    assert str(caught.value).startswith(
        'column "petal width (cm)": expected number, got nothing; did you mean petal_width? (422'
    )
