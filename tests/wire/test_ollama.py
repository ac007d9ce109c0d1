"""Ollama's protocol: chats and questions, whole and in lines, calls of functions, and what is refused."""

import json

import pytest

from service.app import create_app
from service.settings import Settings
from tests.support.calling_text import pack_calling
from tests.support.tiny_text import break_runner, pack_tiny

GREEDY = {"num_predict": 6, "temperature": 0}
USER = {"role": "user", "content": "abc"}
CHAT = {"model": "tiny", "messages": [USER], "options": GREEDY}
ASK = {"model": "tiny", "prompt": "abc", "options": GREEDY}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
        },
    },
}
CALLS = [{"function": {"name": "weather", "arguments": {"city": "Paris", "days": 7}}}]
CALLING = {"model": "caller", "messages": [USER], "tools": [TOOL], "options": {"temperature": 0}}
DEEP: dict = {}  # what an encoder of JSON refuses before a decoder does
for _ in range(300):
    DEEP = {"a": DEEP}
DEEP_CALL = {"role": "assistant", "tool_calls": [{"function": {"name": "weather", "arguments": DEEP}}]}
DURATIONS = ("total_duration", "prompt_eval_duration", "eval_duration")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    pack_tiny(store)
    pack_calling(store)
    return create_app(Settings(store=store, workers=1)).test_client()


@pytest.fixture
def whole(client):
    def ask(path, body, status=200):
        answer = client.post(path, json=body | {"stream": False})
        assert answer.status_code == status, answer.text
        return answer.json

    return ask


@pytest.fixture
def lines(client):
    """The lines of a stream, which is what a request that does not say `stream` gets."""

    def ask(path, body):
        answer = client.post(path, json=body)
        assert (answer.status_code, answer.mimetype) == (200, "application/x-ndjson")
        return [json.loads(line) for line in answer.text.splitlines()]

    return ask


def test_a_chat_is_openais_chat_in_other_words(client, whole):
    body = {"model": "tiny", "messages": [USER], "temperature": 0, "max_tokens": 6}
    other = client.post("/v1/chat/completions", json=body).json
    told = whole("/api/chat", CHAT | {"model": "tiny:latest", "keep_alive": "5m"})
    assert told["message"] == {"role": "assistant", "content": other["choices"][0]["message"]["content"]}
    assert (told["done"], told["done_reason"]) == (True, "length")
    assert (told["prompt_eval_count"], told["eval_count"]) == (other["usage"]["prompt_tokens"], 6)


def test_a_question_is_a_chat_and_raw_is_a_completion(client, whole):
    system = whole("/api/chat", CHAT | {"messages": [{"role": "system", "content": "x"}, USER]})
    assert whole("/api/generate", ASK | {"system": "x"})["response"] == system["message"]["content"]
    completion = {"model": "tiny", "prompt": "abc", "temperature": 0, "max_tokens": 6}
    other = client.post("/v1/completions", json=completion).json["choices"][0]["text"]
    assert whole("/api/generate", ASK | {"raw": True})["response"] == other


@pytest.mark.parametrize(("path", "body"), [("/api/chat", CHAT), ("/api/generate", ASK)])
def test_the_lines_say_what_the_whole_answer_says(whole, lines, path, body):
    answer = whole(path, body)
    *pieces, last = lines(path, body)
    if path == "/api/chat":
        assert "".join(piece["message"]["content"] for piece in pieces) == answer["message"]["content"]
    else:
        assert "".join(piece["response"] for piece in pieces) == answer["response"]
    assert {piece["done"] for piece in pieces} == {False}
    same = ("model", "done", "done_reason", "prompt_eval_count", "eval_count")
    assert [last[name] for name in same] == [answer[name] for name in same]
    assert all(last[name] > 0 for name in DURATIONS)


def test_a_conversation_with_a_call(whole, lines):
    answered = whole("/api/chat", CALLING)["message"]
    assert answered["tool_calls"] == CALLS
    first, last = lines("/api/chat", CALLING)
    assert (first["message"]["tool_calls"], last["done_reason"]) == (CALLS, "stop")
    for result in ({"tool_name": "weather"}, {}):
        messages = [USER, answered, {"role": "tool", "content": "7", **result}]
        assert whole("/api/chat", CALLING | {"messages": messages})["message"]["content"] == "Cold."


def test_each_result_is_of_the_call_that_it_names(whole):
    call = {"function": {"name": "now", "arguments": {}}}
    messages = [
        USER,
        {"role": "assistant", "tool_calls": [*CALLS, call | {"id": "call_of_a_library"}, call]},
        {"role": "tool", "tool_name": "now", "content": "12"},
        {"role": "tool", "content": "7"},
        {"role": "tool", "tool_name": "now", "content": "13"},
    ]
    assert whole("/api/chat", CALLING | {"messages": messages})["message"]["content"] == "Cold."
    once_more = [*messages, {"role": "tool", "tool_name": "now", "content": "14"}]
    (fault,) = whole("/api/chat", CALLING | {"messages": once_more}, 400)["details"]
    assert fault["parameter"] == "messages[5]"


def test_a_call_that_is_cut_off_is_none(whole):
    told = whole("/api/chat", CALLING | {"options": {"temperature": 0, "num_predict": 40}})
    assert ("tool_calls" in told["message"], told["done_reason"]) == (False, "length")


@pytest.mark.parametrize("form", ["json", {"type": "object", "properties": {"city": {"type": "string"}}}])
def test_a_text_is_held_to_a_form(whole, form):
    body = {"model": "caller", "messages": [USER], "format": form, "options": {"temperature": 0}}
    assert isinstance(json.loads(whole("/api/chat", body)["message"]["content"]), dict)


