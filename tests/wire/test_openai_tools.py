"""Functions in chats: told, called, answered, refused; by a model that calls them for certain."""

import json

import pytest

from service.app import create_app
from service.settings import Settings
from tests.support.call_templates import LLAMA, PLAIN
from tests.support.calling_text import pack_calling

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of the next days.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["Paris degrees", "kelvin"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
NOW = {"type": "function", "function": {"name": "now"}}
USER = {"role": "user", "content": "How is the weather?"}
CHAT = {"model": "caller", "messages": [USER], "tools": [WEATHER], "temperature": 0, "max_tokens": 200}
ARGUMENTS = {"city": "Paris", "unit": "Paris degrees"}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    for name, template in {"caller": None, "bare": LLAMA, "plain": PLAIN}.items():
        pack_calling(store, name, **({} if template is None else {"template": template}))
    return create_app(Settings(store=store, workers=1)).test_client()


@pytest.fixture
def ask(client):
    def post(status=200, **change):
        answer = client.post("/v1/chat/completions", json=CHAT | change)
        assert answer.status_code == status, answer.text
        return answer.json if status == 200 else answer.json["error"]

    return post


def called(choice):
    """[(name, arguments)] of a choice's message."""
    calls = choice["message"].get("tool_calls", ())
    return [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls]


def test_a_conversation_with_a_call(ask):
    (choice,) = ask()["choices"]
    message = choice["message"]
    assert (called(choice), choice["finish_reason"], message["content"]) == (
        [("weather", ARGUMENTS)],
        "tool_calls",
        None,
    )
    (call,) = message["tool_calls"]
    result = {"role": "tool", "tool_call_id": call["id"], "content": [{"type": "text", "text": "7 degrees"}]}
    (choice,) = ask(messages=[USER, message, result])["choices"]
    assert choice["message"] == {"role": "assistant", "content": "Cold.", "refusal": None}
    assert choice["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("change", "calls", "reason"),
    [
        ({"tool_choice": "none"}, [], "stop"),
        ({"tool_choice": "auto", "parallel_tool_calls": False}, [("weather", ARGUMENTS)], "tool_calls"),
        ({"tool_choice": {"type": "function", "function": {"name": "now"}}}, [("now", {})], "stop"),
        (
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "now"}}]},
                }
            },
            [("now", {})],
            "tool_calls",
        ),
        ({"model": "bare", "tool_choice": "required", "tools": [WEATHER]}, [("weather", ARGUMENTS)], "tool_calls"),
    ],
)
def test_the_choice_of_a_tool(ask, change, calls, reason):
    (choice,) = ask(**{"tools": [WEATHER, NOW] if "now" in str(change) else [WEATHER], **change})["choices"]
    assert (called(choice), choice["finish_reason"]) == (calls, reason)


def test_a_call_may_be_required_after_a_result(ask):
    """The model would rather answer."""
    history = [USER, ask()["choices"][0]["message"]]
    history.append({"role": "tool", "tool_call_id": history[1]["tool_calls"][0]["id"], "content": "7 degrees"})
    (choice,) = ask(messages=history, tool_choice="required")["choices"]
    assert called(choice) == [("weather", ARGUMENTS)]


def streamed(client, **change):
    answer = client.post("/v1/chat/completions", json=CHAT | {"stream": True} | change)
    *events, last, rest = answer.get_data(as_text=True).split("\n\n")
    assert (last, rest) == ("data: [DONE]", "")
    return [choice for event in events for choice in json.loads(event.removeprefix("data: "))["choices"]]


def test_a_stream_says_what_the_whole_answer_says(client, ask):
    whole = ask()["choices"][0]["message"]["tool_calls"][0]
    first, *choices = streamed(client)
    assert first["delta"] == {"role": "assistant", "content": ""}
    deltas = [delta for choice in choices for delta in choice["delta"].get("tool_calls", ())]
    assert [delta["index"] for delta in deltas] == [0] * len(deltas)
    assert deltas[0].keys() == whole.keys() | {"index"}
    assert (deltas[0]["function"]["name"], deltas[0]["function"]["arguments"]) == ("weather", "")
    assert [delta.keys() for delta in deltas[1:]] == [{"index", "function"}] * (len(deltas) - 1)
    assert len(deltas) > 10, "the arguments come as they are written"
    assert "".join(delta["function"]["arguments"] for delta in deltas) == whole["function"]["arguments"]
    assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + ["tool_calls"]
    assert not any(choice["delta"].get("content") for choice in choices)


def test_choices_have_calls_of_their_own(client, ask):
    ids = {choice["message"]["tool_calls"][0]["id"] for choice in ask(n=2)["choices"]}
    assert len(ids) == 2
    by_place = {0: "", 1: ""}
    for choice in streamed(client, n=2):
        for delta in choice["delta"].get("tool_calls", ()):
            by_place[choice["index"]] += delta["function"]["arguments"]
    assert [json.loads(arguments) for arguments in by_place.values()] == [ARGUMENTS] * 2


