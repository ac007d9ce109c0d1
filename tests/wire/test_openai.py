"""OpenAI's dialect on a tiny model: whole and streamed, what is refused, and how a request ends before its end."""

import json
import socket
import threading

import pytest
from transformers import AutoTokenizer

from benchmarks.support.serving import eventually
from service.app import create_app
from service.settings import Settings
from tests.support.tiny_text import END, pack_tiny

GREEDY = {"model": "tiny", "max_tokens": 12, "temperature": 0}
CHAT = GREEDY | {"messages": [{"role": "user", "content": "abc"}]}
PROMPT = GREEDY | {"prompt": "abc"}


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    return pack_tiny(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def app(packed):
    return create_app(Settings(store=packed.folder.parents[1], workers=1, slots=4, max_waiting=4))


@pytest.fixture
def ask(app):
    client = app.test_client()

    def post(path, body, **options):
        return client.post(f"/v1/{path}", json=body, **options)

    return post


@pytest.fixture(scope="module")
def model(app):
    return app.extensions["daylight"].predictor.find("tiny")


def frames(answer):
    """The JSON of every frame; the last one must be [DONE]."""
    *events, last, rest = answer.get_data(as_text=True).split("\n\n")
    assert (last, rest) == ("data: [DONE]", "")
    return [json.loads(one.removeprefix("data: ")) for one in events]


# --- answers


def test_a_completion_is_what_the_model_writes(ask, model):
    answer = ask("completions", PROMPT)
    wanted = model.generate("abc", model.parameters({"max_tokens": 12, "temperature": 0})).text
    body = answer.json
    assert (answer.status_code, body["object"], body["model"]) == (200, "text_completion", "tiny")
    assert body["choices"] == [{"index": 0, "text": wanted, "logprobs": None, "finish_reason": "length"}]
    assert body["usage"] == {"prompt_tokens": 3, "completion_tokens": 12, "total_tokens": 15}
    assert body["id"] == f"cmpl-{answer.headers['X-Request-ID']}"
    assert {"parse", "predict"} <= {one.split(";")[0].strip() for one in answer.headers["Server-Timing"].split(",")}


@pytest.mark.parametrize("prompt", [[1, 2.0, 3], [[1, 2, 3], [4]], ["abc", "de"], "abc"])
def test_prompts_come_as_text_or_as_tokens_one_or_several(ask, prompt):
    count = 2 if isinstance(prompt, list) and not isinstance(prompt[0], int) else 1
    body = ask("completions", GREEDY | {"prompt": prompt, "n": 2, "seed": 1, "temperature": 2}).json
    assert [one["index"] for one in body["choices"]] == list(range(2 * count))
    assert body["choices"][0]["text"] != body["choices"][1]["text"], "each choice has a seed of its own"
    assert body["usage"]["completion_tokens"] == 12 * 2 * count


def test_a_stream_says_what_the_whole_answer_says(ask):
    whole = ask("completions", PROMPT).json
    answer = ask("completions", PROMPT | {"stream": True, "stream_options": {"include_usage": True}})
    assert answer.content_type == "text/event-stream"
    assert answer.headers["X-Accel-Buffering"] == "no"
    *events, usage = frames(answer)
    assert "".join(one["choices"][0]["text"] for one in events) == whole["choices"][0]["text"]
    assert [one["choices"][0]["finish_reason"] for one in events] == [None] * (len(events) - 1) + ["length"]
    assert (usage["choices"], usage["usage"]) == ([], whole["usage"])


def test_several_choices_are_streamed_side_by_side(ask):
    asked = CHAT | {"n": 3, "seed": 5, "temperature": 2}
    texts = ["", "", ""]
    for event in frames(ask("chat/completions", asked | {"stream": True})):
        (choice,) = event["choices"]
        texts[choice["index"]] += choice["delta"].get("content", "")
    assert texts == [one["message"]["content"] for one in ask("chat/completions", asked).json["choices"]]


def test_a_stop_string_ends_it_and_is_not_shown(ask):
    text = ask("completions", PROMPT).json["choices"][0]["text"]
    (choice,) = ask("completions", PROMPT | {"stop": text[4:6]}).json["choices"]
    assert (choice["text"], choice["finish_reason"]) == (text[: text.find(text[4:6])], "stop")


def test_logprobs_of_both_kinds(ask):
    whole = ask("completions", PROMPT | {"logprobs": 2}).json["choices"][0]
    told = whole["logprobs"]
    assert "".join(told["tokens"]) == whole["text"]
    assert told["text_offset"] == list(range(12))
    assert [max(top.values()) for top in told["top_logprobs"]] == told["token_logprobs"]
    entries = ask("chat/completions", CHAT | {"logprobs": True, "top_logprobs": 3}).json["choices"][0]["logprobs"]
    for entry in entries["content"]:
        assert entry["top_logprobs"][0]["logprob"] == entry["logprob"]
        assert bytes(entry["bytes"]).decode() == entry["token"]
    streamed = frames(ask("completions", PROMPT | {"logprobs": 2, "stream": True}))
    assert [token for one in streamed for token in one["choices"][0]["logprobs"]["tokens"]] == told["tokens"]
    assert [at for one in streamed for at in one["choices"][0]["logprobs"]["text_offset"]] == told["text_offset"]


# --- chat


def test_messages_go_through_the_models_own_template(packed, model):
    tokenizer = AutoTokenizer.from_pretrained(packed.folder)
    messages = [{"role": "system", "content": "be  brief "}, {"role": "user", "content": "\n\nwho? é🙂"}]
    wanted = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert model.chat.ids(messages) == wanted


def test_what_a_caller_writes_never_ends_a_turn(model):
    end = model.tokenizer.token_to_id(END)
    plain, marked = (model.chat.ids([{"role": "user", "content": text}]) for text in ("ab", f"a{END}b"))
    assert plain.count(end) == marked.count(end) == 1
    assert len(marked) == len(plain) + len(END)


def test_contents_may_come_in_parts(ask):
    parts = [{"type": "text", "text": "ab"}, {"type": "text", "text": "c"}]
    asked = CHAT | {"messages": [{"role": "user", "content": parts}]}
    assert ask("chat/completions", asked).json["choices"] == ask("chat/completions", CHAT).json["choices"]


def test_a_template_may_refuse(ask):
    answer = ask("chat/completions", CHAT | {"messages": [{"role": "developer", "content": "x"}]})
    error = answer.json["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "invalid_value", "messages")
    assert error["message"].endswith("refuses these messages: no developers")


# --- how long


@pytest.mark.parametrize("path", ["completions", "chat/completions"])
def test_a_text_ends_with_the_context_where_nobody_says_max_tokens(ask, path, model):
    """64 tokens were written, and near the end of the context a max_tokens was refused that nobody had sent."""
    for prompt in ("abc", "a" * 120):
        asked = {"prompt": prompt, "messages": [{"role": "user", "content": prompt[:110]}]}
        field = "messages" if path.startswith("chat") else "prompt"
        answer = ask(path, {"model": "tiny", "temperature": 0, field: asked[field]})
        usage = answer.json["usage"]
        assert (answer.status_code, usage["total_tokens"]) == (200, 128)
        assert answer.json["choices"][0]["finish_reason"] == "length"


def test_the_bound_of_a_text_without_max_tokens_is_told(packed):
    settings = Settings(store=packed.folder.parents[1], workers=1, max_completion_tokens=40)
    client = create_app(settings).test_client()
    told = client.get("/v1/models/tiny").json["sampling_defaults"]
    assert told == {"temperature": 1.0, "max_tokens": 40}
    answer = client.post("/v1/completions", json={"model": "tiny", "prompt": "abc", "temperature": 0})
    assert answer.json["usage"]["completion_tokens"] == 40
    v1 = client.post("/v1/models/tiny:predict", json={"instances": ["abc"], "parameters": {"temperature": 0}}).json
    assert v1["predictions"][0]["usage"]["completion_tokens"] == 64


@pytest.mark.parametrize(
    ("path", "change", "param"),
    [
        ("chat/completions", {"messages": [{"role": "user", "content": "a" * 128}]}, "messages"),
        ("chat/completions", {"messages": [{"role": "user", "content": "a" * 10_000_000}]}, "messages"),
        ("chat/completions", {"max_tokens": 128}, "max_tokens"),
        ("chat/completions", {"max_tokens": None, "max_completion_tokens": 128}, "max_completion_tokens"),
        ("completions", {"prompt": "a" * 128}, "prompt"),
        ("completions", {"prompt": [7] * 128}, "prompt"),
        ("completions", {"stream": True, "max_tokens": 126}, "max_tokens"),
    ],
)
def test_a_context_that_is_exceeded_is_told_as_frameworks_look_for_it(ask, path, change, param):
    """LangChain, LiteLLM and agents then shorten the conversation; 422 and our own words told them nothing."""
    answer = ask(path, (CHAT if path.startswith("chat") else PROMPT) | change)
    error = answer.json["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert (error["code"], error["param"]) == ("context_length_exceeded", param)
    assert error["message"].startswith("This model's maximum context length is 128 tokens. However, ")


# --- refusals


@pytest.mark.parametrize(
    ("path", "change", "named"),
    [
        ("chat/completions", {"tools": [{"type": "function"}]}, "tools[0].function"),
        ("chat/completions", {"modalities": ["audio"]}, "modalities"),
        ("chat/completions", {"messages": []}, "messages"),
        ("chat/completions", {"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ("chat/completions", {"top_logprobs": 2}, "top_logprobs"),
        ("chat/completions", {"response_format": {"type": "yaml"}}, "response_format"),
        ("chat/completions", {"max_completion_tokens": 3}, "max_completion_tokens"),
        ("chat/completions", {"response_format": {"type": "json_object", "strict": True}}, "response_format"),
        ("chat/completions", {"response_format": {"type": "json_schema"}}, "response_format"),
        ("completions", {"suffix": "x"}, "suffix"),
        ("completions", {"echo": True}, "echo"),
        ("completions", {"best_of": 3}, "best_of"),
        ("completions", {"best_of": True}, "best_of"),
        ("completions", {"prompt": []}, "prompt"),
        ("completions", {"prompt": [True]}, "prompt"),
        ("completions", {"prompt": [1, "a"]}, "prompt"),
        ("completions", {"n": 0}, "n"),
        ("completions", {"n": 129}, "n"),
        ("completions", {"stream": "yes"}, "stream"),
        ("completions", {"stream_options": {"include_usage": True}}, "stream_options"),
        ("completions", {"logprobs": 6}, "logprobs"),
        ("completions", {"temprature": 1}, "temprature"),
    ],
)
def test_what_is_not_served_is_refused_by_name(ask, path, change, named):
    answer = ask(path, (CHAT if path.startswith("chat") else PROMPT) | change)
    assert answer.status_code == 400
    error = answer.json["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", named)
    assert named in error["message"]


def test_neutral_values_and_idle_fields_are_taken(ask):
    neutral = {"tools": [], "user": "me", "metadata": {"a": "b"}, "store": False, "logprobs": None, "stop": None}
    assert ask("chat/completions", CHAT | neutral).status_code == 200


def test_every_fault_is_told_at_once(ask):
    body = ask("completions", GREEDY | {"suffix": "x", "n": 0, "colour": 1}).json["error"]
    assert {one["parameter"] for one in body["details"]} == {"suffix", "n", "colour", "prompt"}
    answer = ask("completions", PROMPT | {"temperature": -1, "top_p": 7, "stream": True})
    assert answer.status_code == 400
    assert {one["parameter"] for one in answer.json["error"]["details"]} == {"temperature", "top_p"}


UNFOLLOWED = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "strin"}}}


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": -1, "top_k": "all", "response_format": {"type": "yaml"}},
        {"max_tokens": None, "max_completion_tokens": 0, "seed": 0.5, "colour": 1, "messages": []},
        {"temperature": -1, "response_format": UNFOLLOWED, "messages": [{"role": "user", "content": "a" * 128}]},
        {"response_format": UNFOLLOWED, "messages": [{"role": "user", "content": "a" * 128}]},
        {"top_p": 7, "constraint": {"type": "yaml"}, "messages": [{"role": "developer", "content": "a"}]},
    ],
    ids=str,
)
def test_faults_of_every_stage_are_told_at_once(ask, change):
    """The envelope, the sampling parameters, the schema and the length were checked one after the other: whoever had
    mended the first fault was told the next."""
    wrong = {name for name, value in change.items() if value is not None}
    error = ask("chat/completions", CHAT | change).json["error"]
    assert {one["parameter"].removesuffix(".json_schema.schema") for one in error["details"]} == wrong
    assert all(one["parameter"] in error["message"] or "message" in one for one in error["details"])


