"""Calls are read back the same however the text was cut into pieces."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.capabilities import Part
from service.models.tools.reader import CallReader
from tests.support.call_forms import HERMES, LLAMA, MISTRAL

NAMES = ["add", "add_all"]
STRANGE = '{"a": "}\\"]{", "b": [{"c": {}}]}'
TWO = f'<tool_call>\n{{"name": "add_all", "arguments": {STRANGE}}}\n</tool_call>\n' + (
    '<tool_call>\n{"name": "add", "arguments": {}}\n</tool_call>'
)
TWO_READ = [("call", "add_all"), ("arguments", STRANGE), ("call", "add"), ("arguments", "{}")]
CASES = [
    (HERMES, "Is 1 <tool or 2? \n", [("text", "Is 1 <tool or 2? \n")]),
    (HERMES, TWO, TWO_READ),
    (HERMES, f"Let me see. \n\n{TWO}", [("text", "Let me see."), *TWO_READ]),
    (HERMES, f"\n{TWO[:53]}", [("call", "add_all"), ("arguments", STRANGE[:8])]),
    (HERMES, "Well. <tool_call>\n{", [("text", "Well.")]),
    (LLAMA, f'{{"name": "add", "parameters": {STRANGE}}}', [("call", "add"), ("arguments", STRANGE)]),
    (LLAMA, '{"name": "adam", "parameters": {}}', [("text", '{"name": "adam", "parameters": {}}')]),
    (LLAMA, '{"na', [("text", '{"na')]),
    (LLAMA, " Hi ", [("text", " Hi ")]),
    (
        MISTRAL,
        'Hi[TOOL_CALLS][{"name": "add", "arguments": {}, "id": "abcdefghi"}, {"name": "add", "arguments": {"a": 1}, ',
        [("text", "Hi"), ("call", "add"), ("arguments", "{}"), ("call", "add"), ("arguments", '{"a": 1}')],
    ),
]


def read(form, pieces):
    """The parts, neighbors of a kind joined."""
    reader = CallReader(form, NAMES)
    joined = []
    for part in [part for piece in pieces for part in reader.push(piece)] + reader.flush():
        assert isinstance(part, Part)
        if joined and joined[-1][0] == part.kind != "call":
            joined[-1] = part.kind, joined[-1][1] + part.text
        else:
            joined.append(tuple(part))
    return joined


@pytest.mark.parametrize(("form", "text", "parts"), CASES)
def test_parts(form, text, parts):
    assert read(form, [text]) == parts
    assert read(form, text) == parts


@given(st.sampled_from(CASES), st.lists(st.integers(0, 200)))
def test_parts_of_any_pieces(case, cuts):
    form, text, parts = case
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    assert read(form, [text[a:b] for a, b in pairwise(places)]) == parts
