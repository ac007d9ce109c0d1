"""The Open Inference Protocol over the whole application: forms of tables, outputs, the binary extension, metadata."""

import gzip
import json
import re

import pytest

from service import __version__
from service.app import create_app
from service.settings import Settings
from service.wire.v2 import metadata
from tests.support.v2_requests import (
    HEADER,
    NAMES,
    WANTED,
    X,
    call,
    columns,
    framed,
    outputs,
    raw,
    tensor,
)


@pytest.fixture(scope="module")
def app(v2_store):
    return create_app(Settings(store=v2_store, max_rows=20))


@pytest.mark.parametrize(
    "sent",
    [
        call(tensor()),
        call(tensor(X.ravel(), shape=[3, 4])),
        call(tensor(datatype="FP32")),
        call(*columns()),
        call(*columns(width=(1,))[::-1], parameters={"content_type": "pd"}),
        call(*columns(), parameters={"content_type": "np"}),
        raw([tensor()], [X.tobytes()]),
        raw([tensor(datatype="FP16")], [X.astype("<f2").tobytes()]),
        raw(columns(), [one.astype("<f8").tobytes() for one in X.T]),
        {"data": gzip.compress(json.dumps(call(tensor())["json"]).encode()), "headers": {"Content-Encoding": "gzip"}},
        raw([tensor()], [X.tobytes()]) | {"content_type": "application/octet-stream"},
    ],
    ids=[
        "nested",
        "flat",
        "FP32",
        "columns",
        "any-order",
        "several",
        "binary",
        "FP16",
        "binary-columns",
        "gzip",
        "octets",
    ],
)
def test_every_form_of_a_table(infer, sent):
    (told,) = infer(**sent)["outputs"]
    assert told == {"name": "predict", "datatype": "BYTES", "shape": [3], "data": WANTED}


def test_outputs_by_name(infer, app):
    wanted = [{"name": name} for name in ("predict_proba", "output-0", "decision_function")]
    answer = infer(**call(tensor(), id="mine", outputs=wanted))
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("mine", "iris", "2")
    assert [one["name"] for one in answer["outputs"]] == ["predict_proba", "output-0", "decision_function"]
    scores = outputs(answer)["predict_proba"]
    assert (scores["datatype"], scores["shape"]) == ("FP64", [3, 3])
    assert json.loads(scores["parameters"]["labels"]) == WANTED
    native = app.test_client().post(
        "/v1/models/iris:predict", json={"instances": X.tolist(), "outputs": ["predict_proba"]}
    )
    assert scores["data"] == [one[label] for one in native.json["predictions"] for label in WANTED]


def test_without_an_id_the_request_s_own_is_given(app):
    answer = app.test_client().post("/v2/models/iris/infer", **call(tensor()))
    assert answer.json["id"] == answer.headers["X-Request-ID"]


def test_a_version_of_the_caller_s_choice(app):
    answer = app.test_client().post("/v2/models/iris/versions/1/infer", **call(tensor()))
    assert answer.json["model_version"] == "1"


def test_labels_that_are_numbers_stay_numbers(infer):
    (told,) = infer("numbered", **call(tensor()))["outputs"]
    assert (told["datatype"], told["data"]) == ("INT64", [0, 1, 2])


def test_several_targets(infer):
    answer = outputs(infer("several", **call(tensor(), outputs=[{"name": "predict"}, {"name": "predict_proba"}])))
    assert set(answer) == {"predict", "predict_proba:a", "predict_proba:b"}
    assert answer["predict"]["shape"] == [3, 2]
    assert answer["predict_proba:a"]["shape"] == [3, 3]
    assert json.loads(answer["predict_proba:b"]["parameters"]["labels"]) == ["no", "yes"]


