"""From token ids to text: whole characters, and stop strings."""

from hypothesis import given
from hypothesis import strategies as st

from service.generation.detokenizer import Detokenizer


def decode_bytes(ids):
    """A byte-level decoder: a token is a byte, and bytes that are no character become U+FFFD."""
    return bytes(ids).decode("utf-8", errors="replace")


def pieces(text, stop=(), prompt=b"", decode=decode_bytes):
    detokenizer = Detokenizer(decode, list(prompt), stop)
    parts = []
    for byte in text:
        parts.append(detokenizer.push(byte))
        if detokenizer.stopped:
            break
    return [*parts, detokenizer.flush()]


def test_push_returns_whole_characters():
    assert pieces("a日🙂".encode()) == ["a", "", "", "日", "", "", "", "🙂", ""]


def test_half_a_character_at_the_end_is_dropped():
    assert pieces("a日".encode()[:-1]) == ["a", "", "", ""]


@given(st.text(), st.text(max_size=8))
def test_the_pieces_joined_are_the_text(text, prompt):
    assert "".join(pieces(text.encode(), prompt=prompt.encode())) == text.rstrip("\N{REPLACEMENT CHARACTER}")


@given(st.text(alphabet="abcé", max_size=30), st.lists(st.text(alphabet="abcé", min_size=1, max_size=4), max_size=3))
def test_a_stop_string_ends_the_text_and_is_no_part_of_it(text, stop):
    """Judged the plain way: the shortest beginning of the text that holds a stop string decides."""
    ends = [end for end in range(len(text) + 1) if any(text[:end].endswith(each) for each in stop)]
    expected = text
    if ends:
        expected = text[: min(text[: ends[0]].find(each) for each in stop if each in text[: ends[0]])]
    assert "".join(pieces(text.encode(), tuple(stop))) == expected


def test_only_the_beginning_of_a_stop_string_is_held_back():
    assert pieces(b"one, two", stop=("END",)) == [*"one, two", ""]
    assert pieces(b"EN.E", stop=("END",)) == ["", "", "EN.", "", "E"]


def test_a_stop_string_inside_one_token():
    words = {0: "Hello", 1: " there\nfriend"}
    detokenizer = Detokenizer(lambda ids: "".join(words[each] for each in ids), stop=("\n",))
    assert [detokenizer.push(0), detokenizer.push(1)] == ["Hello", " there"]
    assert detokenizer.stopped
    assert detokenizer.flush() == ""


def test_a_stop_string_before_an_unfinished_character():
    detokenizer = Detokenizer(
        lambda ids: b"".join([b"ab\n\xe6"][each] for each in ids).decode(errors="replace"), stop=("\n",)
    )
    assert detokenizer.push(0) == ""
    assert detokenizer.flush() == "ab"
    assert detokenizer.stopped


def test_a_space_that_decoders_drop_at_the_start_is_kept():
    """SentencePiece decoders strip the first space: the continuation decoded alone would lose it."""
    words = ["▁the", "▁cat"]

    def decode(ids):
        return "".join(words[each] for each in ids).replace("▁", " ").removeprefix(" ")

    detokenizer = Detokenizer(decode, prompt_ids=[0])
    assert detokenizer.push(1) == " cat"
