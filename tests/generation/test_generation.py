"""Generation without text models: parameters, sampling, the engine, and text out of token ids."""

from collections import Counter
from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import (
    MinPLogitsWarper,
    PrefixConstrainedLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    SequenceBiasLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from service.errors import InvalidParameters, PredictionFailed
from service.generation.completion import Generation
from service.generation.detokenizer import Detokenizer
from service.generation.limits import PARAMETERS
from service.generation.params import SamplingParams
from service.generation.sampling import Sampler, token_logprobs

# --- parameters


def test_defaults_and_every_parameter():
    assert SamplingParams.from_request({}, 64) == SamplingParams(max_tokens=64)
    given = {"max_tokens": 3, "temperature": 0, "top_k": 5, "top_p": 1, "seed": 0, "stop": ["a", "b"]}
    assert SamplingParams.from_request(given, 64) == SamplingParams(3, 0.0, 5, 1.0, 0, ("a", "b"))
    given = {"min_p": 0, "presence_penalty": 1, "frequency_penalty": -1, "repetition_penalty": 2}
    given |= {"logit_bias": {"7": 100}, "stop_token_ids": [4], "ignore_eos": True}
    wanted = {"logit_bias": {7: 100.0}, "stop_token_ids": (4,)}
    assert SamplingParams.from_request(given, 64) == SamplingParams(64, **given | wanted)
    assert SamplingParams.from_request({"stop": "\n", "seed": None, "max_tokens": None}, 64).stop == ("\n",)


def test_every_field_has_a_rule():
    assert [*PARAMETERS, "logprobs"] == [one.name for one in fields(SamplingParams)]


def test_every_violation_is_reported_at_once():
    wrong = {"max_tokens": 0, "temperature": -1, "top_k": True, "top_p": 0, "seed": 1.5, "stop": [""], "best_of": 2}
    with pytest.raises(InvalidParameters) as caught:
        SamplingParams.from_request(wrong, 64)
    assert [one["parameter"] for one in caught.value.details] == list(wrong)
    assert all(one.keys() == {"parameter", "expected", "got"} for one in caught.value.details)
    assert caught.value.status == 422
    assert "max_tokens" in caught.value.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", "5"),
        ("max_tokens", 2.5),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("temperature", 10**400),
        ("temperature", "hot"),
        ("top_p", 1.01),
        ("top_k", 0),
        ("seed", -1),
        ("seed", 2**63),
        ("stop", 5),
        ("stop", [1]),
        ("stop", ["x"] * 17),
        ("stop", "x" * 257),
        ("stop", ""),
        pytest.param("max_tokens", -(10**5000), id="thousands of digits"),
        ("stop", {"a": 1}),
        ("min_p", 1.1),
        ("presence_penalty", 2.1),
        ("frequency_penalty", -2.1),
        ("repetition_penalty", 0),
        ("repetition_penalty", 5e-324),
        ("logit_bias", {"a": 1}),
        ("logit_bias", {"1": 101}),
        ("logit_bias", {"-1": 1}),
        ("logit_bias", [1]),
        ("stop_token_ids", [-1]),
        ("stop_token_ids", [True]),
        ("ignore_eos", 1),
        ("logprobs", 5),
    ],
)
def test_values_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(InvalidParameters) as caught:
        SamplingParams.from_request({name: value}, 64)
    (fault,) = caught.value.details
    assert fault["parameter"] == name
    assert len(fault["got"]) <= 60


def test_whole_numbers_may_be_written_with_a_point():
    """JSON knows one kind of number, and JSON Schema calls 16.0 an integer."""
    params = SamplingParams.from_request({"max_tokens": 16.0, "seed": 7.0, "stop_token_ids": [2.0]}, 64)
    for value in (params.max_tokens, params.seed, *params.stop_token_ids):
        assert type(value) is int


# --- sampling

LOGITS = np.array([1.0, 3.0, 2.0, -1.0, 0.5], np.float32)


def drawn(params, logits=LOGITS, count=4000):
    sample = Sampler(params)
    return Counter(sample(logits) for _ in range(count))


def test_temperature_zero_is_the_likeliest():
    assert drawn(SamplingParams(1, temperature=0), count=5) == {1: 5}


