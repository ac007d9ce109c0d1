"""A key that comes twice in an object is refused in every dialect, wherever it is; nothing else ever is."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.app import create_app
from service.errors import RequestError
from service.settings import Settings
from service.wire.json_body import parse
from service.wire.json_limits import SMALL
from tests.support.stores import pack_iris_and_tiny

V1, V2 = "/v1/models/iris:predict", "/v2/models/iris/infer"
TEXTS, COMPLETIONS, CHAT = "/v1/models/tiny:predict", "/v1/completions", "/v1/chat/completions"
ROW = '"sepal length (cm)": 5.1, "sepal width (cm)": 3.5, "petal length (cm)": 1.4, "petal width (cm)": 0.2'
TENSOR = '"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [1, 2, 3, 4]'


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    pack_iris_and_tiny(store)
    return create_app(Settings(store=store)).test_client()


TWICE = [
    (V1, '{"instances": [[1, 2, 3, 4]], "instances": [[5, 6, 7, 8]]}', "instances", "the body"),
    (V1, f'{{"instances": [{{{ROW}}}, {{{ROW}, "petal width (cm)": 9}}]}}', "petal width (cm)", "instances[1]"),
    (V1, '{"inputs": {"a": [1], "b": [1], "a": [2]}}', "a", "inputs"),
    (V1, f'{{"instances": [{{{ROW}, "more": {{"a": [{{"b": 1, "b": 1}}]}}}}]}}', "b", "instances[0].more.a[0]"),
    (TEXTS, '{"instances": ["a"], "parameters": {"seed": 1, "seed": 2}}', "seed", "parameters"),
    (V2, f'{{"inputs": [{{{TENSOR}, "data": [5, 6, 7, 8]}}]}}', "data", "inputs[0]"),
    (V2, f'{{"inputs": [{{{TENSOR}, "parameters": {{"a": 1, "a": 1}}}}]}}', "a", "inputs[0].parameters"),
    ("/v2/repository/index", '{"ready": true, "ready": false}', "ready", "the body"),
    ("/invocations", '{"instances": [[1, 2, 3, 4]], "params": {"top_k": 1, "top_k": 2}}', "top_k", "params"),
    ("/predict", f"{{{ROW}, {ROW}}}", "sepal length (cm)", "the body"),
    ("/predict", f'[{{{ROW}, "x": 1, "x": NaN}}]', "x", "[0]"),
    (COMPLETIONS, '{"model": "tiny", "prompt": "a", "seed": 1, "seed": 1}', "seed", "the body"),
    (CHAT, '{"model": "tiny", "messages": [{"role": "user", "content": "a", "role": "a"}]}', "role", "messages[0]"),
]


@pytest.mark.parametrize(("path", "body", "key", "place"), TWICE, ids=range(len(TWICE)))
def test_every_dialect_names_the_key_and_its_object(client, path, body, key, place):
    answer = client.post(path, data=body, content_type="application/json")
    told = answer.json.get("message") or answer.json["error"]
    told = told["message"] if isinstance(told, dict) else told
    assert (answer.status_code, told.partition(" (and")[0].partition(";")[0]) == (
        400,
        f'key "{key}" comes 2 times in {place}',
    )
    details = answer.json.get("details") or answer.json["error"]["details"]
    assert details[0] == {"field": "body" if place == "the body" else place, "message": f'key "{key}" comes 2 times'}


def test_all_of_them_are_counted():
    with pytest.raises(RequestError) as refused:
        parse(b"[" + b",".join([b'{"a":1,"a":2,"a":3}'] * 150) + b"]", 1000)
    error = refused.value
    assert error.message == 'key "a" comes 3 times in [0] (and 149 more); send each key once'
    assert (len(error.details), error.total, error.details[99]["field"]) == (100, 150, "[99]")


def test_a_key_is_the_same_however_it_is_escaped():
    with pytest.raises(RequestError, match='key "é" comes 2 times in the body'):
        parse('{"é": 1, "\\u00e9": 2}'.encode(), 10)
    assert parse('{"e": 1, "é": 2, "e\u0301": 3}'.encode(), 10) == {"e": 1, "é": 2, "e\u0301": 3}


@pytest.mark.parametrize("deep", [900, 1000])
def test_what_is_nested_deeper_than_it_can_be_checked_is_refused_or_right(deep):
    """The check must end in an answer, where the parser itself goes deeper than Python's recursion."""
    body = b'{"a" :' + b"[" * deep + b'{"b":1,"b":2}' + b"]" * deep + b"}"
    with pytest.raises(RequestError, match='nested too deeply|key "b" comes 2 times'):
        parse(body, 2000)
    parse(body.replace(b'"b":2', b'"c":2').replace(b'"a" :', b'"a :":'), 2000)


TRICKS = ['"', ":", '":', " :", '\\":', "\\", "{", "}", ",", "a", "é", '"a": 1', ""]
STRINGS = st.lists(st.sampled_from(TRICKS), max_size=3).map("".join)
VALUES = st.recursive(
    st.one_of(st.none(), st.just(1.5), STRINGS),
    lambda below: st.lists(below, max_size=4) | st.lists(st.tuples(STRINGS, below), max_size=4).map(tuple),
    max_leaves=20,
)
SPACE = st.sampled_from(["", " ", "\n", "\t"])


def written(value, space):
    """A value as JSON, tuples of pairs being objects; and whether a key of one comes twice."""
    if isinstance(value, tuple):
        members = [(json.dumps(key), *written(below, space)) for key, below in value]
        text = ",".join(f"{space}{key}{space}:{space}{below}" for key, below, _ in members)
        repeated = len({key for key, _ in value}) < len(value)
        return f"{{{text}{space}}}", repeated or any(below for _, _, below in members)
    if isinstance(value, list):
        parts = [written(below, space) for below in value]
        return f"[{','.join(text for text, _ in parts)}]", any(below for _, below in parts)
    return json.dumps(value), False


@settings(max_examples=500, deadline=None, database=None, derandomize=True)
@given(VALUES, SPACE, st.sampled_from([0, SMALL]))
@example((("a", [(("b", 1.5), ("b", 1.5))]),), "", 0)
@example((("a", [1.5, (("b", 1.5),)]),), "", 0)
@example((("a", 1.5), ("a", '":')), " ", 0)
def test_refused_if_and_only_if_a_key_comes_twice(value, space, padding):
    text, repeated = written(value, space)
    body = (text + " " * padding).encode()
    if repeated:
        with pytest.raises(RequestError, match=r"comes \d times"):
            parse(body, 100)
    else:
        assert parse(body, 100) == json.loads(text)
