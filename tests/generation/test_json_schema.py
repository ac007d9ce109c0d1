"""JSON schemas as libraries write them, made followable: what is dropped says nothing, or is said in the docs."""

from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

import pytest
from llguidance import LLMatcher, LLTokenizer
from pydantic import AnyUrl, BaseModel, Field, FilePath, Json, SecretStr, StringConstraints

from service.errors import InvalidParameters
from service.generation.constraint import Constraints
from service.generation.grammar import grammar
from service.generation.json_schema import FORMATS, followable
from tests.support.tiny_text import byte_tokenizer

UNKNOWN = ("password", "path", "binary", "file-path", "byte", "base64", "multi-host-uri", "json-string", "of our own")


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Everything(BaseModel):
    """Types of pydantic whose schemas were refused, or nearly."""

    secret: SecretStr
    path: Path
    file: FilePath
    blob: bytes
    url: AnyUrl
    uid: UUID
    numbers: set[int]
    frozen: frozenset[str]
    price: Decimal
    parsed: Json
    counts: dict[Literal["a", "b"], int]
    coloured: dict[Colour, int]
    coded: dict[Annotated[str, StringConstraints(pattern="^[a-z]+$")], int]
    maybe: Annotated[str | None, Field(max_length=4)] = None


@pytest.fixture(scope="module")
def constraints():
    tokenizer = byte_tokenizer()
    return Constraints(
        tokenizer.backend_tokenizer.to_str, vocabulary_size=len(tokenizer), eos_ids={tokenizer.eos_token_id}
    )


def fits(schema, text):
    """Whether the grammar of a schema lets a text through to its end."""
    matcher = LLMatcher(LLTokenizer("byte"), grammar({"type": "json_schema", "schema": schema}))
    assert not matcher.is_error(), matcher.get_error()
    data = list(text.encode())
    return matcher.validate_tokens(data) == len(data) and matcher.try_consume_tokens(data) and matcher.is_accepting()


@pytest.mark.parametrize("field", Everything.model_fields)
def test_schemas_of_pydantic_are_followed(constraints, field):
    """set[int], SecretStr, Path and bytes were refused: "Unknown format: password", "Unimplemented keys"."""
    schema = Everything.model_json_schema()
    alone = {"properties": {field: schema["properties"][field]}, "required": [field], "additionalProperties": False}
    assert constraints.grammar({"type": "json_schema", "schema": schema | alone})


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_format_nobody_knows_is_an_annotation(name):
    assert followable({"type": "string", "format": name}) == {"type": "string"}
    assert fits({"type": "string", "format": name}, '"anything"')


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_the_formats_that_are_known_are_followed(name):
    assert followable({"type": "string", "format": name})["format"] == name
    assert not fits({"type": "string", "format": name}, '" anything at all "')


def test_names_and_values_are_no_keywords():
    """A property may be called format or uniqueItems, and hold what looks like a schema."""
    schema = {
        "properties": {"format": {"type": "string"}, "uniqueItems": {"const": {"format": "password"}}},
        "required": ["format"],
        "default": {"uniqueItems": True},
        "enum": [{"format": "x"}],
    }
    assert followable(schema) == schema


def test_every_place_of_a_schema_is_looked_into():
    leaf, bare = {"type": "string", "format": "path"}, {"type": "string"}
    places = [
        lambda at: {"items": at},
        lambda at: {"prefixItems": [at], "items": False},
        lambda at: {"properties": {"a": {"properties": {"b": at}}}},
        lambda at: {"$defs": {"A": at}, "$ref": "#/$defs/A"},
        lambda at: {"anyOf": [at, {"type": "null"}]},
        lambda at: {"oneOf": [{"allOf": [at]}]},
        lambda at: {"additionalProperties": at},
        lambda at: {"patternProperties": {"^a": at}},
    ]
    for place in places:
        assert followable(place(leaf)) == place(bare)


def test_known_names_of_properties_are_held_to():
    schema = {"type": "object", "propertyNames": {"enum": ["a", "b"]}, "additionalProperties": {"type": "integer"}}
    assert fits(schema, '{"a": 1}')
    assert fits(schema, "{}")
    assert not fits(schema, '{"c": 1}')
    assert not fits(schema, '{"a": "x"}')
    patterned = schema | {"propertyNames": {"type": "string", "pattern": "^x"}}
    assert fits(patterned, '{"x1": 1, "x2": 2}')
    assert not fits(patterned, '{"a": 1}')


def test_a_pattern_that_looks_around_is_left_out_where_something_else_fits():
    """As newer releases of pydantic write a Decimal."""
    schema = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"}]}
    assert fits(schema, "1.5")
    assert not fits(schema, '"1.5"')


def test_a_schema_nested_hundreds_deep_is_refused_in_a_sentence(constraints):
    """JSON's own writer goes deeper than a walk through the schema."""
    for depth in (300, 500, 700, 900):
        schema = {"type": "integer"}
        for _ in range(depth):
            schema = {"type": "array", "items": schema}
        with pytest.raises(InvalidParameters, match="cannot be held to this form"):
            constraints.grammar({"type": "json_schema", "schema": schema})


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"type": "string", "pattern": "^(?=a)"}, "look-around"),
        ({"not": {"type": "null"}}, "not"),
        ({"type": "array", "contains": {"type": "integer"}}, "contains"),
        ({"type": "object", "propertyNames": {"maxLength": 3}}, "propertyNames"),
    ],
)
def test_what_cannot_be_followed_is_still_refused_by_name(constraints, schema, named):
    with pytest.raises(InvalidParameters, match=named):
        constraints.grammar({"type": "json_schema", "schema": schema})