@pytest.mark.parametrize("temperature", [1e-300, 1e-9])
def test_a_tiny_temperature_does_not_overflow(temperature):
    assert drawn(SamplingParams(1, temperature=temperature), count=5) == {1: 5}


@pytest.mark.parametrize(
    "chosen",
    [
        {"temperature": 1.0},
        {"temperature": 0.6},
        {"temperature": 2.0, "top_k": 3},
        {"temperature": 1.0, "top_p": 0.9},
        {"temperature": 1.5, "top_k": 4, "top_p": 0.7},
        {"temperature": 1.0, "top_k": 50},
        {"temperature": 1.0, "top_p": 1e-9},
    ],
)
def test_frequencies_are_those_of_transformers_own_processors(chosen):
    scores = TemperatureLogitsWarper(chosen["temperature"])(None, torch.tensor(LOGITS)[None])
    if "top_k" in chosen:
        scores = TopKLogitsWarper(chosen["top_k"])(None, scores)
    if "top_p" in chosen:
        scores = TopPLogitsWarper(chosen["top_p"])(None, scores)
    wanted = scores.softmax(-1)[0].tolist()
    found = drawn(SamplingParams(1, seed=11, **chosen))
    for token, probability in enumerate(wanted):
        assert found[token] / 4000 == pytest.approx(probability, abs=0.03)
        assert probability > 0 or found[token] == 0


REAL = np.random.default_rng(0).normal(0, 3, 5000).astype(np.float32)
PROMPT_IDS = [int(REAL.argmax()), 7, 7, 4999]


def probabilities(params, logits, prompt_ids=()):
    tokens, weights = Sampler(params, prompt_ids).candidates(logits)
    found = np.zeros(len(logits))
    found[slice(None) if tokens is None else tokens] = weights / weights.sum()
    return found


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"temperature": 0.3},
        {"top_k": 1},
        {"top_k": 50},
        {"top_k": 5000},
        {"top_p": 0.01},
        {"top_p": 0.9},
        {"top_p": 0.999, "temperature": 3.0},
        {"min_p": 0.05},
        {"min_p": 1.0},
        {"min_p": 0.0},
        {"repetition_penalty": 1.3},
        {"repetition_penalty": 0.7, "top_k": 20},
        {"logit_bias": {3: 5.0, int(REAL.argmax()): -100.0}},
        {
            "logit_bias": {7: 4.0},
            "repetition_penalty": 1.5,
            "temperature": 0.8,
            "top_k": 40,
            "top_p": 0.8,
            "min_p": 0.02,
        },
    ],
    ids=str,
)
def test_probabilities_are_those_of_transformers_own_processors(chosen):
    params = SamplingParams(1, **chosen)
    ids, scores = torch.tensor([PROMPT_IDS]), torch.tensor(REAL, dtype=torch.float64)[None]
    processors = [
        SequenceBiasLogitsProcessor({(token,): bias for token, bias in (params.logit_bias or {3: 0.0}).items()})
    ]
    processors += [RepetitionPenaltyLogitsProcessor(params.repetition_penalty)]
    processors += [TemperatureLogitsWarper(params.temperature)]
    processors += [TopKLogitsWarper(params.top_k)] if params.top_k else []
    processors += [TopPLogitsWarper(params.top_p)] if params.top_p else []
    processors += [MinPLogitsWarper(params.min_p)] if params.min_p is not None else []
    for processor in processors:
        scores = processor(ids, scores)
    wanted, found = scores.softmax(-1)[0].numpy(), probabilities(params, REAL, PROMPT_IDS)
    assert (found > 0).tolist() == (wanted > 0).tolist()
    assert np.abs(found - wanted).max() < 1e-9


class Only:
    """A guide under which only these tokens may come."""

    def __init__(self, tokens):
        self.tokens = tokens

    def masked(self, scores):
        return np.where(np.isin(np.arange(len(scores)), self.tokens), scores, -np.inf)

    def accept(self, token):
        assert token in self.tokens


