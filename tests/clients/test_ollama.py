"""Ollama's own client completes its tour: lists, questions, chats with calls, streams, forms, and refusals."""

from tests.clients.driving import drive

CALL = ["weather", {"city": "Paris", "days": 7}]


def test_ollama(texts_url):
    found = drive("ollama", texts_url)
    assert found["models"] == ["caller:latest", "tiny:latest"]
    assert (found["shown"], found["loaded"]) == (["completion", "tools"], "load")
    assert (found["asked"], found["streamed text"], found["async"]) == ("Cold.", "Cold.", "Cold.")
    assert found["raw"] == 4
    assert found["chats"] == [CALL, "Cold."] * 5
    assert found["streamed"] == [[CALL], True, "stop"]
    assert found["structured"] == "Paris"
    assert [status for status, _ in found["refused"]] == [400, 400, 404, 404]
    assert found["refused"][0][1].startswith("options.temperature: ")
