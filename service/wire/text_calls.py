"""What models answer texts with beside vectors and completions: their options, and what each text gets.

    asked = ASKED[CLASSIFY_TOKENS]
    asked.call(["Ada was here"], {"aggregation_strategy": "first"})     # a TokensCall
    asked.schema                                                        # of the options, for OpenAPI and JSON Schema

The options are named as those of transformers' pipelines. Every other name is refused, and so is a value of the wrong
type: all of them at once. V1, V2 and MLflow speak of these capabilities by this one table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..capabilities import (
    CLASSIFY_TOKENS,
    CLASSIFY_ZERO_SHOT,
    FILL_MASK,
    Capability,
    FillMaskCall,
    TokensCall,
    ZeroShotCall,
)
from ..errors import InvalidParameters
from ..generation.limits import BOOLEAN, Parameter, number
from .envelope import options_of

__all__ = ["ASKED", "Asked"]

Schema = dict[str, Any]

MOST_FILLINGS = 100  # of a mask; the whole text is written for each
STRATEGIES = ("none", "simple", "first", "average", "max")


def one_of(*values: str) -> Parameter:
    """One of these texts, and no other."""
    return Parameter(f"one of {', '.join(values)}", {"enum": [*values, None]}, lambda value: value in values)


def is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def is_labels(value: Any) -> bool:
    """A text of labels between commas, or a list of them; each once, none of them empty."""
    labels = labels_in(value) if isinstance(value, str) else value
    return is_texts(labels) and all(labels) and 0 < len(labels) == len(set(labels))


def labels_in(value: str | list[str]) -> list[str]:
    if isinstance(value, list):
        return value
    return [label.strip() for label in value.split(",") if label.strip()]


def is_template(value: Any) -> bool:
    """Other holes than one would be filled by str.format, which can be told to write gigabytes."""
    return (
        isinstance(value, str)
        and value.count("{}") == 1
        and not any(brace in value.replace("{}", "") for brace in "{}")
    )


LABELS = Parameter(
    "a list of labels, each once, or a text of them between commas",
    {
        "anyOf": [
            {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string", "minLength": 1}},
            {"type": "string", "pattern": "[^,\\s]"},
        ]
    },
    is_labels,
    labels_in,
)
TEMPLATE = Parameter(
    "a text with {} where the label stands, and no other braces",
    {"type": ["string", "null"], "pattern": r"^[^{}]*\{\}[^{}]*$"},
    is_template,
)
TEXTS = Parameter("a list of texts", {"type": ["array", "null"], "items": {"type": "string"}}, is_texts)


class Asked(NamedTuple):
    """One capability. noun: what is asked for, in a summary. make: a call of texts and options. options: {name:
    Parameter}. renamed: {option: the call's name for it}, where that is another. required: options that have no
    default. answer: the schema of what one text gets. output: what V2 calls it.
    """

    noun: str
    make: Callable[..., Any]
    options: Mapping[str, Parameter]
    renamed: Mapping[str, str]
    answer: Schema
    output: str
    required: tuple[str, ...] = ()

    def call(self, texts: Sequence[str], parameters: dict[str, Any]) -> Any:
        """Raises InvalidParameters."""
        chosen = options_of(parameters, (), self.options)
        missing = [name for name in self.required if name not in chosen]
        if missing:
            expected = {name: self.options[name].expected for name in missing}
            raise InvalidParameters.naming(
                [{"parameter": name, "expected": expected[name], "got": "none"} for name in missing]
            )
        return self.make(texts, **{self.renamed.get(name, name): value for name, value in chosen.items()})

    @property
    def schema(self) -> Schema:
        properties = {name: option.schema for name, option in self.options.items()}
        needed = {"required": [*self.required]} if self.required else {}
        return {"type": "object", "properties": properties, "additionalProperties": False, **needed}


ENTITY: Schema = {
    "type": "object",
    "properties": {
        "entity_group": {"type": "string", "description": "the label; `entity` where tokens are not aggregated"},
        "entity": {"type": "string"},
        "score": {"type": "number"},
        "word": {"type": "string"},
        "start": {"type": "integer", "description": "of the first character in the text"},
        "end": {"type": "integer", "description": "behind its last character"},
        "index": {"type": "integer", "description": "of the token, where tokens are not aggregated"},
    },
    "required": ["score", "word", "start", "end"],
}

JUDGED: Schema = {
    "type": "object",
    "properties": {
        "sequence": {"type": "string"},
        "labels": {"type": "array", "items": {"type": "string"}, "description": "the best first"},
        "scores": {"type": "array", "items": {"type": "number"}},
    },
    "required": ["sequence", "labels", "scores"],
}

FILLING: Schema = {
    "type": "object",
    "properties": {
        "score": {"type": "number"},
        "token": {"type": "integer"},
        "token_str": {"type": "string"},
        "sequence": {"type": "string", "description": "the text with this token in place of the mask"},
    },
    "required": ["score", "token", "token_str", "sequence"],
}

ASKED: dict[Capability, Asked] = {
    CLASSIFY_TOKENS: Asked(
        "Find entities in texts",
        TokensCall,
        {"aggregation_strategy": one_of(*STRATEGIES), "ignore_labels": TEXTS, "truncate": BOOLEAN},
        {"aggregation_strategy": "aggregation", "ignore_labels": "ignored"},
        {"type": "array", "items": ENTITY},
        "entities",
    ),
    CLASSIFY_ZERO_SHOT: Asked(
        "Classify texts by labels of the request",
        ZeroShotCall,
        {
            "candidate_labels": LABELS,
            "hypothesis_template": TEMPLATE,
            "multi_label": BOOLEAN,
            "truncate": BOOLEAN,
        },
        {"candidate_labels": "labels", "hypothesis_template": "template"},
        JUDGED,
        "classification",
        ("candidate_labels",),
    ),
    FILL_MASK: Asked(
        "Fill masks in texts",
        FillMaskCall,
        {"top_k": number(1, MOST_FILLINGS, whole=True), "truncate": BOOLEAN},
        {},
        {"type": "array", "items": {"anyOf": [FILLING, {"type": "array", "items": FILLING}]}},
        "fillings",
    ),
}