@pytest.mark.parametrize(
    "chosen",
    [{}, {"top_k": 50}, {"top_p": 0.8, "min_p": 0.01}, {"temperature": 0.5, "repetition_penalty": 1.5}],
    ids=str,
)
def test_a_constraint_is_transformers_own_before_the_choice_among_the_likeliest(chosen):
    allowed, params = [3, 7, 900, 901, 4999], SamplingParams(1, **chosen)
    ids, scores = torch.tensor([PROMPT_IDS]), torch.tensor(REAL, dtype=torch.float64)[None]
    processors = [RepetitionPenaltyLogitsProcessor(params.repetition_penalty)]
    processors += [PrefixConstrainedLogitsProcessor(lambda batch, written: allowed, num_beams=1)]
    processors += [TemperatureLogitsWarper(params.temperature)]
    processors += [TopKLogitsWarper(params.top_k)] if params.top_k else []
    processors += [TopPLogitsWarper(params.top_p)] if params.top_p else []
    processors += [MinPLogitsWarper(params.min_p)] if params.min_p is not None else []
    for processor in processors:
        scores = processor(ids, scores)
    wanted = scores.softmax(-1)[0].numpy()
    tokens, weights = Sampler(params, PROMPT_IDS, Only(allowed)).candidates(REAL)
    found = np.zeros(len(REAL))
    found[slice(None) if tokens is None else tokens] = weights / weights.sum()
    assert np.abs(found - wanted).max() < 1e-9
    assert (found > 0).tolist() == (wanted > 0).tolist()
    greedy = Sampler(SamplingParams(1, 0.0), PROMPT_IDS, Only(allowed))
    assert greedy(REAL) == max(allowed, key=lambda token: REAL[token])


def test_penalties_of_what_was_written_are_openais():
    """logit - presence (if it was written) - frequency * times; the prompt does not count."""
    sample = Sampler(SamplingParams(1, 0.0, presence_penalty=0.5, frequency_penalty=0.25), prompt_ids=[0, 0])
    logits = np.array([2.0, 2.9, 2.5, 0.0])
    assert [sample(logits) for _ in range(6)] == [1, 2, 1, 0, 1, 2]
    assert logits.tolist() == [2.0, 2.9, 2.5, 0.0]


def test_no_temperature_is_too_small():
    """5e-324 divided into minus infinity with a warning, which, where warnings are errors, ended the whole engine."""
    params = SamplingParams.from_request({"temperature": 5e-324, "seed": 1, "top_k": 3, "top_p": 0.9}, 1)
    assert Sampler(params)(LOGITS) == 1


def test_a_repetition_penalty_counts_prompt_and_text():
    sample = Sampler(SamplingParams(1, 0.0, repetition_penalty=2.0), prompt_ids=[0])
    assert [sample(np.array([3.0, 2.5, 1.4])) for _ in range(2)] == [1, 0]


def test_logprobs_are_of_the_models_own_probabilities():
    found = token_logprobs(LOGITS, 0, 2)
    wanted = torch.tensor(LOGITS).log_softmax(-1).tolist()
    assert found.logprob == pytest.approx(wanted[0])
    assert found.top == [(1, pytest.approx(wanted[1])), (2, pytest.approx(wanted[2]))]
    assert token_logprobs(LOGITS, 0, 0).top == []


def test_a_nucleus_wider_than_the_first_guess():
    """Nearly equal weights: the nucleus of 0.5 is half of the vocabulary, far more than are looked at first."""
    logits = np.linspace(0, 1e-6, 1000)
    found = drawn(SamplingParams(1, top_p=0.5, seed=1), logits, 3000)
    assert min(found) == 500  # the likelier half, and all of it is in reach
    assert len(found) > 450


def test_a_seed_decides_and_no_seed_does_not():
    logits = np.zeros(1000, np.float32)

    def tokens(seed):
        sample = Sampler(SamplingParams(1, seed=seed))
        return [sample(logits) for _ in range(8)]

    assert tokens(5) == tokens(5)
    assert tokens(5) != tokens(6)
    assert tokens(None) != tokens(None)


@pytest.mark.parametrize("temperature", [0, 1.0])
def test_logits_that_are_no_numbers_fail_the_prediction(temperature):
    with pytest.raises(PredictionFailed):
        Sampler(SamplingParams(1, temperature=temperature))(np.array([0.0, np.nan], np.float32))


# --- detokenizing


