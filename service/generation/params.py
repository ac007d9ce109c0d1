"""Sampling parameters: what a caller may ask of a generation, checked all at once.

    params = SamplingParams.from_request({"temperature": 0.6, "stop": "\\n"}, default_max_tokens=64)
    params.temperature, params.stop, params.max_tokens    # 0.6, ("\\n",), 64

Names are spelled as OpenAI spells them. This module imports nothing that computes.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import InvalidParameters

__all__ = ["SamplingParams"]

MAX_STOPS = 16
MAX_STOP_LENGTH = 256  # a stop string holds back up to this much of a stream
MAX_SEED = 2**63 - 1
MAX_BIASES = 1024
MAX_TOKEN_ID = 10**9 - 1
MAX_CONSTRAINT = 16_384  # characters of it as JSON: every one of them may be looked at, at every token
CONSTRAINTS = {
    "json_schema": ("schema", dict),
    "json_object": None,
    "regex": ("pattern", str),
    "choice": ("choices", list),
}


@dataclass(frozen=True)
class SamplingParams:
    """How one completion is sampled.

    max_tokens: tokens to generate at most. temperature: 0 takes the likeliest token always.
    top_k, top_p, min_p: sample among the k likeliest, among the likeliest that together have this
    probability, or among those at least this part as likely as the likeliest. seed: the same seed
    gives the same text. stop: strings that end the text; they are not part of it. stop_token_ids:
    token ids that end it, besides the model's own, which ignore_eos makes ordinary ones.
    presence_penalty, frequency_penalty: taken from the logits of tokens already written, once, or
    as often as they were. repetition_penalty: divides the odds of those, and of the prompt's.
    logit_bias: {token id: what is added to its logit}. constraint: what the text must fit, however
    likely other texts are: {"type": "json_schema", "schema": {...}}, {"type": "json_object"},
    {"type": "regex", "pattern": "..."} of the whole text, or {"type": "choice", "choices": ["...", ...]}.

    logprobs is not a parameter of requests: a dialect whose answers can carry them sets it, to
    how many of the likeliest tokens are listed in the place of each.
    """

    max_tokens: int
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple = ()
    min_p: float | None = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    logit_bias: dict | None = None
    stop_token_ids: tuple = ()
    ignore_eos: bool = False
    constraint: dict | None = None
    logprobs: int | None = None

    @classmethod
    def from_request(cls, given, default_max_tokens):
        """Check {name: JSON value}; null stands for the default.

        Raises InvalidParameters with every violation: `{"parameter", "expected", "got"}`.
        """
        faults, values = [], {"max_tokens": default_max_tokens}
        for name, value in given.items():
            rule = RULES.get(name)
            if rule is None:
                faults.append(violation(name, f"one of {', '.join(RULES)}", "an unknown parameter"))
            elif value is None:
                continue
            elif rule.accepts(value):
                values[name] = rule.read(value)
            else:
                faults.append(violation(name, rule.expected, shown(value)))
        if faults:
            told = "; ".join(f"{one['parameter']}: expected {one['expected']}, got {one['got']}" for one in faults[:3])
            raise InvalidParameters(told, details=faults, total=len(faults))
        return cls(**values)


class Rule(NamedTuple):
    """One parameter: which values it takes, in words and as a test, and how it is kept."""

    expected: str
    accepts: Callable
    read: Callable = lambda value: value


def whole(value, lowest, highest=math.inf):
    """Whether it is a whole number in this range. As in JSON Schema, 16.0 is one."""
    return real(value) and value == int(value) and lowest <= value <= highest


def real(value):
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def stops(value):
    strings = [value] if isinstance(value, str) else value
    return (
        isinstance(strings, list)
        and len(strings) <= MAX_STOPS
        and all(isinstance(one, str) and 0 < len(one) <= MAX_STOP_LENGTH for one in strings)
    )


def biases(value):
    return (
        isinstance(value, dict)
        and len(value) <= MAX_BIASES
        and all(token.isascii() and token.isdigit() and len(token) <= 9 for token in value)
        and all(real(bias) and -100 <= bias <= 100 for bias in value.values())
    )


def token_ids(value):
    return isinstance(value, list) and len(value) <= MAX_STOPS and all(whole(one, 0, MAX_TOKEN_ID) for one in value)


def constraint(value):
    if not isinstance(value, dict) or not isinstance(value.get("type"), str) or value["type"] not in CONSTRAINTS:
        return False
    member = CONSTRAINTS[value["type"]]
    if value.keys() != ({"type", member[0]} if member else {"type"}):
        return False
    told = value[member[0]] if member else {}
    if member and not isinstance(told, member[1]):
        return False
    if isinstance(told, list) and not (told and all(isinstance(one, str) and one for one in told)):
        return False
    try:
        return len(json.dumps(value)) <= MAX_CONSTRAINT
    except RecursionError:
        return False


PENALTY = Rule("a number from -2 to 2", lambda value: real(value) and -2 <= value <= 2, float)

RULES = {
    "max_tokens": Rule("a whole number, 1 or more", lambda value: whole(value, 1), int),
    "temperature": Rule("a number, 0 or more", lambda value: real(value) and value >= 0, float),
    "top_k": Rule("a whole number, 1 or more", lambda value: whole(value, 1), int),
    "top_p": Rule("a number above 0, at most 1", lambda value: real(value) and 0 < value <= 1, float),
    "seed": Rule(f"a whole number from 0 to {MAX_SEED}", lambda value: whole(value, 0, MAX_SEED), int),
    "stop": Rule(
        f"a string, or a list of at most {MAX_STOPS}, each of 1 to {MAX_STOP_LENGTH} characters",
        stops,
        lambda value: (value,) if isinstance(value, str) else tuple(value),
    ),
    "min_p": Rule("a number from 0 to 1", lambda value: real(value) and 0 <= value <= 1, float),
    "presence_penalty": PENALTY,
    "frequency_penalty": PENALTY,
    # Far below, the odds it makes are beyond every float.
    "repetition_penalty": Rule("a number from 0.01 to 2", lambda value: real(value) and 0.01 <= value <= 2, float),
    "logit_bias": Rule(
        f"an object of at most {MAX_BIASES} token ids, each with a number from -100 to 100",
        biases,
        lambda value: {int(token): float(bias) for token, bias in value.items()},
    ),
    "stop_token_ids": Rule(
        f"a list of at most {MAX_STOPS} token ids", token_ids, lambda value: tuple(int(one) for one in value)
    ),
    "ignore_eos": Rule("true or false", lambda value: isinstance(value, bool)),
    "constraint": Rule(
        "an object with a type of json_schema (and schema, an object), json_object, regex (and pattern, a string) "
        f"or choice (and choices, a list of strings), at most {MAX_CONSTRAINT} characters of JSON",
        constraint,
    ),
}


def violation(parameter, expected, got):
    return {"parameter": shown(parameter).strip("'"), "expected": expected, "got": got}


def shown(value):
    """A value for a message, cut short; `ascii` of a huge whole number would itself be refused."""
    try:
        text = repr(value)
    except ValueError:
        return "a whole number of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "..."