def test_an_unknown_model_is_not_found(ask):
    answer = ask("completions", PROMPT | {"model": "huge"})
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "model_not_found")
    assert answer.json["error"]["type"] == "invalid_request_error"


def test_a_model_that_is_asked_for_by_a_name_with_a_colon_is_refused_in_openais_words(app):
    """As `llama3.2:1b` and fine-tuned models have it: the answer had V1's form, with a text for an error, which the
    document does not promise and OpenAI's clients do not read. Verbs of TensorFlow Serving stay V1's."""
    asked = app.test_client()
    for path in ("/v1/models/llama3.2:1b", "/v1/models/llama/versions/a:b"):
        answer = asked.get(path)
        assert (answer.status_code, answer.json["error"]["type"]) == (404, "invalid_request_error")
    assert isinstance(asked.post("/v1/models/llama:classify", json={}).json["error"], str)


def test_too_much_at_once_is_told_to_wait_before_any_frame(ask):
    """The engine holds eight, four of which wait; two of five each are too many together."""
    five = PROMPT | {"n": 5, "max_tokens": 120, "temperature": 1, "stream": True}
    running = ask("completions", five)
    answer = ask("completions", five)
    assert (answer.status_code, answer.json["error"]["type"]) == (429, "rate_limit_error")
    assert answer.json["error"]["code"] == "rate_limit_exceeded"
    assert int(answer.headers["Retry-After"]) >= 1
    assert "completions are running" in answer.json["error"]["message"]
    running.close()


