"""Sampling parameters: what a request may set, and the violations that are reported."""

from dataclasses import fields

import pytest

from service.errors import InvalidParameters
from service.generation.limits import PARAMETERS
from service.generation.params import SamplingParams

DEFAULTS = {"max_tokens": 64}


def test_from_request_takes_defaults_and_every_parameter():
    assert SamplingParams.from_request({}, DEFAULTS) == SamplingParams(max_tokens=64, yielding=True)
    values = {"max_tokens": 3, "temperature": 0, "top_k": 5, "top_p": 1, "seed": 0, "stop": ["a", "b"]}
    assert SamplingParams.from_request(values, DEFAULTS) == SamplingParams(3, 0.0, 5, 1.0, 0, ("a", "b"))
    values = {"min_p": 0, "presence_penalty": 1, "frequency_penalty": -1, "repetition_penalty": 2}
    values |= {"logit_bias": {"7": 100}, "stop_token_ids": [4], "ignore_eos": True}
    read = {"logit_bias": {7: 100.0}, "stop_token_ids": (4,)}
    assert SamplingParams.from_request(values, DEFAULTS) == SamplingParams(64, **values | read, yielding=True)
    assert SamplingParams.from_request({"stop": "\n", "seed": None, "max_tokens": None}, DEFAULTS).stop == ("\n",)


def test_every_field_is_in_the_table_of_parameters():
    assert [*PARAMETERS, "logprobs", "yielding"] == [each.name for each in fields(SamplingParams)]


def test_every_violation_is_reported_at_once():
    wrong = {"max_tokens": 0, "temperature": -1, "top_k": True, "top_p": -0.1, "seed": 1.5, "stop": [""], "best_of": 2}
    with pytest.raises(InvalidParameters) as caught:
        SamplingParams.from_request(wrong, DEFAULTS)
    assert [each["parameter"] for each in caught.value.details] == list(wrong)
    assert all(each.keys() == {"parameter", "expected", "got"} for each in caught.value.details)
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
        ("top_k", -2),
        ("top_p", -0.01),
        ("seed", -(2**63) - 1),
        ("seed", -(2.0**63)),  # what the parser of JSON makes of the one above
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
        SamplingParams.from_request({name: value}, DEFAULTS)
    (fault,) = caught.value.details
    assert fault["parameter"] == name
    assert len(fault["got"]) <= 60


def test_whole_numbers_may_be_written_with_a_point():
    """JSON knows one kind of number, and JSON Schema calls 16.0 an integer."""
    params = SamplingParams.from_request({"max_tokens": 16.0, "seed": 7.0, "stop_token_ids": [2.0]}, DEFAULTS)
    for value in (params.max_tokens, params.seed, *params.stop_token_ids):
        assert type(value) is int


def test_defaults_hold_where_nothing_is_said():
    defaults = {"max_tokens": 64, "temperature": 0.6, "top_k": 40}
    assert SamplingParams.from_request({"top_k": None}, defaults) == SamplingParams(64, 0.6, 40, yielding=True)
    assert SamplingParams.from_request({"temperature": 1, "max_tokens": 3}, defaults) == SamplingParams(3, 1.0, 40)


@pytest.mark.parametrize("top_k", [0, -1])
def test_values_that_ask_for_nothing_overrule_a_default(top_k):
    """As vLLM, llama.cpp and transformers write "all tokens", and "any seed"."""
    params = SamplingParams.from_request({"top_k": top_k, "seed": -1}, {"max_tokens": 64, "top_k": 40})
    assert (params.top_k, params.seed) == (None, None)


def test_openais_whole_range_of_seeds_and_its_smallest_nucleus():
    params = SamplingParams.from_request({"seed": -(2**63), "top_p": 0}, DEFAULTS)
    assert (params.seed, params.top_p) == (-(2**63), 0.0)
