"""What clients send back, and around it, in OpenAI's dialect: it is read as it is meant, or refused by name."""

import pytest

from service.app import create_app
from service.settings import Settings
from tests.support.tiny_text import pack_tiny

CHAT = {"model": "tiny", "max_tokens": 6, "temperature": 0, "messages": [{"role": "user", "content": "abc"}]}
# What openai's Python package, its `parse`, LiteLLM and LangChain keep of a message.
KEPT = [
    {"refusal": None, "tool_calls": None, "function_call": None, "audio": None, "annotations": []},
    {"annotations": None, "parsed": None, "refusal": None},
    {"parsed": {"city": "Oslo"}, "annotations": [{"type": "url_citation"}]},
    {"provider_specific_fields": {"refusal": None}, "tool_calls": None, "function_call": None},
    {"refusal": "", "tool_calls": [], "name": None, "reasoning_content": "", "a_member_of_tomorrow": None},
]


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    pack_tiny(store)
    client = create_app(Settings(store=store, workers=1)).test_client()
    return lambda **body: client.post("/v1/chat/completions", json=CHAT | body)


def conversation(**members):
    answered = {"role": "assistant", "content": "Hello!", **members}
    return [{"role": "user", "content": "Hi"}, answered, {"role": "user", "content": "Bye"}]


def texts(answer):
    assert answer.status_code == 200, answer.text
    return [choice["message"]["content"] for choice in answer.json["choices"]]


@pytest.mark.parametrize("kept", KEPT)
def test_an_answered_message_comes_back_as_a_library_keeps_it(ask, kept):
    """A conversation could not go on with `message.model_dump()`: each null member was an unknown field."""
    assert texts(ask(messages=conversation(**kept))) == texts(ask(messages=conversation()))


def test_an_answer_of_no_text_comes_back_as_null(ask):
    """Some libraries keep the empty text so. Without the member it is no message, and nobody else may say nothing."""
    assert texts(ask(messages=conversation(content=None))) == texts(ask(messages=conversation(content="")))
    for silent in ({"role": "assistant"}, {"role": "user", "content": None}):
        assert ask(messages=[silent]).json["error"]["param"] == "messages[0].content"


def test_every_message_that_is_answered_is_taken_back(ask):
    message = ask().json["choices"][0]["message"]
    assert texts(ask(messages=[*CHAT["messages"], message, {"role": "user", "content": "on"}]))


@pytest.mark.parametrize(
    "member",
    [
        {"refusal": "I cannot"},
        {"reasoning_content": "Let me see"},
        {"audio": {"id": "x"}},
        {"prefix": True},
    ],
)
def test_a_member_that_says_something_is_refused_by_name(ask, member):
    (name,) = member
    error = ask(messages=conversation(**member)).json["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", f"messages[1].{name}")


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt_cache_retention": "24h", "prompt_cache_key": "a", "prompt_cache_options": {"x": [1]}},
        {"store": True, "metadata": {"a": "b"}, "service_tier": "flex", "safety_identifier": "x", "user": "me"},
        {"reasoning_effort": "none", "verbosity": "medium", "modalities": ["text"], "parallel_tool_calls": True},
        {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "none"},
        {"functions": [{"name": "f"}], "function_call": "none"},
        {"max_completion_tokens": 6},
        {"max_tokens": None, "max_completion_tokens": 6},
        {"logprobs": False, "top_logprobs": 0},
        {"n": 1, "best_of": 1, "seed": None, "stop": None, "logit_bias": None, "a_field_of_tomorrow": None},
        {"response_format": {"type": "text", "json_schema": None}, "stream_options": None},
    ],
)
def test_fields_that_change_nothing_change_nothing(ask, fields):
    assert texts(ask(**fields)) == texts(ask())


def test_the_best_of_as_many_as_are_asked_for_is_all_of_them(ask):
    assert len(texts(ask(n=2, best_of=2, temperature=1))) == 2
    assert ask(n=2, best_of=3).json["error"]["param"] == "best_of"


def test_two_different_lengths_are_refused(ask):
    error = ask(max_completion_tokens=7).json["error"]
    assert error["param"] == "max_completion_tokens"


SCHEMA = {
    "type": "object",
    "properties": {"a": {"enum": ["x", "y"]}},
    "required": ["a"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "form",
    [
        {"type": "json_object", "schema": SCHEMA},
        {"type": "json_schema", "schema": SCHEMA},
        {"type": "json_schema", "json_schema": {"name": "x", "strict": None, "description": None, "schema": SCHEMA}},
    ],
)
def test_a_schema_is_followed_wherever_it_stands(ask, form):
    """`{"type": "json_object", "schema": ...}` was answered with any JSON: the schema was dropped without a word."""
    assert texts(ask(response_format=form, max_tokens=40))[0] in ('{"a": "x"}', '{"a": "y"}')


@pytest.mark.parametrize(
    "form",
    [
        {"type": "text", "schema": SCHEMA},
        {"type": "json_object", "value": SCHEMA},
        {"type": "json_schema", "json_schema": {"schema": SCHEMA}, "schema": SCHEMA},
        {"type": "json_schema", "json_schema": {"schema": "a"}},
        {"type": "json_schema", "json_schema": {"schema": SCHEMA, "examples": []}},
        {"type": ["json_object"]},
        "json_object",
    ],
)
def test_a_format_that_would_be_dropped_in_part_is_refused(ask, form):
    error = ask(response_format=form).json["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", "response_format")
