"""Logprobs where tokens are parts of characters: offsets point into the text, bytes join to it, none is lost."""

from types import SimpleNamespace

import pytest

from service.generation.sampling import TokenLogprobs
from service.wire.openai.logprobs import ChoiceLogprobs

# id -> bytes; 9 is a special token.
VOCABULARY = {
    1: b" cat",
    2: b"\xf0\x9f",
    3: b"\x99",
    4: b"\x82",
    5: "日".encode(),
    6: b"\xe6",
    7: b" cat",
    8: b"x",
    9: None,
}
MODEL = SimpleNamespace(token_bytes=VOCABULARY.__getitem__, token_name=lambda token: f"<{token}>")


def logprobs(*tokens, top=()):
    return [TokenLogprobs(token, -0.5, list(top)) for token in tokens]


def told(tokens, pieces, *, chat=False, finish="length"):
    """pieces: of the text, each with the number of tokens that came with it."""
    writer, rest = ChoiceLogprobs(MODEL, chat=chat), logprobs(*tokens)
    parts = []
    for place, (piece, count) in enumerate(pieces):
        last = finish if place == len(pieces) - 1 else None
        parts.append(writer.beside(piece, rest[:count], last))
        rest = rest[count:]
    return parts


def test_offsets_point_into_the_text():
    """Each token's own text was counted: U+FFFD for each part of a character, and everything behind was shifted."""
    (part,) = told([1, 2, 3, 4, 1, 5], [(" cat🙂 cat日", 6)])
    assert part["text_offset"] == [0, 4, 4, 4, 5, 9]
    assert part["tokens"] == [" cat", "bytes:\\xf0\\x9f", "bytes:\\x99", "bytes:\\x82", " cat", "日"]


@pytest.mark.parametrize("chat", [False, True])
def test_a_stream_tells_what_the_whole_tells(chat):
    tokens = [1, 2, 3, 4, 1, 5]
    (whole,) = told(tokens, [(" cat🙂 cat日", 6)], chat=chat)
    parts = told(tokens, [(" cat", 1), ("🙂", 3), (" c", 1), ("at日", 1)], chat=chat)
    for key in whole:
        assert [one for part in parts for one in part[key]] == whole[key]


def test_bytes_join_to_the_text():
    (part,) = told([2, 3, 4, 5, 9], [("🙂日", 5)], chat=True)
    entries = part["content"]
    assert bytes(byte for entry in entries for byte in entry["bytes"] or ()).decode() == "🙂日"
    assert [entry["token"] for entry in entries] == ["\\xf0\\x9f", "\\x99", "\\x82", "日", "<9>"]
    assert entries[-1]["bytes"] is None


def test_tokens_of_a_stop_string_are_in_no_text():
    parts = told([8, 1, 8], [("x", 1), (" c", 2)], finish="stop")
    assert [part["tokens"] for part in parts] == [["x"], [" cat"]]
    (cut,) = told([8, 2], [("x", 2)], finish="length")
    assert cut["tokens"] == ["x", "bytes:\\xf0\\x9f"]


def test_alternatives_that_are_spelled_alike_are_all_kept():
    """An object has each key once: of several parts of characters, all shown as U+FFFD, the last one was left."""
    writer = ChoiceLogprobs(MODEL, chat=False)
    top = [(1, -0.1), (7, -0.2), (2, -0.3), (6, -0.4)]
    (kept,) = writer.beside(" cat", logprobs(1, top=top), "stop")["top_logprobs"]
    assert kept == {" cat": -0.1, "token_id:7": -0.2, "bytes:\\xf0\\x9f": -0.3, "bytes:\\xe6": -0.4}
    chat = ChoiceLogprobs(MODEL, chat=True)
    (entry,) = chat.beside(" cat", logprobs(1, top=top), "stop")["content"]
    assert [(each["token"], each["bytes"]) for each in entry["top_logprobs"]] == [
        (" cat", list(b" cat")),
        (" cat", list(b" cat")),
        ("\\xf0\\x9f", [0xF0, 0x9F]),
        ("\\xe6", [0xE6]),
    ]
