"""W3C's Trace Context: the caller's trace goes on in the answer and in the line of the log."""

import pytest

from service.app import create_app
from service.settings import Settings
from service.web.trace import continued

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SOUND = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture(scope="module")
def client(tabular_store):
    return create_app(Settings(store=tabular_store)).test_client()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/models/iris:predict", {"instances": [[5.1, 3.5, 1.4, 0.2]]}, 200),
        ("POST", "/v1/models/iris:predict", {"instances": [["5.1"]]}, 422),
        ("GET", "/v1/models", None, 200),
        ("GET", "/v1/models/absent", None, 404),
    ],
    ids=["fast", "fast, refused", "flask", "flask, refused"],
)
def test_the_trace_goes_on(client, caplog, method, path, body, status):
    with caplog.at_level("INFO", "service.requests"):
        answer = client.open(path, method=method, json=body, headers={"traceparent": SOUND}, buffered=True)
    assert answer.status_code == status
    version, trace, span, flags = answer.headers["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert len(bytes.fromhex(span)) == 8
    assert span != SPAN
    (line,) = [record.getMessage() for record in caplog.records if record.name == "service.requests"]
    assert line.endswith(f" trace={TRACE} span={span}")


def test_without_a_trace_nothing_is_told_of_one(client, caplog):
    with caplog.at_level("INFO", "service.requests"):
        answer = client.get("/v1/models", buffered=True)
    assert "traceparent" not in answer.headers
    assert "trace=" not in caplog.text


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        SOUND.upper(),
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}",
        f"{SOUND},{SOUND}",
        f"{SOUND}\n",
    ],
)
def test_what_is_no_traceparent_is_none(header):
    assert continued(header) == ("", "")


def test_a_later_version_is_read_as_far_as_it_is_known():
    assert continued(f"cc-{TRACE}-{SPAN}-ff-what-the-future-has")[0].startswith(f"00-{TRACE}-")
    assert continued(f"cc-{TRACE}-{SPAN}-ff")[0].endswith("-03")
    assert continued(f"cc-{TRACE}-{SPAN}-ff")[1] == SPAN
