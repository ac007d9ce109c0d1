"""Bodies that ask for more than they are: refused in every dialect before their values are made."""

import subprocess
import sys

import orjson
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from benchmarks.support.serving import ROOT
from service.app import create_app
from service.packing import pack
from service.settings import Settings
from service.wire.article import table
from tests.support.tiny_text import pack_tiny

V1, V2, MLFLOW, ARTICLE = "/v1/models/iris:predict", "/v2/models/iris/infer", "/invocations", "/predict"
TEXTS, COMPLETIONS, CHAT = "/v1/models/tiny:predict", "/v1/completions", "/v1/chat/completions"
MANY = 1_000_000


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    X, y = load_iris(return_X_y=True)
    pack(LogisticRegression(max_iter=1000).fit(X, y), X, y, name="iris", store=store)
    pack_tiny(store)
    return create_app(Settings(store=store)).test_client()


def many(before, unit, after, count=MANY):
    return before + b",".join([unit] * count) + after


def keys(before, after):
    return before + b",".join(b'"%d":1' % number for number in range(2000)) + after


CONTAINERS = "more than 200000 lists and objects"
TOO_MANY = [
    (V1, many(b'{"instances":[', b"[]", b"]}"), 413, CONTAINERS),
    (V1, many(b'{"instances":[', b"{}", b"]}"), 413, CONTAINERS),
    (V1, many(b'{"instances":[', b"1", b"]}"), 413, "1000000 rows in one request"),
    (V1, many(b'{"instances":[1],"outputs":[', b"1", b"]}"), 400, "outputs: at most 1000 are taken, got 1000000"),
    (V1, keys(b"{", b"}"), 400, "an object of 2000 keys"),
    (V2, many(b'{"inputs":[', b"[]", b"]}"), 413, CONTAINERS),
    (V2, many(b'{"inputs":[', b"1", b"]}"), 413, "1000000 tensors"),
    (V2, many(b'{"outputs":[', b"1", b"]}"), 413, "1000000 tensors"),
    (V2, keys(b'{"parameters":{', b"}}"), 400, "an object of 2000 keys"),
    (V2, b'{"inputs":[{"name":"x","datatype":"FP64","shape":[100000,5],"data":[]}]}', 413, "500000 elements"),
    (
        V2,
        many(
            b'{"inputs":[{"name":"x","datatype":"BYTES","shape":[90000,4],"parameters":{"content_type":"pd_json"},'
            b'"data":[',
            b'"[]"',
            b"]}]}",
            360_000,
        ),
        413,
        CONTAINERS,
    ),
    (MLFLOW, many(b'{"instances":[', b"[]", b"]}"), 413, CONTAINERS),
    (MLFLOW, many(b'{"dataframe_split":{"columns":["a"],"data":[', b"1", b"]}}"), 413, "1000000 rows"),
    (MLFLOW, keys(b'{"instances":[1],"params":{', b"}}"), 400, "an object of 2000 keys"),
    (ARTICLE, many(b"[", b"{}", b"]"), 413, CONTAINERS),
    (ARTICLE, b'{"a":{' + b",".join(b'"%d":1' % number for number in range(100_001)) + b"}}", 413, "100001 rows"),
    (TEXTS, many(b'{"instances":[', b'""', b"]}"), 413, "1000000 rows"),
    (TEXTS, many(b'{"instances":[', b"1", b"]}", 1000), 400, "instances.4: expected a string"),
    (COMPLETIONS, many(b'{"model":"tiny","prompt":[', b"[]", b"]}"), 413, CONTAINERS),
    (CHAT, many(b'{"model":"tiny","messages":[', b"1", b"]}"), 400, "messages: at most 10000 are taken, got 1000000"),
    (CHAT, keys(b"{", b"}"), 400, "an object of 2000 keys"),
]


@pytest.mark.parametrize(("path", "body", "status", "told"), TOO_MANY, ids=range(len(TOO_MANY)))
def test_more_than_any_request_needs(client, path, body, status, told):
    answer = client.post(path, data=body, content_type="application/json")
    assert (answer.status_code, told in answer.text) == (status, True), answer.text[:300]
    assert len(answer.text) < 200_000


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"a\n" + b"\n" * 100_001, "more than 100000 blank lines"),
        (many(b"", b"a", b"\n1", 10_005), "10005 columns; at most 10004 are taken"),
    ],
)
def test_csv_of_nothing(client, body, told):
    answer = client.post(V1, data=body, content_type="text/csv")
    assert (answer.status_code, told in answer.json["error"]) == (413, True)


def test_as_many_rows_as_are_taken(client):
    row = [5.1, 3.5, 1.4, 0.2]
    sent = [
        (V1, {"instances": [row] * 100_000}),
        (MLFLOW, {"dataframe_split": {"data": [row] * 100_000}}),
        (ARTICLE, [row] * 100_000),
        (V2, {"inputs": [{"name": "x", "datatype": "FP64", "shape": [100_000, 4], "data": [row] * 100_000}]}),
        (
            V2,
            {
                "inputs": [
                    {"name": f"x{place}", "datatype": "FP64", "shape": [20_000, 1], "data": [[1.5]] * 20_000}
                    for place in range(4)
                ]
            },
        ),
    ]
    for path, body in sent:
        answer = client.post(path, data=orjson.dumps(body), content_type="application/json")
        assert answer.status_code == 200, answer.text[:300]


def test_columns_by_index_take_one_pass():
    """Every index was once looked up in every column: minutes for as many columns as a body can hold."""
    rows = table({f"c{number}": {f"k{number}": number} for number in range(20_000)}, 100_000)
    assert rows[:2] == [{"c0": 0}, {"c1": 1}]
    assert len(rows) == 20_000


def test_what_is_refused_was_never_made():
    """15 MB of empty lists once took 455 MB more than the body itself."""
    code = """
import resource, sys
from service.errors import PayloadTooLarge
from service.wire import Request
body = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    Request(body).json
except PayloadTooLarge:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    body = many(b'{"instances":[', b"[]", b"]}", 5_000_000)
    done = subprocess.run([sys.executable, "-c", code], input=body, capture_output=True, check=True, cwd=ROOT)
    assert int(done.stdout) < 40_000, "KiB"