@pytest.mark.parametrize(
    ("path", "change", "param"),
    [
        ("completions", {"n": 9}, "n"),
        ("completions", {"prompt": ["a"] * 9}, "prompt"),
        ("completions", {"prompt": ["a" * 100] * 4, "max_tokens": 1}, "prompt"),
        ("chat/completions", {"n": 9}, "n"),
    ],
)
def test_what_can_never_pass_is_not_told_to_wait(packed, path, change, param):
    """81 choices on an idle server were answered 429 with Retry-After 1, today and for ever."""
    bounds = {"slots": 4, "max_waiting": 4, "max_waiting_tokens": 300}
    client = create_app(Settings(store=packed.folder.parents[1], workers=1, **bounds)).test_client()
    answer = client.post(f"/v1/{path}", json=(CHAT if path.startswith("chat") else PROMPT) | change)
    assert (answer.status_code, answer.json["error"]["param"]) == (400, param)
    assert "Retry-After" not in answer.headers
    assert client.post("/v1/completions", json=PROMPT | {"n": 8, "max_tokens": 1}).status_code == 200


# --- ends before the end


def idle(model):
    load = model.engine.load()
    return load.running == load.waiting == 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_deadline_ends_it(ask, model, stream):
    long = PROMPT | {"max_tokens": 120, "stream": stream}
    answer = ask("completions", long, headers={"X-Request-Timeout": "0.001"})
    if stream and answer.status_code == 200:
        last = answer.get_data(as_text=True).split("\n\n")[-2]
        assert json.loads(last.removeprefix("data: "))["error"]["code"] == "deadline_exceeded"
    else:
        assert answer.status_code == 504
    eventually(lambda: idle(model), seconds=5, what="the engine being idle")


