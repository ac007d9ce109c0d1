"""Bodies that are not UTF-8 are named as such, in every dialect and form; a byte order mark is taken."""

import codecs
import json

import pytest

from service.app import create_app
from service.errors import RequestError
from service.settings import Settings
from service.wire.json_body import parse
from service.wire.utf8 import text
from tests.support.stores import pack_iris_and_tiny

TABLE = {"instances": [[5.1, 3.5, 1.4, 0.2]]}
TENSOR = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [5.1, 3.5, 1.4, 0.2]}]}
CSV = "sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)\n5.1,3.5,1.4,0.2\n"
BODIES = {
    "V1": ("/v1/models/iris:predict", "application/json", json.dumps(TABLE)),
    "V1, CSV": ("/v1/models/iris:predict", "text/csv", CSV),
    "V2": ("/v2/models/iris/infer", "application/json", json.dumps(TENSOR)),
    "V2, index": ("/v2/repository/index", "application/json", "{}"),
    "MLflow": ("/invocations", "application/json", json.dumps(TABLE)),
    "MLflow, CSV": ("/invocations", "text/csv", CSV),
    "article": ("/predict", "application/json", json.dumps(TABLE["instances"])),
    "completions": ("/v1/completions", "application/json", '{"model": "tiny", "prompt": "abc", "max_tokens": 1}'),
    "chat": (
        "/v1/chat/completions",
        "application/json",
        '{"model": "tiny", "messages": [{"role": "user", "content": "abc"}], "max_tokens": 1}',
    ),
}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    pack_iris_and_tiny(store)
    return create_app(Settings(store=store)).test_client()


def message(answer):
    """The sentence of an error in whichever form."""
    error = answer.json.get("message") or answer.json["error"]
    return error["message"] if isinstance(error, dict) else error


@pytest.mark.parametrize("name", BODIES)
def test_every_dialect(client, name):
    path, content_type, body = BODIES[name]

    def post(content):
        return client.post(path, data=content, content_type=content_type)

    assert post(codecs.BOM_UTF8 + body.encode()).status_code == 200
    answer = post(body.encode() + b"\xff")
    assert (answer.status_code, message(answer)) == (
        400,
        f"the body is not UTF-8: byte 0xff at offset {len(body)}",
    )
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        answer = post(body.encode(encoding))
        wanted = f"the body is {encoding[:6].upper()}, by its first bytes; send UTF-8"
        assert (answer.status_code, message(answer)) == (400, wanted), encoding


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"caf\xe9", "0xe9 at offset 3"),
        (b'{"a": "\xed\xa0\x80"}', "0xed at offset 7"),
        (b"\xef\xbb\xbfab\xc3", "0xc3 at offset 5"),
        (b"a\xf0\x9f\x98", "0xf0 at offset 1"),
    ],
)
def test_the_first_wrong_byte_is_counted_from_the_body_s_first(body, place):
    with pytest.raises(RequestError, match=f"^the body is not UTF-8: byte {place}$"):
        text(body)


def test_a_mark_is_no_part_of_the_text():
    assert text(codecs.BOM_UTF8 + b"age") == "age"
    assert text(b"") == text(codecs.BOM_UTF8) == ""


@pytest.mark.parametrize(
    ("body", "value"), [(b'{"a": [NaN, 1]}', {"a": [None, 1]}), (b"1e999", None), (b'"\xc3\xa9"', "é")]
)
def test_json_behind_a_mark(body, value):
    assert json.loads(json.dumps(parse(codecs.BOM_UTF8 + body, 10)), parse_constant=lambda _: None) == value


def test_json_that_is_broken_behind_a_mark_is_told_without_it():
    with pytest.raises(RequestError, match="the body is not JSON: unexpected end of data"):
        parse(codecs.BOM_UTF8 + b"[1", 10)
