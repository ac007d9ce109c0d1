"""Responses: whole and streamed, with what OpenAI's own library reads of them, and what is refused."""

import json

import pytest
from openai.types.responses import Response

from service.app import create_app
from service.settings import Settings
from tests.support.calling_text import pack_calling
from tests.support.tiny_text import break_runner

PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = {"type": "function", "name": "weather", "parameters": PARAMETERS, "strict": True}
ASKED = {"model": "caller", "input": "How is the weather?", "temperature": 0, "max_output_tokens": 200}
MESSAGE_EVENTS = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    *["response.output_text.delta"] * 5,
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    pack_calling(store)
    return create_app(Settings(store=store, workers=1)).test_client()


@pytest.fixture
def ask(client):
    def post(status=200, **change):
        answer = client.post("/v1/responses", json=ASKED | change)
        assert answer.status_code == status, answer.text
        return answer.json if status == 200 else answer.json["error"]

    return post


@pytest.fixture
def stream(client):
    def post(**change):
        """[(name, event)]"""
        answer = client.post("/v1/responses", json=ASKED | {"stream": True} | change)
        assert answer.content_type == "text/event-stream"
        *frames, rest = answer.get_data(as_text=True).split("\n\n")
        assert rest == ""
        pairs = [frame.split("\n") for frame in frames]
        events = [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in pairs]
        assert [event["sequence_number"] for _, event in events] == list(range(len(events)))
        assert all(event["type"] == name for name, event in events)
        return events

    return post


def unnamed(value):
    """Without what is new in every answer."""
    if isinstance(value, dict):
        new = {"id", "call_id", "item_id", "created_at"}
        return {name: unnamed(each) for name, each in value.items() if name not in new}
    return list(map(unnamed, value)) if isinstance(value, list) else value


def test_a_text(ask):
    body = ask(instructions="Be brief.", metadata={"a": "b"})
    (message,) = body["output"]
    assert (message["type"], message["role"], message["status"]) == ("message", "assistant", "completed")
    assert message["content"] == [{"type": "output_text", "annotations": [], "logprobs": [], "text": "Cold."}]
    assert (body["object"], body["status"], body["error"], body["store"]) == ("response", "completed", None, False)
    assert (body["instructions"], body["metadata"], body["max_output_tokens"]) == ("Be brief.", {"a": "b"}, 200)
    assert body["usage"]["output_tokens"] == 6
    assert Response.model_validate(body).output_text == "Cold."