@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_that_hangs_up_ends_it(app, model, monkeypatch, stream):
    """Without that, the engine would write for nobody until the last token."""
    ours, theirs = socket.socketpair()
    slow = Slow(model.engine.runner)
    monkeypatch.setattr(model.engine.calls, "runner", slow)
    asked = PROMPT | {"max_tokens": 120, "stream": stream}

    def request():
        answer = app.test_client().post("/v1/completions", json=asked, environ_overrides={"gunicorn.socket": ours})
        answer.get_data()
        answer.close()

    waiting = threading.Thread(target=request)
    waiting.start()
    assert slow.stepped.wait(5)
    theirs.close()
    slow.free.set()
    eventually(lambda: idle(model), seconds=5, what="the engine being idle")
    waiting.join()
    ours.close()
    assert slow.steps < 60, "it wrote on for nobody"


class Slow:
    """A runner that waits at its second step until it is let go, and takes its time from then on."""

    def __init__(self, runner):
        self.runner, self.slots, self.extend = runner, runner.slots, runner.extend
        self.steps, self.stepped, self.free = 0, threading.Event(), threading.Event()

    def step(self, *arguments):
        self.steps += 1
        if self.steps == 2:
            self.stepped.set()
            assert self.free.wait(5)
        threading.Event().wait(0.01)
        return self.runner.step(*arguments)


def test_a_request_is_cancelled_by_its_id(app, ask, model, monkeypatch):
    slow = Slow(model.engine.runner)
    monkeypatch.setattr(model.engine.calls, "runner", slow)
    found, asked = [], PROMPT | {"max_tokens": 120}

    def request():
        found.append(app.test_client().post("/v1/completions", json=asked, headers={"X-Request-ID": "mine"}))

    waiting = threading.Thread(target=request)
    waiting.start()
    assert slow.stepped.wait(5)
    assert ask("requests/mine/cancel", {}).json == {"request_id": "mine", "cancelled": True}
    slow.free.set()
    waiting.join()
    (choice,) = found[0].json["choices"]
    assert choice["finish_reason"] == "cancelled"
    assert slow.steps < 10
    assert ask("requests/mine/cancel", {}).status_code == 404