def decode_bytes(ids):
    """A byte-level decoder: a token is a byte, and bytes that are no character become U+FFFD."""
    return bytes(ids).decode("utf-8", errors="replace")


def pieces(text, stop=(), prompt=b"", decode=decode_bytes):
    detokenizer = Detokenizer(decode, list(prompt), stop)
    found = []
    for byte in text:
        found.append(detokenizer.push(byte))
        if detokenizer.stopped:
            break
    return [*found, detokenizer.flush()]


def test_a_character_comes_whole():
    assert pieces("a日🙂".encode()) == ["a", "", "", "日", "", "", "", "🙂", ""]


def test_half_a_character_at_the_end_is_dropped():
    assert pieces("a日".encode()[:-1]) == ["a", "", "", ""]


@given(st.text(), st.text(max_size=8))
def test_the_pieces_are_the_text(text, prompt):
    assert "".join(pieces(text.encode(), prompt=prompt.encode())) == text.rstrip("\N{REPLACEMENT CHARACTER}")


@given(st.text(alphabet="abcé", max_size=30), st.lists(st.text(alphabet="abcé", min_size=1, max_size=4), max_size=3))
def test_a_stop_string_ends_the_text_and_no_part_of_it_is_given(text, stop):
    """Judged the plain way: the shortest beginning of the text that holds a stop string decides."""
    ends = [end for end in range(len(text) + 1) if any(text[:end].endswith(one) for one in stop)]
    wanted = text
    if ends:
        wanted = text[: min(text[: ends[0]].find(one) for one in stop if one in text[: ends[0]])]
    assert "".join(pieces(text.encode(), tuple(stop))) == wanted


def test_only_what_may_begin_a_stop_string_is_held_back():
    assert pieces(b"one, two", stop=("END",)) == [*"one, two", ""]
    assert pieces(b"EN.E", stop=("END",)) == ["", "", "EN.", "", "E"]


def test_a_stop_string_inside_one_token():
    words = {0: "Hello", 1: " there\nfriend"}
    detokenizer = Detokenizer(lambda ids: "".join(words[one] for one in ids), stop=("\n",))
    assert [detokenizer.push(0), detokenizer.push(1)] == ["Hello", " there"]
    assert detokenizer.stopped
    assert detokenizer.flush() == ""


def test_a_stop_string_before_an_unfinished_character():
    detokenizer = Detokenizer(
        lambda ids: b"".join([b"ab\n\xe6"][one] for one in ids).decode(errors="replace"), stop=("\n",)
    )
    assert detokenizer.push(0) == ""
    assert detokenizer.flush() == "ab"
    assert detokenizer.stopped


def test_a_space_that_decoders_drop_at_the_start_of_a_text_is_kept():
    """SentencePiece decoders strip the first space: the continuation decoded alone would lose it."""
    words = ["▁the", "▁cat"]

    def decode(ids):
        return "".join(words[one] for one in ids).replace("▁", " ").removeprefix(" ")

    detokenizer = Detokenizer(decode, prompt_ids=[0])
    assert detokenizer.push(1) == " cat"


# --- a running completion


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


def test_a_completion_that_reached_its_length():
    generation, tokens = running("né".encode())
    assert generation.finish_reason is None
    assert list(generation) == ["n", "é"]
    assert (generation.finish_reason, generation.prompt_tokens, generation.completion_tokens) == ("length", 3, 3)
    assert tokens.closed


def test_an_end_token_is_counted_and_not_shown():
    completion = running(b"abZ", eos_ids={ord("Z")})[0].collect()
    assert (completion.text, completion.finish_reason, completion.completion_tokens) == ("ab", "stop", 3)


def test_a_stop_string_ends_the_work():
    generation, tokens = running(b"ab--cd", stop=("--",))
    completion = generation.collect()
    assert (completion.text, completion.finish_reason, completion.completion_tokens) == ("ab", "stop", 4)
    assert tokens.closed


def test_closing_ends_the_work():
    generation, tokens = running(b"abcd")
    assert next(generation) == "a"
    generation.close()
    assert generation.finish_reason == "cancelled"
    assert tokens.closed
    assert list(generation) == []


def test_closing_after_the_end_changes_nothing():
    generation, _ = running(b"ab")
    list(generation)
    generation.close()
    assert generation.finish_reason == "length"
