"""The libraries that speak OpenAI's dialect complete their tours: chats, tools, responses, structured output, streams.

The model that answers calls a function wherever it is told of one, writes "Paris" and 7 for its arguments, and "Cold."
where there is none to call (tests.support.calling_text).
"""

import json

import pytest

from tests.clients.driving import drive

ARGUMENTS = {"city": "Paris", "days": 7}
CALL = ["weather", ARGUMENTS]
FORECAST = "Paris: 7 degrees for 7 days"
CALL_EVENTS = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.function_call_arguments.done",
    "response.output_item.done",
    "response.completed",
]


def test_openai(texts_url):
    found = drive("openai", texts_url)
    assert found["model"] == ["caller", True]
    assert found["chat"] == [CALL, "Cold."] * 5
    kinds, name, arguments, reason = found["streamed"]
    assert "tool_calls.function.arguments.done" in kinds
    assert (name, json.loads(arguments), reason) == (*CALL, "tool_calls")
    assert (found["parsed"], found["structured"]) == ("Paris", "Paris")
    assert found["responses"] == [CALL, "Cold."]
    assert found["events"] == [CALL_EVENTS, json.dumps(ARGUMENTS)]
    assert found["given up"] == "Cold."
    assert found["refused"] == ["store", "previous_response_id"]


def test_openai_for_javascript(texts_url):
    found = drive("openai_js", texts_url)
    assert found["model"] == "caller"
    assert found["chat"] == [CALL, "Cold."] * 5
    assert json.loads(found["streamed"]) == json.loads(found["final"]) == ARGUMENTS
    assert (found["run"], found["parsed"]) == ("Cold.", {"city": "Paris"})
    assert found["responses"] == [*CALL, "Cold."]
    assert found["events"] == CALL_EVENTS
    assert (found["aborted"], found["refused"]) == ("Cold.", "store")


def test_langchain(texts_url):
    found = drive("langchain", texts_url)
    for api in ("chat", "responses"):
        assert found[api] == {
            "calls": [CALL],
            "then": "Cold.",
            "streamed": [CALL],
            "chosen": [CALL],
            "none": [],
            "function_calling": "Paris",
            "json_schema": "Paris",
            "agent": ["How is the weather?", "", FORECAST, "Cold."],
        }
    assert found["async"] == [[CALL], [CALL]]


def test_litellm_and_its_proxy(texts_url):
    found = drive("litellm", texts_url, seconds=240)
    for place in ("functions", "proxy"):
        assert found[place] == {"call": CALL, "then": "Cold.", "streamed": json.dumps(ARGUMENTS)}
    assert (found["response"], found["proxied response"]) == ("Cold.", "Cold.")
    assert found["too long"] == "ContextWindowExceededError"


def test_llamaindex(texts_url):
    found = drive("llamaindex", texts_url)
    assert (found["chat"], found["streamed"], found["completed"]) == ("Cold.", "Cold.", True)
    assert (found["calls"], found["then"], found["called"]) == ([CALL], "Cold.", FORECAST)
    assert found["structured"] == "Paris"


def test_instructor(texts_url):
    found = drive("instructor", texts_url)
    wanted = {"city": "Paris", "visits": 7}
    assert found == dict.fromkeys(("default", "partial", "JSON_SCHEMA", "TOOLS_STRICT"), wanted)


@pytest.mark.parametrize("api", ["responses", "chat", "compatible"])
def test_vercel_ai(texts_url, api):
    found = drive("vercel_ai", texts_url)[api]
    assert (found["text"], found["streamed"], found["calls"]) == ("Cold.", "Cold.", [CALL])
    assert found["reasons"] == ["tool-calls", "stop"]
    assert {"tool-input-delta", "tool-call", "tool-result", "text-delta"} <= set(found["kinds"])
    assert "error" not in found["kinds"]
    assert (found["forced"], found["typed"]) == ([ARGUMENTS], {"city": "Paris"})


def test_pydantic_ai(texts_url):
    found = drive("pydantic_ai", texts_url)
    for api in ("chat", "responses"):
        assert (found[api]["answer"], found[api]["streamed"], found[api]["called"]) == ("Cold.", "Cold.", [CALL])
        assert (found[api]["ToolOutput"], found[api]["NativeOutput"]) == ("Paris", "Paris")


def test_openai_agents(texts_url):
    items = ["tool_call_item", "tool_call_output_item", "message_output_item"]
    found = drive("openai_agents", texts_url)
    assert found.keys() == {"OpenAIResponsesModel", "OpenAIChatCompletionsModel"}
    for told in found.values():
        assert (told["answer"], told["items"], told["again"], told["typed"]) == ("Cold.", items, items, "Paris")
        text, kinds = told["streamed"]
        assert (text, "run_item_stream_event" in kinds) == ("Cold.", True)


def test_llm(texts_url):
    found = drive("llm", texts_url)
    assert [found[way] for way in ("whole", "streamed", "continued")] == ["Cold."] * 3
    assert found["schema"] == ARGUMENTS
    assert found["tools"].startswith("Cold.")
    assert FORECAST in found["tools"]
