"""Compressed bodies on every route that takes one, both ways in, never beyond the limit."""

import gzip
import json
import zlib

import pytest
from backports import zstd
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from service.app import create_app
from service.packing import pack
from service.settings import Settings
from tests.support.ways import OnlyFastPath, OnlyFlask, rewired

LIMIT = 50_000
ROW = [5.1, 3.5, 1.4, 0.2]
ROUTES = {
    "/predict": [ROW],
    "/v1/models/iris:predict": {"instances": [ROW]},
    "/v1/models/iris/versions/1:predict": {"inputs": {"x0": [1]}},
    "/invocations": {"inputs": [ROW]},
    "/endpoints/iris/invocations": {"inputs": [ROW]},
}


def bare(body):
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(body) + compressor.flush()


PACK = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd.compress,
    "GZIP ": gzip.compress,
}


@pytest.fixture(scope="module")
def ways(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    X, y = load_iris(return_X_y=True)
    pack(DecisionTreeClassifier(max_depth=2).fit(X, y), X, y, name="iris", store=store)
    settings = Settings(store=store, max_body_bytes=LIMIT)
    return [rewired(create_app(settings), way, settings).test_client() for way in (OnlyFlask, OnlyFastPath)]


def post(client, path, body, coding, **more):
    return client.post(path, data=body, headers={"Content-Encoding": coding, "X-Request-ID": "abc"}, **more)


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("coding", PACK)
def test_every_coding_on_every_route(ways, path, coding):
    body = json.dumps(ROUTES[path]).encode()
    for client in ways:
        plain = client.post(path, data=body, headers={"X-Request-ID": "abc"})
        packed = post(client, path, PACK[coding](body), coding)
        assert (packed.status_code, packed.json) == (plain.status_code, plain.json)


def test_the_bare_form_of_deflate_and_identity(ways):
    body = json.dumps([ROW]).encode()
    for client in ways:
        assert post(client, "/predict", bare(body), "deflate").json == {"text": [0]}
        assert post(client, "/predict", body, "identity").json == {"text": [0]}


def test_a_table_of_csv_compressed(ways):
    body = gzip.compress(b"x0,x1,x2,x3\n5.1,3.5,1.4,0.2\n")
    for client in ways:
        assert post(client, "/invocations", body, "gzip", content_type="text/csv").json == {"predictions": [0]}


BAD = [
    ("another coding", b"x", "br", 415, "encoded as br; send gzip, deflate, zstd, x-gzip, or identity"),
    ("two codings", b"x", "gzip, zstd", 415, "encoded as gzip, zstd"),
    ("no gzip", b"{}", "gzip", 400, "the body is not gzip"),
    ("no deflate", b"\xff{}", "deflate", 400, "the body is not deflate"),
    ("no zstd", b"{}", "zstd", 400, "the body is not zstd"),
    ("half of gzip", gzip.compress(b"[1]")[:-4], "gzip", 400, "it breaks off"),
    ("half of zstd", zstd.compress(b"[1]" * 99)[:-4], "zstd", 400, "it breaks off"),
    ("nothing", b"", "gzip", 400, "the body is empty"),
    ("two of gzip", gzip.compress(b"[1]") * 2, "gzip", 400, "23 bytes follow its end"),
    ("a bomb of gzip", gzip.compress(b" " * 10**7), "gzip", 413, "larger than 50000 bytes once it is decompressed"),
    ("a bomb of deflate", zlib.compress(b" " * 10**7), "deflate", 413, "once it is decompressed"),
    ("a bomb of zstd", zstd.compress(b" " * 10**8), "zstd", 413, "once it is decompressed"),
    ("one byte too many", gzip.compress(b" " * (LIMIT + 1)), "gzip", 413, "once it is decompressed"),
    ("the limit itself", gzip.compress(b" " * LIMIT), "gzip", 400, "the body is empty"),
]


@pytest.mark.parametrize(
    ("body", "coding", "status", "told"), [case[1:] for case in BAD], ids=[case[0] for case in BAD]
)
def test_bodies_that_cannot_be_opened(ways, body, coding, status, told):
    for client in ways:
        answer = post(client, "/v1/models/iris:predict", body, coding)
        assert answer.status_code == status
        assert told in answer.json["error"]


def test_a_window_that_takes_a_gigabyte_is_refused(ways):
    """RFC 9659: 8 MiB is the most that a body may ask the reader to remember."""
    wide = zstd.compress(b"[1]" * 10**7, options={zstd.CompressionParameter.window_log: 24})
    assert zstd.get_frame_info(wide).decompressed_size == 3 * 10**7
    for client in ways:
        answer = post(client, "/v1/models/iris:predict", wide, "zstd")
        assert (answer.status_code, "memory" in answer.json["error"]) == (400, True)
