"""The client's streams and chats, against the real server and against one that breaks off its streams."""

import io
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from client import Client, InvalidRequest, ModelNotFound, ServerError
from client.__main__ import main

GREEDY = {"max_tokens": 12, "temperature": 0}
MESSAGES = [{"role": "user", "content": "abc"}]


@pytest.fixture
def client(tiny_url):
    with Client(tiny_url) as client:
        yield client


def test_stream_pieces_join_to_the_generated_text(client):
    pieces = client.stream("abc", **GREEDY)
    texts = list(pieces)
    assert len(texts) > 1
    assert "".join(texts) == pieces.text == client.generate("abc", **GREEDY)
    assert (pieces.finish_reason, pieces.usage["completion_tokens"]) == ("length", 12)


def test_chat_and_streamed_chat_give_the_same_text(client):
    answer = client.chat(MESSAGES, **GREEDY)
    assert answer == "".join(client.chat(MESSAGES, stream=True, **GREEDY))
    assert (answer.finish_reason, answer.model) == ("length", "tiny")


def test_stream_may_be_closed_early(client):
    with client.stream("abc", max_tokens=100) as pieces:
        next(pieces)
    assert list(pieces) == []
    assert client.generate("abc", **GREEDY)


def test_invalid_stream_request_is_refused_before_the_first_piece(client):
    with pytest.raises(InvalidRequest, match="temperature: expected"):
        client.stream("abc", temperature=-1)
    with pytest.raises(ModelNotFound, match="'huge'"):
        client.chat(MESSAGES, "huge")


def test_chat_command_answers_each_line(tiny_url, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("abc\n\nand\n"))
    assert main(["chat", "--url", tiny_url, "--max-tokens", "5", "--temperature", "0"]) == 0
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 2
    assert printed.err.count("5 tokens, ") == 2


def test_generate_command_streams(tiny_url, capsys, client):
    assert main(["generate", "abc", "--stream", "--url", tiny_url, "--max-tokens", "12", "--temperature", "0"]) == 0
    assert capsys.readouterr().out == client.generate("abc", **GREEDY) + "\n"


def test_command_line_csv_for_a_text_model_is_refused(tiny_url, tmp_path, capsys):
    (tmp_path / "rows.csv").write_text("a\n1\n")
    assert main(["predict", str(tmp_path / "rows.csv"), "--model", "tiny", "--url", tiny_url]) == 1
    assert "announced as text/csv; send application/json (415, " in capsys.readouterr().err


@pytest.fixture
def broken():
    """A client, and the handler class of its server, which sends `events` and closes the connection."""

    class Broken(BaseHTTPRequestHandler):
        events = b""

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(Broken.events)

        def log_message(self, *_):
            return

    with HTTPServer(("127.0.0.1", 0), Broken) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Client(f"http://127.0.0.1:{server.server_port}") as client:
            yield client, Broken
        server.shutdown()


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (b'data: {"choices": [{"text": "a"}]}\n\n', "ended in its middle"),
        (b'data: {"error": {"message": "it broke", "code": "prediction_failed"}}\n\n', "it broke"),
        (b"data: nonsense\n\n", "something unexpected"),
    ],
)
def test_broken_stream_raises_server_error(broken, events, message):
    client, server = broken
    server.events = events
    with pytest.raises(ServerError, match=message):
        list(client.stream("abc", "m"))
