"""Networks over tensors: every dialect that speaks of them, the page and the client, and what is refused."""

import io
import json

import numpy as np
import pytest

from client import Client
from client.errors import InvalidRequest
from service.app import create_app
from service.settings import Settings
from tests.support.client_server import Answer, answering
from tests.support.small_networks import TABLE, pack_doubler, pack_looker
from tests.support.ways import WholeClient

NPY = "application/x-npy"
IMAGE = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
IDS = np.array([[0, 1, 4], [3, 3, 3]])
GIVEN = {"image": IMAGE.tolist(), "ids": IDS.tolist()}
DOUBLED, LOOKED = (2 * IMAGE).tolist(), TABLE[IDS].tolist()
LENGTH = "Inference-Header-Content-Length"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    pack_looker(store)
    pack_doubler(store)
    return WholeClient(create_app(Settings(store=store, max_rows=10, default_network="looker")))


def ask(client, body, name="looker", **options):
    return client.post(f"/v1/models/{name}:predict", json=body, **options)


def test_whole_tensors_by_name(client):
    answer = ask(client, {"inputs": GIVEN})
    assert answer.json == {
        "outputs": {"doubled": DOUBLED, "looked": LOOKED},
        "model_name": "looker",
        "model_version": "1",
    }
    assert ask(client, {"inputs": GIVEN, "outputs": ["looked"]}).json["outputs"] == LOOKED


def test_a_row_each(client):
    rows = [{"image": image, "ids": ids} for image, ids in zip(GIVEN["image"], GIVEN["ids"], strict=True)]
    wanted = [{"doubled": one, "looked": two} for one, two in zip(DOUBLED, LOOKED, strict=True)]
    assert ask(client, {"instances": rows}).json["predictions"] == wanted
    assert ask(client, {"instances": rows, "outputs": ["doubled"]}).json["predictions"] == DOUBLED


def test_a_network_of_one_input_takes_its_tensor_without_a_name(client):
    for body in ({"inputs": [[1, 2, 3]]}, {"inputs": {"x": [[1, 2, 3]]}}):
        assert ask(client, body, "doubler").json["outputs"] == [[2, 4, 6]]
    for body in ({"instances": [[1, 2, 3]]}, {"instances": [{"x": [1, 2, 3]}]}):
        assert ask(client, body, "doubler").json["predictions"] == [[2, 4, 6]]


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_of_numpy_is_a_body_and_an_answer(client, order):
    file = io.BytesIO()
    np.save(file, np.asarray(np.arange(6).reshape(2, 3), order=order, dtype=">f8"))
    path = "/v1/models/doubler:predict"
    answer = client.post(path, data=file.getvalue(), content_type=NPY, headers={"Accept": NPY})
    assert answer.content_type == NPY
    found = np.load(io.BytesIO(answer.data))
    assert found.dtype == np.float32
    assert found.tolist() == [[0, 2, 4], [6, 8, 10]]
    assert client.post(path, data=file.getvalue(), content_type=NPY).json["outputs"] == found.tolist()
    assert client.post(path, data=b"not numpy", content_type=NPY).status_code == 400
    refused = ask(client, {"inputs": GIVEN}, headers={"Accept": NPY})
    assert refused.status_code == 406
    assert "holds one output; choose one of doubled, looked" in refused.json["error"]


def v2(client, name, *inputs, raw=b"", **more):
    body = json.dumps({"inputs": inputs, **more}).encode()
    headers = {LENGTH: str(len(body))} if raw else {}
    return client.post(f"/v2/models/{name}/infer", data=body + raw, headers=headers)


def tensor(name, datatype, array, **more):
    return {"name": name, "datatype": datatype, "shape": list(array.shape), **more}


def test_v2_in_json_flat_or_nested(client):
    flat = tensor("image", "FP32", IMAGE, data=IMAGE.ravel().tolist())
    nested = tensor("ids", "INT64", IDS, data=IDS.tolist())
    answer = v2(client, "looker", flat, nested).json
    assert answer["outputs"] == [
        {"name": "doubled", "datatype": "FP32", "shape": [2, 2, 3], "data": (2 * IMAGE).ravel().tolist()},
        {"name": "looked", "datatype": "FP32", "shape": [2, 3], "data": TABLE[IDS].ravel().tolist()},
    ]
    chosen = v2(client, "looker", flat, nested, outputs=[{"name": "looked"}, {"name": "output-0"}]).json
    assert [each["name"] for each in chosen["outputs"]] == ["looked", "output-0"]
    assert chosen["outputs"][1]["data"] == answer["outputs"][0]["data"]


