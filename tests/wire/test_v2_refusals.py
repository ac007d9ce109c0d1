"""What the Open Inference Protocol's routes refuse: one string that names every row, column and field."""

import gzip

import numpy as np
import pytest

from service.app import create_app
from service.settings import Settings
from tests.support.v2_requests import HEADER, NAMES, X, call, columns, framed, raw, tensor

LIMIT = 20_000


@pytest.fixture(scope="module")
def app(v2_store):
    return create_app(Settings(store=v2_store, max_body_bytes=LIMIT, max_rows=20))


def changed(row, column, value):
    table = X.astype(object)
    table[row, column] = value
    return table


@pytest.mark.parametrize(
    ("sent", "details"),
    [
        (call(tensor(changed(1, 2, "1.5"))), [(1, NAMES[2], '"1.5"')]),
        (call(tensor(changed(1, 2, None))), [(1, NAMES[2], "null")]),
        (raw([tensor()], [changed(2, 0, np.nan).astype("<f8").tobytes()]), [(2, NAMES[0], "null")]),
        (raw([tensor()], [changed(2, 0, np.inf).astype("<f8").tobytes()]), [(2, NAMES[0], "Infinity")]),
        (call(tensor(changed(0, 0, True), "BOOL")), [(row, name, None) for row in range(3) for name in NAMES]),
        (call(tensor([[5, 3, 1, 2], [1, 2, 3, 2.5]], "INT8")), [(1, NAMES[3], None)]),
        (call(tensor([[1, 2, 3, 300]], "INT8")), [(0, NAMES[3], '"300 in a tensor of INT8"')]),
        (call(tensor([[1, 2, 3, 2**53 + 1]], "FP64")), [(0, NAMES[3], str(2**53 + 1))]),
        (call(tensor([[1, 2, 3, 1e300]], "FP32")), [(0, NAMES[3], "Infinity")]),
        (call(tensor(X[:, :3])), [(row, None, "3 values") for row in range(3)]),
        (call(*columns()[1:]), [(None, NAMES[0], "nothing")]),
        (call(*columns()[1:], tensor([1], name=NAMES[0])), [(None, NAMES[0], "1 values")]),
        (call(tensor([], shape=[0, 4])), [(None, None, "[]")]),
    ],
)
def test_violations_name_rows_and_columns(infer, sent, details):
    told = infer(status=400, **sent)
    found = [(one.get("row"), one.get("column"), one["got"]) for one in told["details"]]
    assert [one[:2] for one in found] == [one[:2] for one in details]
    assert all(wanted[2] in (None, one[2]) for one, wanted in zip(found, details, strict=True))
    for row, column, _ in details:
        place = [f"row {row}"] * (row is not None) + [f'column "{column}"'] * (column is not None)
        assert ", ".join(place) in told["error"]


