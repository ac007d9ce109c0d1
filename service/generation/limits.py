"""The sampling parameters that requests may set: one table of their names, limits and forms, for every dialect.

    PARAMETERS["top_p"].expected           # "a number from 0 to 1"
    PARAMETERS["top_p"].schema             # {"type": ["number", "null"], "minimum": 0, "maximum": 1}
    PARAMETERS["top_p"].accepts(1.5)       # False

Names are spelled as OpenAI spells them. This module is a leaf: it imports nothing of Daylight's, so that dialects can
describe the parameters without knowing what samples.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["BOOLEAN", "PARAMETERS", "Parameter", "number", "violations"]

MAX_STOPS = 16
MAX_STOP_LENGTH = 256  # characters; a stream holds back up to so many for a stop string that may have begun
MAX_SEED = 2**63 - 1
ANY_SEED = -1  # asks for no seed, as in vLLM and llama.cpp
MAX_BIASES = 1024
MAX_BIAS = 100
MAX_TOKEN_DIGITS = 9
MAX_TOKEN_ID = 10**MAX_TOKEN_DIGITS - 1
MAX_CONSTRAINT = 16_384  # characters of a constraint as JSON: a grammar may look at each of them for every token

Schema = dict[str, Any]


def shown(value: object) -> str:
    """A value for a message, cut short."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write a number of more than 4,300 digits
        return "a whole number of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "..."


@dataclass(frozen=True)
class Parameter:
    """expected: the values it takes, in words. schema: as JSON Schema (draft 2020-12), null standing for the default.

    accepts: whether a JSON value, not null, is one of them. read: an accepted value -> the one that is kept. got: what
    is said of a value that is not accepted.
    """

    expected: str
    schema: Schema
    accepts: Callable[[Any], bool]
    read: Callable[[Any], Any] = lambda value: value
    got: Callable[[Any], str] = shown


def number(lowest: float, highest: float | None = None, *, whole: bool = False) -> Parameter:
    """A number in a range. whole: as in JSON Schema, 16.0 is one."""
    noun = "a whole number" if whole else "a number"
    expected = f"{noun}, {lowest} or more" if highest is None else f"{noun} from {lowest} to {highest}"
    schema: Schema = {"type": ["integer" if whole else "number", "null"], "minimum": lowest}
    if highest is not None:
        schema["maximum"] = highest

    def accepts(value: Any) -> bool:
        return (
            is_number(value)
            and (not whole or (value == int(value) and not is_rounded(value)))
            and value >= lowest
            and (highest is None or value <= highest)
        )

    return Parameter(expected, schema, accepts, int if whole else float)