def test_what_cuts_a_call_off_is_told(ask):
    (choice,) = ask(max_tokens=60)["choices"]
    assert choice["finish_reason"] == "length"
    (call,) = choice["message"]["tool_calls"]
    assert json.dumps(ARGUMENTS).startswith(call["function"]["arguments"])
    (choice,) = ask(stop=["Pa"])["choices"]
    assert choice["finish_reason"] == "stop"


def test_every_token_has_its_logprob(client, ask):
    options = {"logprobs": True, "top_logprobs": 1}
    entries = ask(**options)["choices"][0]["logprobs"]["content"]
    text = bytes(byte for entry in entries for byte in entry["bytes"]).decode()
    assert text.startswith('<tool_call>\n{"name": "weather"')
    assert [entry for choice in streamed(client, **options) for entry in choice["logprobs"]["content"]] == entries


CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
ASSISTANT = {"role": "assistant", "content": None, "tool_calls": [CALL]}
TOOL = {"role": "tool", "tool_call_id": "call_1", "content": "7"}


@pytest.mark.parametrize(
    "messages",
    [
        [USER, ASSISTANT, TOOL],
        [USER, {"role": "assistant", "tool_calls": [CALL | {"index": 0}]}, TOOL | {"name": "weather"}],
        [USER, ASSISTANT | {"tool_calls": [CALL | {"function": {"name": "weather", "arguments": ""}}]}, TOOL],
        [USER, ASSISTANT | {"content": "Let me see.", "refusal": None, "audio": None, "function_call": None}, TOOL],
    ],
)
def test_calls_come_back_as_libraries_keep_them(ask, messages):
    assert ask(messages=messages)["choices"][0]["message"]["content"] == "Cold."


def named(name, **members):
    return {"type": "function", "function": {"name": name, **members}}


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tools": [named("a b")]}, "tools[0].function.name"),
        ({"tools": [named("f", parameters={"type": "array"})]}, "tools[0].function.parameters"),
        ({"tools": [NOW, NOW]}, "tools"),
        ({"tools": [named(f"f{place}") for place in range(129)]}, "tools"),
        ({"tools": [named("f", parameters={"properties": {"a": {"type": "what"}}})]}, "tools"),
        ({"tool_choice": named("then")}, "tool_choice"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"tools": [], "tool_choice": "required"}, "tool_choice"),
        ({"parallel_tool_calls": "no"}, "parallel_tool_calls"),
        ({"messages": [USER, {"role": "assistant"}]}, "messages[1].content"),
        ({"messages": [USER | {"tool_calls": [CALL]}]}, "messages[0].tool_calls"),
        ({"messages": [USER, ASSISTANT, {"role": "tool", "content": "7"}]}, "messages[2].tool_call_id"),
        ({"messages": [USER | {"tool_call_id": "call_1"}]}, "messages[0].tool_call_id"),
        (
            {
                "messages": [
                    USER,
                    {"role": "assistant", "tool_calls": [CALL | {"function": {"name": "f", "arguments": "{"}}]},
                ]
            },
            "messages[1].tool_calls[0].function.arguments",
        ),
        ({"constraint": {"type": "regex", "pattern": "a"}}, "constraint"),
        ({"model": "bare", "response_format": {"type": "json_object"}}, "response_format"),
        ({"model": "plain"}, "tools"),
        ({"model": "plain", "tools": None, "messages": [USER, ASSISTANT, TOOL]}, "messages"),
        ({"ignore_eos": True}, "ignore_eos"),
    ],
    ids=str,
)
def test_what_is_wrong_with_tools_is_named(ask, change, param):
    error = ask(status=400, **change)
    assert (error["param"], error["type"]) == (param, "invalid_request_error")


def test_a_function_that_cannot_be_called_is_told_beside_the_rest(ask):
    wrong = {"tools": [named("f", parameters={"properties": {"a": {"type": "what"}}})], "top_p": 2}
    assert {each["parameter"] for each in ask(status=400, **wrong)["details"]} == {"tools", "top_p"}


def test_a_deeply_nested_schema_is_refused(client):
    """What walks it calls itself, and Python's stack ends after a thousand calls."""
    nested = '{"properties": {"a": ' * 400 + "{}" + "}}" * 400
    body = json.dumps(CHAT | {"tools": [named("f", parameters={"a": "?"})]}).replace('{"a": "?"}', nested)
    answer = client.post("/v1/chat/completions", data=body, content_type="application/json")
    assert (answer.status_code, answer.json["error"]["param"]) == (400, "tools[0].function.parameters")


def test_a_text_or_a_call_under_a_schema(ask):
    schema = {"type": "object", "properties": {"said": {"type": "string"}}, "required": ["said"]}
    asked = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema | {"additionalProperties": False}}}
    assert called(ask(response_format=asked)["choices"][0]) == [("weather", ARGUMENTS)]
    (choice,) = ask(response_format=asked, messages=[USER, ASSISTANT, TOOL])["choices"]
    assert json.loads(choice["message"]["content"]) == {"said": "Paris"}
