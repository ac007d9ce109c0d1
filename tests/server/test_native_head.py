"""What llhttp and the stricter rules read of a head, gunicorn reads the same way; all else is left to its parser."""

import contextlib
import socket

import pytest
from gunicorn.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.server.connection import Connection, FixedConfig
from service.server.native_head import KEPT, SHORT, NativeHeads

PLAIN = (
    b"POST /v1/models/tumour:predict?a=b HTTP/1.1",
    b"Host: localhost:1200",
    b"Content-Type: application/json",
    b"Content-Length: 12",
    b"X-Request-ID: abc",
    b"Connection: keep-alive",
)
CFG = Config()


def head_of(*lines, ends=b"\r\n"):
    return ends.join([*lines, b"", b""])


def with_line(line):
    return head_of(*PLAIN, line)


def native(head):
    """As a worker reads it that has read the same before, with another id."""
    heads = NativeHeads(CFG, lambda path: path if path.startswith("/") else None)
    heads.read(head.replace(b"abc", b"another-id"))
    return heads.read(head)


def by_gunicorn(head):
    """(path, query, {WSGI's name: value}, length, whether the connection stays); None where it is refused."""
    ours, theirs = socket.socketpair()
    with contextlib.closing(ours), contextlib.closing(theirs):
        connection = Connection(ours, ("127.0.0.1", 1), ("127.0.0.1", 2), FixedConfig(CFG, False), 2**30, 60.0)
        connection.head = head
        try:
            connection.whole()
        except Exception:
            return None
        request = connection.request
        if request is None or connection.chunks is not None:
            return None
        fields = {}
        for name, value in request.headers:
            own = name in ("CONTENT-TYPE", "CONTENT-LENGTH")
            key = ("" if own else "HTTP_") + name.replace("-", "_")
            fields[key] = f"{fields[key]},{value}" if key in fields else value
        length = int(fields.get("CONTENT_LENGTH", 0))
        return request.path, request.query, fields, length, not request.should_close()