def test_v2_in_raw_bytes(client):
    raw = IMAGE.tobytes() + IDS.astype("<i4").tobytes()
    inputs = [
        tensor("image", "FP32", IMAGE, parameters={"binary_data_size": IMAGE.nbytes}),
        tensor("ids", "INT32", IDS, parameters={"binary_data_size": IDS.nbytes // 2}),
    ]
    answer = v2(client, "looker", *inputs, raw=raw, parameters={"binary_data_output": True})
    length = int(answer.headers[LENGTH])
    assert json.loads(answer.data[:length])["outputs"][0]["parameters"] == {"binary_data_size": IMAGE.nbytes}
    assert answer.data[length:] == (2 * IMAGE).tobytes() + TABLE[IDS].tobytes()


def test_not_a_number_passes_where_the_protocol_has_it(client):
    answer = v2(client, "doubler", tensor("x", "FP32", np.zeros((1, 3)), data=[1, None, 2]))
    assert answer.json["outputs"][0]["data"] == [2, None, 4]
    array = np.array([[np.inf, np.nan, 1]], np.float32)
    described = tensor("x", "FP32", array, parameters={"binary_data_size": array.nbytes})
    assert v2(client, "doubler", described, raw=array.tobytes()).json["outputs"][0]["data"] == [None, None, 2]
    assert ask(client, {"inputs": [[1, None, 2]]}, "doubler").status_code == 422
    refused = client.post(
        "/v1/models/doubler:predict", data='{"inputs": [[1, Infinity, NaN]]}', content_type="application/json"
    )
    assert refused.status_code == 422
    assert "got inf at [0][1]" in refused.json["error"]


def test_mlflow_has_both_forms(client):
    path = "/endpoints/looker/invocations"
    assert client.post(path, json={"inputs": GIVEN}).json == {"predictions": {"doubled": DOUBLED, "looked": LOOKED}}
    chosen = client.post(path, json={"inputs": GIVEN, "params": {"outputs": ["looked"]}})
    assert chosen.json == {"predictions": LOOKED}
    assert client.post("/endpoints/doubler/invocations", json={"instances": [[1, 2, 3]]}).json == {
        "predictions": [[2, 4, 6]]
    }
    refused = client.post(path, json={"dataframe_records": [{}]})
    assert (refused.status_code, refused.json["error_code"]) == (400, "BAD_REQUEST")
    assert "a network takes tensors: send inputs or instances" in refused.json["message"]


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({"image": IMAGE.tolist()}, ["input 'ids': expected a tensor, got none"]),
        (
            {"image": [[1]], "more": 1},
            [
                "input 'ids': expected a tensor, got none",
                "input 'more': expected image, ids, got another name",
                "input 'image': expected lists 3 deep, got 1 at [0][0]",
            ],
        ),
        ({**GIVEN, "mask": [1]}, ["input 'mask': expected image, ids, got another name"]),
        ({**GIVEN, "image": [[[1, 2], [3, 4]]]}, ["input 'image': expected shape [batch, 2, 3], got [1, 2, 2]"]),
        ({**GIVEN, "image": IMAGE[:1].tolist()}, ["input 'ids': expected batch of 1, as in image, got 2"]),
        (
            {"image": np.zeros((9, 2, 3)).tolist(), "ids": [[0]] * 9},
            ["input 'image': expected batch from 1 to 8, got 9", "input 'ids': expected batch from 1 to 8, got 9"],
        ),
        ({"image": [], "ids": []}, ["input 'image': expected shape [batch, 2, 3], got [0, 0, 0]"]),
        ({**GIVEN, "ids": [[-1], [0]]}, ["input 'ids': expected whole numbers from 0 on, got -1"]),
        ({"image": "no", "ids": [[0.5]]}, ["expected lists 3 deep, got 'no'", "whole numbers of int64, got 0.5"]),
        ([[1]], ["expected an object of image, ids, got another value"]),
    ],
)
def test_every_violation_is_told_at_once(client, inputs, told):
    answer = ask(client, {"inputs": inputs})
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_instances")
    sentences = []
    for each in answer.json["details"]:
        where = f"input {each['input']!r}: " if "input" in each else ""
        sentences.append(f"{where}expected {each['expected']}, got {each['got']}")
    for one in told:
        assert any(one in each for each in sentences), sentences


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"instances": []}, "expected a list of rows, at least one, got an empty one"),
        ({"instances": [{"image": IMAGE[0].tolist()}]}, "row 0, input 'ids': expected a tensor, got none"),
        ({"instances": [1]}, "row 0: expected an object of image, ids, got another value"),
        ({}, 'exactly one of "instances" and "inputs" is expected'),
        ({"inputs": GIVEN, "top_k": 1}, "top_k"),
        ({"inputs": GIVEN, "outputs": ["no"]}, "outputs: expected any of doubled, looked, got 'no'"),
        ({"inputs": {**GIVEN, "ids": [[5], [0]]}}, "a whole number is larger than the network has entries for"),
    ],
)
def test_wrong_requests_are_refused_with_a_sentence(client, body, told):
    answer = ask(client, body)
    assert answer.status_code in (400, 422)
    assert told in answer.json["error"]


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ([tensor("x", "FP32", np.zeros((1, 3)), data=[1, 2])], "expected 3 elements, as shape says, got 2"),
        ([tensor("x", "FP32", np.zeros((1, 3)), data=[[1, 2]])], "expected lists nested as shape says, or one of 3"),
        ([tensor("x", "FP32", np.zeros((1, 3)), data=[1, 2, "a"])], "data: element 2 is not of FP32"),
        ([tensor("x", "FP32", np.zeros((1, 3)), data=[1, 2, 1e39])], "data: element 2 is not of FP32"),
        ([tensor("x", "INT64", np.zeros((1, 3)), data=[1, 2, 2.5])], "data: element 2 is not of INT64"),
        (
            [tensor("x", "BOOL", np.zeros((1, 3)), data=[True, False, True])],
            "expected numbers of float32, got an array",
        ),
        ([tensor("x", "BYTES", np.zeros((1, 3)), data=["a", "b", "c"])], "a network takes numbers and truth values"),
        ([tensor("x", "FP32", np.zeros((1,) * 17), data=[1])], "expected at most 16 whole numbers"),
        ([tensor("x", "FP32", np.zeros((1, 3)), data=[1, 2, 3])] * 2, "'x' is there twice"),
        ([tensor("y", "FP32", np.zeros((1, 3)), data=[1, 2, 3])], 'input "x": expected a tensor, got none'),
    ],
)
def test_v2_refuses_in_its_own_words(client, inputs, told):
    answer = v2(client, "doubler", *inputs)
    assert answer.status_code == 400
    assert told in answer.json["error"]