def test_instructions_and_input_are_the_messages_of_a_chat(client, ask):
    messages = [
        {"role": "system", "content": "Be brief.\n\nBe polite."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": "Bye"},
    ]
    chat = client.post("/v1/chat/completions", json={"model": "caller", "messages": messages, "max_tokens": 5}).json
    items = [
        {"role": "developer", "content": [{"type": "input_text", "text": "Be polite."}]},
        {"type": "message", "role": "user", "content": "Hi"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Hello!", "annotations": []}], "id": "msg_1"},
        {"role": "user", "content": [{"type": "input_text", "text": "B"}, {"type": "input_text", "text": "ye"}]},
    ]
    assert ask(input=items, instructions="Be brief.")["usage"]["input_tokens"] == chat["usage"]["prompt_tokens"]


def test_a_conversation_with_a_call(ask):
    body = ask(tools=[WEATHER])
    (call,) = body["output"]
    assert (call["type"], call["name"], call["status"]) == ("function_call", "weather", "completed")
    assert json.loads(call["arguments"]) == {"city": "Paris"}
    assert (body["tools"], body["tool_choice"]) == ([WEATHER | {"description": None}], "auto")
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "7 degrees"}
    conversation = [{"role": "user", "content": "How is the weather?"}, call, result]
    body = ask(tools=[WEATHER], input=conversation)
    assert body["output"][0]["content"][0]["text"] == "Cold."
    (call,) = ask(tools=[WEATHER], input=conversation, tool_choice={"type": "function", "name": "weather"})["output"]
    assert call["name"] == "weather"


def test_the_events_of_a_text(ask, stream):
    events = stream()
    assert [name for name, _ in events] == MESSAGE_EVENTS
    told = dict(events)
    assert [told[f"response.{name}"]["response"]["status"] for name in ("created", "completed")] == [
        "in_progress",
        "completed",
    ]
    assert "".join(event["delta"] for name, event in events if name.endswith("text.delta")) == "Cold."
    assert told["response.output_text.done"]["text"] == "Cold."
    assert unnamed(told["response.completed"]["response"]) == unnamed(ask())
    ids = {event["item_id"] for _, event in events if "item_id" in event}
    assert ids == {told["response.output_item.added"]["item"]["id"]}


def test_the_events_of_a_call(ask, stream):
    events = stream(tools=[WEATHER])
    names = [name for name, _ in events]
    deltas = [event["delta"] for name, event in events if name == "response.function_call_arguments.delta"]
    assert names == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        *["response.function_call_arguments.delta"] * len(deltas),
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert "".join(deltas) == dict(events)["response.function_call_arguments.done"]["arguments"] == '{"city": "Paris"}'
    assert dict(events)["response.output_item.added"]["item"]["arguments"] == ""
    assert unnamed(events[-1][1]["response"]) == unnamed(ask(tools=[WEATHER]))


def test_what_is_too_long_is_incomplete(ask, stream):
    for body in (ask(max_output_tokens=3), stream(max_output_tokens=3)[-1][1]["response"]):
        assert (body["status"], body["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
        assert (body["output"][0]["status"], body["output"][0]["content"][0]["text"]) == ("incomplete", "Col")
    assert stream(max_output_tokens=3)[-1][0] == "response.incomplete"
    (call,) = ask(max_output_tokens=45, tools=[WEATHER])["output"]
    assert call["status"] == "incomplete"


def test_text_under_a_schema(ask):
    form = {"type": "json_schema", "name": "place", "schema": PARAMETERS, "strict": True}
    body = ask(text={"format": form, "verbosity": None})
    assert json.loads(body["output"][0]["content"][0]["text"]) == {"city": "Paris"}
    assert body["text"]["format"] == form
    assert ask(text={"format": {"type": "text"}})["output"][0]["content"][0]["text"] == "Cold."


def test_logprobs_where_they_are_included(ask, stream):
    asked = {"include": ["message.output_text.logprobs"], "top_logprobs": 2}
    entries = ask(**asked)["output"][0]["content"][0]["logprobs"]
    assert [entry["token"] for entry in entries] == ["C", "o", "l", "d", "."]
    assert all(len(entry["top_logprobs"]) == 2 for entry in entries)
    events = stream(**asked)
    assert [entry for name, event in events if name.endswith("text.delta") for entry in event["logprobs"]] == entries


def test_what_asks_for_nothing_is_taken(ask):
    nothing = {
        "background": False,
        "conversation": None,
        "include": ["reasoning.encrypted_content"],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": "x",
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "auto",
        "store": False,
        "stream_options": None,
        "text": {"format": None, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "truncation": "disabled",
        "user": "me",
    }
    assert ask(**nothing)["status"] == "completed"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"store": True}, "store"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"background": True}, "background"),
        ({"truncation": "auto"}, "truncation"),
        ({"reasoning": {"effort": "high"}}, "reasoning.effort"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"include": ["file_search_call.results"]}, "include[0]"),
        ({"text": {"verbosity": "low"}}, "text.verbosity"),
        ({"text": {"format": {"type": "yaml"}}}, "text.format"),
        ({"text": {"format": {"type": "json_schema", "schema": {"type": "what"}, "name": "x"}}}, "text.format.schema"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"input": []}, "input"),
        ({"input": 3}, "input"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content"),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "["}]}, "input[0].arguments"),
        ({"temperature": -1}, "temperature"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": 5000}, "max_output_tokens"),
        ({"input": "x" * 5000}, "input"),
        ({"messages": []}, "messages"),
    ],
    ids=str,
)
def test_what_is_not_served_is_refused_by_name(ask, change, param):
    error = ask(status=400, **change)
    assert (error["param"], error["type"]) == (param, "invalid_request_error")


def test_a_model_that_is_not_there(ask):
    assert ask(status=404, model="huge")["code"] == "model_not_found"


def test_a_failure_within_a_stream_is_its_last_event(client, stream, monkeypatch):
    break_runner(client.application.extensions["daylight"].predictor.find("caller"), monkeypatch)
    name, event = stream()[-1]
    assert (name, event["response"]["status"]) == ("response.failed", "failed")
    assert event["response"]["error"]["code"] == "server_error"
    assert "runner" not in event["response"]["error"]["message"]