def test_texts_and_holes(infer):
    kinds, names = tensor(["cat", "dog", None], "BYTES", "kind"), tensor(["Tom", "Rex", "Ivy"], "BYTES", "name")
    assert infer("pets", **call(kinds, names))["outputs"][0]["data"] == [0, 1, 1]
    table = tensor([["cat", "Tom"], ["dog", "Rex"], [None, "Ivy"]], "BYTES")
    assert infer("pets", **call(table))["outputs"][0]["data"] == [0, 1, 1]
    texts = framed(b"cat", b"Tom", b"dog", b"Rex")
    assert infer("pets", **raw([tensor(shape=[2, 2], datatype="BYTES")], [texts]))["outputs"][0]["data"] == [0, 1]
    as_json = tensor(['"cat"', "null"], "BYTES", "kind", content_type="pd_json")
    two = tensor(["Tom", "Ivy"], "BYTES", "name", content_type="str")
    assert infer("pets", **call(as_json, two))["outputs"][0]["data"] == [0, 1]


def test_answers_in_binary(app):
    sent = call(
        tensor(), outputs=[{"name": "predict"}, {"name": "predict_proba", "parameters": {"binary_data": False}}]
    )
    sent["json"]["parameters"] = {"binary_data_output": True}
    answer = app.test_client().post("/v2/models/iris/infer", **sent)
    assert answer.content_type == "application/octet-stream"
    length = int(answer.headers[HEADER])
    labels, scores = json.loads(answer.data[:length])["outputs"]
    assert "data" not in labels
    assert labels["parameters"]["binary_data_size"] == len(answer.data) - length
    assert answer.data[length:] == framed(*map(str.encode, WANTED))
    assert len(scores["data"]) == 9


def test_an_answer_of_json_after_one_in_binary_is_announced_as_json(app):
    for binary, announced in ((True, "application/octet-stream"), (False, "application/json")):
        answer = app.test_client().post(
            "/v2/models/iris/infer", **call(tensor(), parameters={"binary_data_output": binary})
        )
        assert answer.content_type == announced
        assert (HEADER in answer.headers) is binary


def test_classification(infer):
    wanted = [{"name": "predict_proba", "parameters": {"classification": 2}}]
    (told,) = infer(**call(tensor(), outputs=wanted))["outputs"]
    assert (told["datatype"], told["shape"]) == ("BYTES", [3, 2])
    assert [re.sub(r"^[0-9.]+:", "", one) for one in told["data"][::2]] == ["0:setosa", "1:versicolor", "2:virginica"]
    wanted[0]["name"] = "predict"
    assert "several a row" in infer(status=400, **call(tensor(), outputs=wanted))["error"]


def test_warnings_are_told(infer):
    answer = infer(**call(*columns(), tensor([1, 2, 3], "INT64", "extra"), parameters={"surprise": 1}))
    assert answer["parameters"]["warnings"] == (
        'column "extra" is not a column of this model and was ignored; '
        "parameter 'surprise' means nothing for tables and was ignored"
    )


def test_a_time_limit_in_microseconds(infer):
    infer(**call(tensor(), parameters={"timeout": 60_000_000}))
    assert "deadline passed" in infer(status=504, **call(tensor(), parameters={"timeout": 1}))["error"]


def test_texts_are_continued(infer):
    greedy = {"max_tokens": 3, "temperature": 0}
    answer = outputs(infer("tiny", **call(tensor(["ab", "ba"], "BYTES", "text"), parameters=greedy)))
    assert set(answer) == {"text", "finish_reason"}
    assert answer["finish_reason"]["data"] == ["length", "length"]
    counts = [{"name": "text_output"}, {"name": "completion_tokens"}]
    named = outputs(infer("tiny", **call(tensor(["ab"], "BYTES", "any"), parameters=greedy, outputs=counts)))
    assert named["text_output"]["data"] == answer["text"]["data"][:1]
    assert named["completion_tokens"]["data"] == [3]
    assert "top_p" in infer("tiny", 400, **call(tensor(["ab"], "BYTES"), parameters={"top_p": 7}))["error"]
    assert "nope" in infer("tiny", 400, **call(tensor(["ab"], "BYTES"), outputs=[{"name": "nope"}]))["error"]
    assert "exactly one input of BYTES" in infer("tiny", 400, **call(tensor()))["error"]
    assert "inputs[0].data[1]" in infer("tiny", 400, **call(tensor(["ab", None], "BYTES")))["error"]