FAULTS = [
    (call(), "inputs: expected a list of tensors"),
    ({"json": []}, "expected an object"),
    ({"data": b""}, "the body is empty"),
    (call(tensor(), surprise=1), "surprise: is no key of a request"),
    (call(tensor(), id=3), "id: expected a text"),
    (call(tensor(), parameters=[]), "parameters: expected an object"),
    (call(tensor(), parameters={"sequence_id": 3}), "nothing between requests"),
    (call(tensor(), parameters={"timeout": -1}), "whole microseconds"),
    (call(tensor(), parameters={"content_type": "base64"}), "parameters.content_type"),
    (call(tensor(), outputs={}), "outputs: expected a list"),
    (call(tensor(), outputs=[{}]), "outputs[0]: expected an object with a name"),
    (call(tensor(), outputs=[{"name": "predict", "parameters": {"binary_data": 1}}]), "binary_data"),
    (call(tensor(), outputs=[{"name": "predict", "parameters": 1}]), "outputs[0].parameters: expected an object"),
    (call(tensor() | {"parameters": 1}), "inputs[0].parameters: expected an object"),
    (call(3), "inputs[0]: expected an object"),
    (call(tensor(name=3)), "inputs[0].name"),
    (call(tensor(datatype="BF16")), "inputs[0].datatype: expected one of BOOL"),
    (call(tensor(shape=[-1, 4])), "inputs[0].shape"),
    (call(tensor(shape=[3, 4, 1])), "inputs[0].shape"),
    (call(tensor(shape=[4, 3])), "expected 4 lists of 3 elements"),
    (call(tensor(X.ravel(), shape=[3, 5])), "expected 15 elements, as shape says, got 12"),
    (call(tensor(X.ravel(), shape=[20, 4])), "got 12"),
    (call({"name": "x", "datatype": "FP64", "shape": [1]}), "inputs[0].data: expected a list"),
    (call({"name": "x", "datatype": "FP64", "shape": [1], "data": "abc"}), "data: expected a list"),
    (call(tensor(shared_memory_region="r")), "shared memory"),
    (call(tensor(name="a"), tensor(name="b")), "inputs[0].shape: a column is [rows] or [rows, 1]"),
    (call(*columns(), columns()[0]), "is there twice"),
    (call(tensor(["{"], "BYTES", content_type="pd_json")), "element 0 is not JSON"),
    (raw([tensor()], [X.tobytes()[:-8]]), "12 elements of FP64 are 96 bytes, got 88"),
    (raw([tensor()], [X.tobytes()]) | {"headers": {HEADER: "9999"}}, "expected the bytes of JSON"),
    (raw([tensor()], [X.tobytes()]) | {"headers": {HEADER: "-1"}}, "expected the bytes of JSON"),
    (
        raw([tensor()], [X.tobytes()]) | {"headers": {}},
        f"not UTF-8: byte 0xf6 at offset 126; where raw tensors follow the JSON, send {HEADER}",
    ),
    (
        raw([tensor()], [bytes(96)]) | {"headers": {}},
        f"line 1 column 105 (char 104); where raw tensors follow the JSON, send {HEADER}",
    ),
    (call(tensor(binary_data_size=96)), "0 bytes are left"),
    (raw([tensor(shape=[1], datatype="BYTES")], [b"\xff\xff\xff\xff"]), "are not 1 elements of BYTES"),
    (raw([tensor(shape=[1], datatype="BYTES")], [framed(b"\xff")]), "element 0 is not UTF-8"),
    (raw([tensor(shape=[2], datatype="BOOL")], [b"\x01\x02"]), "neither 0 nor 1"),
]


@pytest.mark.parametrize(("sent", "told"), FAULTS, ids=range(len(FAULTS)))
def test_requests_that_are_none(infer, sent, told):
    assert told in infer(status=400, **sent)["error"]


def test_bytes_that_no_tensor_names(infer):
    sent = raw([tensor()], [X.tobytes()])
    sent["data"] += b"more"
    assert "4 bytes follow the tensors" in infer(status=400, **sent)["error"]


def test_all_faults_come_at_once(infer):
    told = infer(status=400, **call(tensor(name=3), tensor(datatype="X"), id=1))
    assert [one["field"] for one in told["details"]] == ["id", "inputs[0].name", "inputs[1].datatype"]


def test_what_is_too_much(infer):
    assert "at most 20" in infer(status=413, **call(tensor(np.ones((21, 4)))))["error"]
    assert "rows" in infer(status=413, **raw([tensor(np.ones((21, 4)))], [np.ones((21, 4)).tobytes()]))["error"]
    for shape in ([10**9, 10**9], [20, 5], [10**9]):
        assert "at most 20" in infer(status=413, **call(tensor(X.ravel(), shape=shape)))["error"]
    bomb = gzip.compress(b" " * (LIMIT + 1))
    assert "decompressed" in infer(status=413, data=bomb, headers={"Content-Encoding": "gzip"})["error"]


def test_what_is_not_there(app):
    client = app.test_client()
    for path in ("/v2/models/absent", "/v2/models/absent/ready", "/v2/models/iris/versions/9", "/v2/nothing"):
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert isinstance(answer.json["error"], str)
    assert client.post("/v2/models/absent/infer", **call(tensor())).status_code == 404
    assert client.get("/v2/models/iris/infer").status_code == 405
    assert client.post("/v2/models/iris/infer", data=b"<x/>", content_type="text/xml").status_code == 415
    assert (
        "any of predict"
        in client.post("/v2/models/iris/infer", **call(tensor(), outputs=[{"name": "x"}])).json["error"]
    )


def test_a_store_that_cannot_be_served_is_told_in_the_form_of_v2(tmp_path):
    client = create_app(Settings(store=tmp_path)).test_client()
    for path in ("/v2/health/ready", "/v2/models/iris/ready"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert isinstance(answer.json["error"], str)
        assert answer.headers["Retry-After"]
    assert client.get("/v2/health/live").status_code == 200
    assert client.post("/v2/repository/index").json == []
