"""A model that calls functions, from its prompt to the parts that are read back."""

import json

import pytest

from service import models
from service.capabilities import TextCall, Tools
from service.errors import InvalidParameters
from service.settings import Settings
from service.store.versions import Store
from tests.support.call_templates import LLAMA, PLAIN
from tests.support.calling_text import pack_calling

WEATHER = {
    "name": "weather",
    "description": "The weather of the next days.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
        "required": ["city", "days"],
    },
}
USER = {"role": "user", "content": "How is the weather?"}
CALL = {"id": "call_1", "name": "weather", "arguments": {"city": "Paris", "days": 1}}
ASSISTANT = {"role": "assistant", "content": "", "tool_calls": [CALL]}
RESULT = {"role": "tool", "content": "7 degrees", "tool_call_id": "call_1"}


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    def packed(name, **template):
        store = tmp_path_factory.mktemp(name)
        pack_calling(store, name, **template)
        return models.load(Store(store).open(name), Settings(workers=1))

    return packed


@pytest.fixture(scope="module")
def model(load):
    return load("caller")


def answered(model, messages, tools, **parameters):
    """The parts of the model's answer, pieces of arguments joined: [(name, arguments)] or a text."""
    call = TextCall([messages], {"max_tokens": 200, "temperature": 0} | parameters, tools=tools)
    (generation,) = model.generations(call)
    text = generation.collect().text
    if tools is None:
        return text
    reader = model.reader(tools)
    parts = reader.push(text) + reader.flush()
    names = [part.text for part in parts if part.kind == "call"]
    return [(name, json.loads(part.text)) for name, part in zip(names, parts[1::2], strict=True)] or parts[0].text


def test_it_calls_and_then_answers(model):
    assert answered(model, [USER], Tools([WEATHER])) == [("weather", {"city": "Paris", "days": 7})]
    assert answered(model, [USER, ASSISTANT, RESULT], Tools([WEATHER])) == "Cold."
    assert answered(model, [USER], None) == "Cold."


def test_it_can_be_made_to_call(model):
    """After a result it would rather answer."""
    conversation = [USER, ASSISTANT, RESULT]
    assert answered(model, conversation, Tools([WEATHER], required=True)) == [("weather", {"city": "Paris", "days": 7})]
    assert answered(model, conversation, Tools([{"name": "now"}], required=True)) == [("now", {})]


def test_a_call_without_a_mark(load):
    assert answered(load("bare", template=LLAMA), [USER], Tools([WEATHER], required=True)) == [
        ("weather", {"city": "Paris", "days": 7})
    ]


def refused(model, tools, **parameters):
    with pytest.raises(InvalidParameters) as caught:
        answered(model, [USER], tools, **parameters)
    return caught.value.details[0]["parameter"], str(caught.value)


def test_what_cannot_be_followed_is_named(model):
    impossible = {"name": "bad", "parameters": {"properties": {"a": {"minimum": 2, "maximum": 1, "type": "integer"}}}}
    impossible["parameters"]["required"] = ["a"]
    parameter, message = refused(model, Tools([WEATHER, impossible]))
    assert (parameter, "the parameters of bad:" in message) == ("tools", True)
    parameter, message = refused(model, Tools([WEATHER]), constraint={"type": "regex", "pattern": "a"})
    assert (parameter, "beside tools" in message) == ("constraint", True)
    large = {"name": "large", "parameters": {"enum": [{"a": "x" * 2**18}]}}
    assert "262144" in refused(model, Tools([large]))[1]


def test_a_schema_that_is_reached_only_behind_text_is_tried_out_as_well(model):
    """The trial of the whole grammar follows a few bytes, which may all be text: this one would hold up the engine,
    within a call that comes later."""
    parameters = {"properties": {"a": {"type": "integer", "multipleOf": 62615533}}, "required": ["a"]}
    parameter, message = refused(model, Tools([WEATHER, {"name": "heavy", "parameters": parameters}]))
    assert (parameter, "the parameters of heavy:" in message) == ("tools", True)


def test_a_model_without_a_form_refuses_tools(load):
    parameter, message = refused(load("plain", template=PLAIN), Tools([WEATHER]))
    assert (parameter, "chat template" in message) == ("tools", True)