def test_probes_and_metadata(app):
    client = app.test_client()
    assert client.get("/v2/health/live").json == {"live": True}
    assert client.get("/v2/health/ready").json == {"live": True, "ready": True}
    server = client.get("/v2").json
    assert server["name"] == "daylight"
    assert server["version"] == __version__
    assert client.get("/v2/models/iris/versions/1/ready").json == {"name": "iris", "ready": True}
    told = client.get("/v2/models/pets").json
    assert told["versions"] == ["1"]
    assert told["inputs"] == [{"name": name, "datatype": "BYTES", "shape": [-1, 1]} for name in ("kind", "name")]
    assert told["outputs"][0] == {"name": "predict", "datatype": "INT64", "shape": [-1]}
    assert client.get("/v2/models/tiny").json["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]


def test_metadata_tells_what_is_answered(app, infer):
    """Every output of every table, by the name, datatype, width and labels that the metadata gives it."""
    for model in ("iris", "numbered", "several"):
        told = app.test_client().get(f"/v2/models/{model}").json["outputs"]
        names = list(dict.fromkeys(one["name"].partition(":")[0] for one in told))
        answered = infer(model, **call(tensor(), outputs=[{"name": name} for name in names]))["outputs"]
        for one in answered:
            del one["data"]
            one["shape"][0] = -1
        assert answered == told


@pytest.mark.parametrize(
    ("column", "datatype"),
    [
        ({"kind": "number", "dtype": "float64", "nullable": True}, "FP64"),
        ({"kind": "number", "dtype": "float32", "nullable": False}, "FP32"),
        ({"kind": "integer", "dtype": "uint8", "nullable": False}, "UINT8"),
        ({"kind": "integer", "dtype": "Int32", "nullable": True}, "FP64"),
        ({"kind": "integer", "dtype": "int64[pyarrow]", "nullable": False}, "INT64"),
        ({"kind": "boolean", "dtype": "bool", "nullable": False}, "BOOL"),
        ({"kind": "text", "dtype": "object", "nullable": True}, "BYTES"),
        ({"kind": "category", "dtype": "category", "nullable": True, "categories": ["a", "b"]}, "BYTES"),
        ({"kind": "category", "dtype": "int64", "nullable": False, "categories": [1, 2]}, "INT64"),
        ({"kind": "datetime", "dtype": "datetime64[ns]", "nullable": False}, "BYTES"),
    ],
)
def test_datatypes_of_columns(column, datatype):
    entry = {
        "name": "m",
        "versions": ["1"],
        "capabilities": ["predict_table"],
        "columns": [{"name": "c", **column}],
        "outputs": {},
    }
    assert metadata(entry)["inputs"] == [{"name": "c", "datatype": datatype, "shape": [-1, 1]}]


def test_the_index(app):
    client = app.test_client()
    for sent in ({}, {"json": {}}, {"json": {"ready": True}}):
        told = client.post("/v2/repository/index", **sent).json
        assert [(one["name"], one["state"]) for one in told] == [
            (name, "READY") for name in ("iris", "numbered", "pets", "several", "tiny")
        ]
    assert client.post("/v2/repository/index", json={"ready": 3}).status_code == 400


def test_v1_tells_the_same_tensors_as_tf_serving_does(app):
    for path in ("/v1/models/iris/metadata", "/v1/models/iris/versions/1/metadata"):
        told = app.test_client().get(path).json
        assert told["model_spec"]["name"] == "iris"
        signature = told["metadata"]["signature_def"]["signature_def"]["serving_default"]
        assert list(signature["inputs"]) == NAMES
        assert {one["dtype"] for one in signature["inputs"].values()} == {"DT_DOUBLE"}
        assert signature["outputs"]["predict_proba"]["tensor_shape"]["dim"][1]["size"] == "3"
        assert signature["outputs"]["predict"]["dtype"] == "DT_STRING"