def is_number(value: Any) -> bool:
    """Whether it is a finite number that a float can hold; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def is_rounded(value: Any) -> bool:
    """Whether it may be another whole number than the one that was written.

    The JSON parser makes the nearest float of one below the 64-bit integers: -2**63 - 1 is -2**63 then.
    """
    return isinstance(value, float) and value <= -(2.0**63)


TOKEN_ID = number(0, MAX_TOKEN_ID, whole=True)
BIAS = number(-MAX_BIAS, MAX_BIAS)
PENALTY = number(-2, 2)
BOOLEAN = Parameter("true or false", {"type": ["boolean", "null"]}, lambda value: isinstance(value, bool))


def is_stop(value: Any) -> bool:
    strings = [value] if isinstance(value, str) else value
    return (
        isinstance(strings, list)
        and len(strings) <= MAX_STOPS
        and all(isinstance(string, str) and 0 < len(string) <= MAX_STOP_LENGTH for string in strings)
    )


def is_logit_bias(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= MAX_BIASES
        and all(token.isascii() and token.isdigit() and len(token) <= MAX_TOKEN_DIGITS for token in value)
        and all(map(BIAS.accepts, value.values()))
    )


def is_token_ids(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MAX_STOPS and all(map(TOKEN_ID.accepts, value))


def is_object(value: Any) -> bool:
    return isinstance(value, dict)


def is_string(value: Any) -> bool:
    return isinstance(value, str)


def is_choices(value: Any) -> bool:
    """At least one string, none of them empty."""
    return isinstance(value, list) and bool(value) and all(isinstance(choice, str) and choice for choice in value)


# Type of constraint -> its members besides the type: (name, schema, test).
CONSTRAINTS: dict[str, list[tuple[str, Schema, Callable[[Any], bool]]]] = {
    "json_schema": [("schema", {"type": "object"}, is_object)],
    "json_object": [],
    "regex": [("pattern", {"type": "string"}, is_string)],
    "choice": [
        ("choices", {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}}, is_choices),
    ],
}


def is_constraint(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("type"), str) or value["type"] not in CONSTRAINTS:
        return False
    members = CONSTRAINTS[value["type"]]
    if value.keys() != {"type", *(name for name, _, _ in members)}:
        return False
    if not all(accepts(value[name]) for name, _, accepts in members):
        return False
    return 0 < length_of(value) <= MAX_CONSTRAINT


def length_of(value: Any) -> int:
    """Characters of a value as JSON; 0 where it is nested too deep."""
    try:
        return len(json.dumps(value))
    except RecursionError:
        return 0


def constraint_told(value: Any) -> str:
    """What is wrong with a constraint: its length, where that is it; else how it begins."""
    length = length_of(value)
    return f"{length} characters" if length > MAX_CONSTRAINT else shown(value)


def constraint_schema(kind: str) -> Schema:
    members = {name: schema for name, schema, _ in CONSTRAINTS[kind]}
    return {
        "type": "object",
        "properties": {"type": {"const": kind}} | members,
        "required": ["type", *members],
        "additionalProperties": False,
    }


def without_null(schema: Schema) -> Schema:
    """The schema of a number that has no default."""
    return schema | {"type": schema["type"][0]}


STOP = {"type": "string", "minLength": 1, "maxLength": MAX_STOP_LENGTH}

PARAMETERS = {
    "max_tokens": number(1, whole=True),
    "temperature": number(0),
    "top_k": replace(number(-1, whole=True), read=lambda value: int(value) if value > 0 else None),  # 0, -1: all tokens
    "top_p": number(0, 1),
    "seed": replace(
        number(-(2**63), MAX_SEED, whole=True), read=lambda value: None if value == ANY_SEED else int(value)
    ),
    "stop": Parameter(
        f"a string, or a list of at most {MAX_STOPS}, each of 1 to {MAX_STOP_LENGTH} characters",
        {"anyOf": [STOP, {"type": "array", "maxItems": MAX_STOPS, "items": STOP}, {"type": "null"}]},
        is_stop,
        lambda value: (value,) if isinstance(value, str) else tuple(value),
    ),
    "min_p": number(0, 1),
    "presence_penalty": PENALTY,
    "frequency_penalty": PENALTY,
    "repetition_penalty": number(0.01, 2),  # far below, the odds it makes are beyond every float
    "logit_bias": Parameter(
        f"an object of at most {MAX_BIASES} token ids, each with {BIAS.expected}",
        {
            "type": ["object", "null"],
            "maxProperties": MAX_BIASES,
            "patternProperties": {f"^[0-9]{{1,{MAX_TOKEN_DIGITS}}}$": without_null(BIAS.schema)},
            "additionalProperties": False,
        },
        is_logit_bias,
        lambda value: {int(token): float(bias) for token, bias in value.items()},
    ),
    "stop_token_ids": Parameter(
        f"a list of at most {MAX_STOPS} token ids",
        {"type": ["array", "null"], "maxItems": MAX_STOPS, "items": without_null(TOKEN_ID.schema)},
        is_token_ids,
        lambda value: tuple(map(int, value)),
    ),
    "ignore_eos": BOOLEAN,
    "constraint": Parameter(
        "an object with a type of json_schema (and schema, an object), json_object, regex (and pattern, a string) "
        f"or choice (and choices, a list of strings), at most {MAX_CONSTRAINT} characters of JSON",
        {"anyOf": [{"type": "null"}, *map(constraint_schema, CONSTRAINTS)]},
        is_constraint,
        got=constraint_told,
    ),
}


def violations(values: dict[str, Any], known: Mapping[str, Parameter] = PARAMETERS) -> list[dict[str, str]]:
    """What is wrong with {name: JSON value}; null stands for the default: [{"parameter", "expected", "got"}].

    known: the parameters that there are.
    """
    found = []
    for name, value in values.items():
        parameter = known.get(name)
        if parameter is None:
            found.append(violation(name, f"one of {', '.join(known)}", "an unknown parameter"))
        elif value is not None and not parameter.accepts(value):
            found.append(violation(name, parameter.expected, parameter.got(value)))
    return found


def violation(parameter: object, expected: str, got: str) -> dict[str, str]:
    return {"parameter": shown(parameter).strip("'"), "expected": expected, "got": got}
