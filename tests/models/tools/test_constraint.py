"""What may be written where functions are told of: any text, then calls that fit, and nothing else."""

import numpy as np
import pytest
from tokenizers import AddedToken

from service.capabilities import Tools
from service.generation.constraint import Constraints
from service.models.tools.calling import Calling
from service.models.tools.form import ID, CallForm
from tests.support.call_forms import HERMES, LLAMA, MISTRAL
from tests.support.tiny_text import byte_tokenizer

LATER = CallForm("[TOOL_CALLS]", f"[CALL_ID]{ID}[ARGS]", "[TOOL_CALLS]", "", "[TOOL_CALLS]", "tools")
FUNCTIONS = [
    {"name": "add", "parameters": {"properties": {"a": {"type": "integer"}}, "required": ["a"]}},
    {"name": "add_all"},
]
CALL = '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>'
OTHER = '<tool_call>\n{"name": "add_all", "arguments": {}}\n</tool_call>'
HERMES_TEXTS = {
    "": "may end",
    "Hi <tool": "may end",
    f"Let me see.\n{CALL}": "may end",
    f"{CALL}\n{OTHER}": "may end",
    CALL[:-13]: "goes on",
    f"{CALL} x": "refused",
    '<tool_call>\n{"name": "sub': "refused",
    '<tool_call>\n{"name": "add", "arguments": {}': "refused",
    "<tool_call>x": "refused",
}
# Tokens by their own names: whether they are special.
TAGS = {"<tool_call>": False, "</tool_call>": False, "<think>": False}
MARKS = {"[TOOL_CALLS]": True, "[CALL_ID]": True, "[ARGS]": True}


def outcomes(form, added, texts, content=None, **tools):
    """{text: how a model that writes it is held}."""
    tokenizer = byte_tokenizer()
    tokenizer.add_tokens([AddedToken(text, special=special) for text, special in added.items()])
    end = tokenizer.eos_token_id
    constraints = Constraints(tokenizer.backend_tokenizer.to_str, vocabulary_size=len(tokenizer), eos_ids={end})
    calling = Calling(form, tokenizer.backend_tokenizer, {end})
    constraint = calling.constraint(Tools(FUNCTIONS, **tools), content, constraints.why_not)

    def outcome(text):
        guide = constraints.guide(constraints.grammar(constraint))
        for token in tokenizer.encode(text, add_special_tokens=False):
            if not np.isfinite(guide.masked(np.zeros(len(tokenizer)))[token]):
                return "refused"
            guide.accept(token)
        return "may end" if np.isfinite(guide.masked(np.zeros(len(tokenizer)))[end]) else "goes on"

    return {text: outcome(text) for text in texts}


@pytest.mark.parametrize("added", [{}, TAGS, dict.fromkeys(TAGS, True)], ids=["bytes", "tags", "special"])
def test_text_then_calls_whatever_tokens_the_tags_are(added):
    assert outcomes(HERMES, added, HERMES_TEXTS) == HERMES_TEXTS


def test_a_text_may_hold_tags_that_are_not_of_calls():
    """llguidance takes every token that looks like <this> for a special one, which no pattern of a text matches."""
    texts = {"<think>a</think>b": "may end", f"<think>a{CALL}": "may end"}
    assert outcomes(HERMES, TAGS, texts) == texts


def test_a_call_may_be_required():
    texts = {"": "goes on", "H": "refused", CALL: "may end", f"{CALL}\n{OTHER}": "may end"}
    assert outcomes(HERMES, TAGS, texts, required=True) == texts


def test_one_call_only():
    texts = {CALL: "may end", f"{CALL}\n": "refused"}
    assert outcomes(HERMES, TAGS, texts, parallel=False) == texts


def test_text_may_have_to_fit_a_schema():
    texts = {'{"x": 1}': "may end", "H": "refused", CALL: "may end"}
    assert outcomes(HERMES, TAGS, texts, content={"type": "json_object"}) == texts


def test_a_call_that_begins_as_any_object_may():
    call = '{"name": "add", "parameters": {"a": 1}}'
    texts = {
        "": "may end",
        "Hi": "may end",
        "<think>b": "may end",
        call: "may end",
        f"{call};": "refused",
        '{"name": "add", "x': "refused",
        '{"name": "adam", "x": 1}': "may end",
        f" {call};": "may end",
    }
    assert outcomes(LLAMA, TAGS, texts) == texts


def test_calls_with_ids():
    one = '{"name": "add", "arguments": {"a": 1}, "id": "abcDEF123"}'
    texts = {
        "Hi": "may end",
        f"Hi[TOOL_CALLS][{one}]": "may end",
        f"[TOOL_CALLS][{one}, {one}]": "may end",
        f"[TOOL_CALLS][{one.replace('123', '12')}": "refused",
        "[TOOL_CALLS]x": "refused",
        "Hi[ARGS]": "refused",
    }
    assert outcomes(MISTRAL, MARKS, texts) == texts
    later = {
        'Hi[TOOL_CALLS]add[CALL_ID]abcDEF123[ARGS]{"a": 1}[TOOL_CALLS]add_all[CALL_ID]abcDEF123[ARGS]{}': "may end"
    }
    assert outcomes(LATER, MARKS, later) == later