def same(head):
    """Whether it was read natively; AssertionError where gunicorn reads it otherwise, or not at all."""
    found = native(head)
    if found is None:
        return False
    rest = {name: found.environ[name] for name in ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING")}
    fields = {name: value for name, value in found.environ.items() if name not in rest}
    assert rest == {"REQUEST_METHOD": "POST", "PATH_INFO": found.path, "QUERY_STRING": rest["QUERY_STRING"]}
    assert by_gunicorn(head) == (found.path, rest["QUERY_STRING"], fields, found.length, True)
    return True


@pytest.mark.parametrize(
    "head",
    [
        head_of(*PLAIN),
        head_of(PLAIN[0], b"hOST:[::1]", b"content-length:0"),
        head_of(PLAIN[0], b"Host: a"),
        head_of(b"POST /predict HTTP/1.1", b"Host: a", b"Content-Length: \t 3 \t", b"Accept:"),
        with_line(b"X-Forwarded-For: 10.0.0.1, 10.0.0.2"),
        with_line(b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        head_of(*PLAIN).replace(b": abc", b":abc"),
        head_of(*PLAIN).replace(b": abc", b": a b"),
        head_of(*PLAIN).replace(b": abc", b": "),
        with_line(b"Authorization: Bearer dl_abc"),
    ],
)
def test_plain_heads_are_read_natively(head):
    assert same(head)


@pytest.mark.parametrize(
    "head",
    [
        head_of(*PLAIN, ends=b"\n"),
        head_of(*PLAIN).replace(b"\r\nHost", b"\nHost"),
        head_of(*PLAIN).replace(b"\r\nHost", b"\rHost"),
        head_of(*PLAIN).replace(b"POST ", b"POST  "),
        head_of(*PLAIN).replace(b" HTTP", b"  HTTP"),
        head_of(*PLAIN).replace(b"1.1", b"1.1 "),
        head_of(*PLAIN).replace(b"1.1", b"1.0"),
        head_of(*PLAIN).replace(b"POST", b"post"),
        head_of(*PLAIN).replace(b"POST /", b"POST http://a/"),
        head_of(*PLAIN).replace(b"?a=b", b"#a"),
        b"\r\n" + head_of(*PLAIN),
        head_of(PLAIN[0], b"Content-Length: 12"),
        head_of(*PLAIN).replace(b"localhost:1200", b"a b"),
        head_of(*PLAIN).replace(b"localhost:1200", b"me@a"),
        head_of(*PLAIN).replace(b"keep-alive", b"close"),
        head_of(*PLAIN).replace(b": 12", b": +12"),
        head_of(*PLAIN).replace(b": 12", b": 1_2"),
        head_of(*PLAIN).replace(b": 12", b": 0x12"),
        head_of(*PLAIN).replace(b": 12", b": 12, 12"),
        head_of(*PLAIN).replace(b": 12", b": " + b"1" * 30),
        head_of(*PLAIN).replace(b"Host:", b"Host :"),
        with_line(b"Content-Length: 12"),
        with_line(b"Host: localhost:1200"),
        with_line(b"X-Request-ID: abc"),
        with_line(b"x-request-id:abc"),
        head_of(*PLAIN).replace(b": abc", b": abc\r\n b"),
        head_of(*PLAIN).replace(b": abc", b": a\x7fb"),
        with_line(b"Transfer-Encoding: chunked"),
        with_line(b"Transfer-Encoding: identity"),
        with_line(b"Expect: 100-continue"),
        with_line(b"Upgrade: h2c"),
        with_line(b"X_Request_ID: other"),
        with_line(b"X: a\x80"),
        with_line(b"X: a\x00"),
        with_line(b"X: a\x0b"),
        with_line(b"X: a\r\n b"),
        with_line(b": a"),
        with_line(b"X"),
        with_line(b"X: " + b"x" * 9000),
        head_of(*PLAIN, *(b"X-%d: a" % number for number in range(100))),
        head_of(*PLAIN).replace(b"POST", b"PUT"),
    ],
)
def test_whatever_is_unusual_or_wrong_is_left_to_gunicorn(head):
    assert native(head) is None


tokens = st.sampled_from(
    [
        *(
            b"\r\n",
            b"\n",
            b"\r",
            b" ",
            b"\t",
            b":",
            b",",
            b"\x00",
            b"\x7f",
            b"\xff",
            b"/",
            b"?",
            b"#",
            b"%",
            b"_",
            b"-",
        ),
        *(b"Host: b\r\n", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n"),
        *(b"X-A: b\r\n", b"X-A: c\r\n", b"x_a: d\r\n", b"HTTP/1.1", b"HTTP/1.0", b"0", b"12", b"a", b"\r\n\r\n"),
    ]
)


@settings(
    max_examples=1500, deadline=None, database=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
@given(
    edits=st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 20), st.one_of(tokens, st.binary(max_size=3))), max_size=4
    )
)
def test_no_change_of_a_head_is_read_differently_by_the_two_parsers(edits):
    """Where they differ in where a request ends, one client's bytes become another request: smuggling."""
    head = head_of(*PLAIN)
    for place, removed, put in edits:
        head = head[: place % len(head)] + put + head[place % len(head) + removed :]
    end = head.find(b"\r\n\r\n")
    if end >= 0:
        same(head[: end + 4])


def test_heads_are_kept_and_bounded():
    heads = NativeHeads(CFG, lambda path: path)
    head = head_of(*PLAIN).replace(b"X-Request-ID: abc\r\n", b"")
    assert heads.read(head) is heads.read(head)
    for number in range(2 * KEPT):
        assert heads.read(with_line(b"X-N: %d" % number)) is not None
    assert heads.read(with_line(b"X-N: " + b"x" * SHORT)) is not None
    assert len(heads.known) <= KEPT
    assert max(map(len, heads.known)) <= SHORT


def test_an_id_of_its_own_for_each_request_makes_no_other_head():
    """nginx adds one to each request, and so each head behind it was parsed anew, and kept in place of useful ones."""
    heads = NativeHeads(CFG, lambda path: path)
    for number in range(10):
        traced = b"traceparent: 00-%032x-%016x-01" % (number + 1, number + 1)
        found = heads.read(head_of(*PLAIN, traced).replace(b"abc", b"id-%d" % number))
        assert found.environ["HTTP_X_REQUEST_ID"] == f"id-{number}"
        assert found.environ["HTTP_TRACEPARENT"] == traced.partition(b": ")[2].decode()
    assert len(heads.known) == 1


def test_lines_that_differ_count_as_fields():
    cfg = Config()
    cfg.set("limit_request_fields", len(PLAIN[1:]))
    heads = NativeHeads(cfg, lambda path: path)
    traced = head_of(*PLAIN, b"traceparent: 00-1-1-01")
    assert heads.read(head_of(*PLAIN)) is not None
    assert heads.read(traced.replace(b"X-Request-ID: abc\r\n", b"")) is not None
    assert heads.read(traced) is None
