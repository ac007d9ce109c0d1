"""A running completion over a sequence of bytes, without an engine."""

from service.generation.completion import Generation
from service.generation.detokenizer import Detokenizer


def decode_bytes(ids):
    """A byte-level decoder: a token is a byte, and bytes that are no character become U+FFFD."""
    return bytes(ids).decode("utf-8", errors="replace")


class Bytes:
    """A sequence of token ids that remembers whether it was closed."""

    def __init__(self, text):
        self.ids = list(text)
        self.closed = self.cancelled = False
        self.logprobs = []

    def __iter__(self):
        return iter(self.ids)

    def close(self):
        self.closed = True


def running(text, stop=(), eos_ids=()):
    tokens = Bytes(text)
    return Generation(tokens, Detokenizer(decode_bytes, stop=stop), prompt_tokens=3, eos_ids=eos_ids), tokens


def test_a_generation_ends_at_its_length():
    generation, tokens = running("né".encode())
    assert generation.finish_reason is None
    assert list(generation) == ["n", "é"]
    assert (generation.finish_reason, generation.prompt_tokens, generation.completion_tokens) == ("length", 3, 3)
    assert tokens.closed


def test_an_end_token_is_counted_and_not_shown():
    completion = running(b"abZ", eos_ids={ord("Z")})[0].collect()
    assert (completion.text, completion.finish_reason, completion.completion_tokens) == ("ab", "stop", 3)


def test_a_stop_string_closes_the_sequence():
    generation, tokens = running(b"ab--cd", stop=("--",))
    completion = generation.collect()
    assert (completion.text, completion.finish_reason, completion.completion_tokens) == ("ab", "stop", 4)
    assert tokens.closed


def test_close_ends_the_generation_as_cancelled():
    generation, tokens = running(b"abcd")
    assert next(generation) == "a"
    generation.close()
    assert generation.finish_reason == "cancelled"
    assert tokens.closed
    assert list(generation) == []


def test_close_after_the_end_changes_nothing():
    generation, _ = running(b"ab")
    list(generation)
    generation.close()
    assert generation.finish_reason == "length"