def test_no_more_rows_than_the_server_takes(client):
    answer = ask(client, {"inputs": np.zeros((11, 3)).tolist()}, "doubler")
    assert (answer.status_code, answer.json["code"]) == (413, "payload_too_large")


def test_networks_are_described(client):
    described = client.get("/v2/models/looker").json
    assert described["inputs"][0] == {"name": "image", "datatype": "FP32", "shape": [-1, 2, 3]}
    assert described["outputs"][1] == {"name": "looked", "datatype": "FP32", "shape": [-1, -1]}
    signature = client.get("/v1/models/looker/metadata").json["metadata"]["signature_def"]["signature_def"]
    assert signature["serving_default"]["inputs"]["ids"]["dtype"] == "DT_INT64"
    schema = client.get("/v1/models/looker/schema").json
    ids = schema["properties"]["inputs"]["anyOf"][0]["properties"]["ids"]
    assert ids["items"]["items"] == {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
    assert (ids["minItems"], ids["maxItems"]) == (1, 8)
    paths = client.get("/openapi.json").json["paths"]
    for path in ("/v1/models/looker:predict", "/v2/models/looker/infer", "/endpoints/looker/invocations"):
        examples = paths[path]["post"]["requestBody"]["content"]["application/json"]["examples"]
        for example in examples.values():
            assert client.post(path, json=example["value"]).status_code == 200
    page = client.get("/models/looker").text
    assert "takes image: float32 [batch, 2, 3]" in page
    assert "gives looked: float32 [batch, size_1]" in page
    assert "numpy.zeros([1, 2, 3], &#34;float32&#34;)" in page or 'numpy.zeros([1, 2, 3], "float32")' in page


def test_the_client_sends_arrays_and_gets_arrays(client):
    def forwarded(request):
        path = request.path
        answer = client.open(path, method=request.method, data=request.body, headers=dict(request.headers))
        return Answer(answer.status_code, answer.data, dict(answer.headers))

    routes = {
        f"{method} {path}": forwarded
        for method, path in (
            ("POST", "/v2/models/looker/infer"),
            ("POST", "/v2/models/doubler/versions/1/infer"),
            ("GET", "/v1/models"),
        )
    }
    with answering(routes) as server, Client(server.url) as daylight:
        answer = daylight.run({"image": IMAGE, "ids": IDS})
        assert list(answer) == ["doubled", "looked"]
        assert np.array_equal(answer["doubled"], 2 * IMAGE)
        assert answer["doubled"].dtype == np.float32
        assert answer["looked"].tolist() == LOOKED
        (only,) = daylight.run({"x": [[1.5, 2, 3]]}, "doubler", version="1", outputs="doubled").values()
        assert only.tolist() == [[3, 4, 6]]
        with pytest.raises(InvalidRequest, match="expected shape") as caught:
            daylight.run({"image": IMAGE[0], "ids": IDS}, "looker")
        assert caught.value.details[0]["input"] == "image"
        with pytest.raises(InvalidRequest) as caught:
            daylight.run({"image": IMAGE[:, :1], "other": IDS}, "looker")
        assert {line.strip().partition(":")[0] for line in str(caught.value).splitlines()[1:]} == {
            "input 'ids'",
            "input 'image'",
            "input 'other'",
        }
        with pytest.raises(TypeError, match="'x' is an array of <U1"):
            daylight.run({"x": ["a"]}, "doubler", version="1")