@pytest.mark.parametrize(
    "options",
    [
        {"num_ctx": 2048, "num_gpu": 0, "use_mmap": True, "mirostat": 0, "repeat_last_n": -1, "seed": None},
        {"top_k": 0, "top_p": 0.9, "min_p": 0.0, "seed": 3, "stop": [], "repeat_penalty": 1.0, "tfs_z": 1},
    ],
)
def test_options_that_change_nothing_change_nothing(whole, options):
    nothing = {"format": "", "think": False, "keep_alive": -1, "truncate": True, "tools": [], "logprobs": None}
    other = CHAT | nothing | {"options": GREEDY | options}
    assert whole("/api/chat", other)["message"] == whole("/api/chat", CHAT)["message"]


@pytest.mark.parametrize("length", [-1, -2, None])
def test_without_a_length_it_writes_to_the_end_of_the_context(whole, length):
    told = whole("/api/chat", CHAT | {"options": {"temperature": 0, "num_predict": length}})
    assert told["prompt_eval_count"] + told["eval_count"] == 128


@pytest.mark.parametrize(
    ("path", "body"),
    [("/api/chat", {"messages": []}), ("/api/chat", {}), ("/api/generate", {}), ("/api/generate", {"prompt": ""})],
)
def test_who_asks_for_nothing_is_told_that_the_model_is_loaded(whole, lines, path, body):
    """Programs load a model so, before anybody has written a word."""
    loaded = whole(path, {"model": "tiny", "keep_alive": "10m"} | body)
    assert (loaded["done"], loaded["done_reason"]) == (True, "load")
    (line,) = lines(path, {"model": "tiny"} | body)
    assert line["done_reason"] == "load"


@pytest.mark.parametrize(
    ("path", "change", "named"),
    [
        (
            "/api/chat",
            {"options": {"temperature": -1, "mirostat": False, "colour": 1}},
            ["temperature", "mirostat", "colour"],
        ),
        ("/api/chat", {"options": {"num_predict": 1000}}, ["num_predict"]),
        ("/api/generate", {"options": {"num_predict": 0, "stop": [""]}}, ["num_predict", "stop"]),
    ],
)
def test_a_wrong_option_is_named(whole, path, change, named):
    details = whole(path, (CHAT if path == "/api/chat" else ASK) | change, 400)["details"]
    assert {each["parameter"] for each in details} == {f"options.{name}" for name in named}


@pytest.mark.parametrize(
    ("path", "change", "named"),
    [
        ("/api/chat", {"temperature": 0, "colour": 1, "format": "xml"}, {"temperature", "colour", "format"}),
        ("/api/chat", {"format": {"type": "what"}}, {"format"}),
        ("/api/chat", {"think": True, "logprobs": True}, {"think", "logprobs"}),
        ("/api/chat", {"messages": [USER | {"images": ["aGk="]}]}, {"messages[0].images"}),
        ("/api/chat", {"messages": [USER | {"tool_calls": CALLS}]}, {"messages[0].tool_calls"}),
        ("/api/chat", {"messages": [{"role": "tool", "content": "7"}]}, {"messages[0]"}),
        ("/api/chat", {"messages": [USER | {"content": "a" * 128}]}, {"messages"}),
        ("/api/chat", {"tools": [TOOL, TOOL]}, {"tools"}),
        ("/api/chat", {"model": "caller", "tools": [TOOL], "messages": "Hi"}, {"messages"}),
        ("/api/generate", {"suffix": "x", "template": "y", "context": [1]}, {"suffix", "template", "context"}),
        ("/api/generate", {"raw": True, "system": "x"}, {"system"}),
        ("/api/generate", {"prompt": "a" * 128}, {"prompt"}),
        ("/api/chat", {"messages": [USER, DEEP_CALL]}, {"messages[1].tool_calls[0].function.arguments"}),
    ],
)
def test_what_is_wrong_is_named(whole, path, change, named):
    error = whole(path, (CHAT if path == "/api/chat" else ASK) | change, 400)
    assert isinstance(error["error"], str)
    assert {each["parameter"] for each in error["details"]} == named


def test_models_are_listed_and_shown(client):
    assert [each["name"] for each in client.get("/api/tags").json["models"]] == ["caller:latest", "tiny:latest"]
    shown = {name: client.post("/api/show", json={"model": name}).json for name in ("caller", "tiny:latest")}
    assert shown["caller"]["capabilities"] == ["completion", "tools"]
    assert shown["tiny:latest"]["capabilities"] == ["completion"]
    assert shown["tiny:latest"]["model_info"]["LlamaForCausalLM.context_length"] == 128
    assert "num_predict" in shown["caller"]["parameters"]
    assert client.get("/api/version").json["version"]


@pytest.mark.parametrize(("body", "status"), [({"model": "nobody"}, 404), ({"model": 1}, 400), ([], 400)])
def test_a_model_that_is_not_there(client, body, status):
    for path in ("/api/show", "/api/chat"):
        answer = client.post(path, json=body)
        assert (answer.status_code, isinstance(answer.json["error"], str)) == (status, True)


def test_a_failure_within_a_stream_is_its_last_line(client, lines, monkeypatch):
    break_runner(client.application.extensions["daylight"].predictor.find("tiny"), monkeypatch)
    *_, last = lines("/api/generate", ASK)
    assert isinstance(last["error"], str)
    assert "runner" not in last["error"]
