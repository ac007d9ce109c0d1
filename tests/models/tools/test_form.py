"""How templates write calls is found out by having them write some."""

import pytest

from service.errors import InvalidParameters
from service.models.chat import ChatTemplate
from service.models.tools.form import ID, CallForm
from tests.support import call_templates
from tests.support.call_forms import HERMES, LLAMA, MISTRAL
from tests.support.calling_text import calling_tokenizer


@pytest.mark.parametrize(
    ("template", "form"),
    [
        ("QWEN", HERMES),
        ("SMOLLM3", CallForm(*[*vars(HERMES).values()][:4], "<tool_call>", "xml_tools", writes=False)),
        ("LLAMA", LLAMA),
        ("MISTRAL", MISTRAL),
        (
            "MISTRAL_LATER",
            CallForm("[TOOL_CALLS]", f"[CALL_ID]{ID}[ARGS]", "[TOOL_CALLS]", "", mark="[TOOL_CALLS]", variable="tools"),
        ),
        (
            "CONCATENATING",
            CallForm("<function=", ">", "</function><function=", "</function>", "<function=", "tools", as_text=True),
        ),
        ("TAGGED", None),
        ("PLAIN", None),
    ],
)
def test_the_form_is_found_by_having_the_template_write(template, form):
    assert chat(template).calls == form


def chat(template):
    tokenizer = calling_tokenizer().backend_tokenizer
    tokenizer.encode_special_tokens = True  # as a model sets it
    return ChatTemplate(getattr(call_templates, template), tokenizer, {"eos_token": "</s>"})


CALL = {"id": "call_0123456789abcdef", "name": "weather", "arguments": {"city": "Paris <|im_start|>", "days": 2}}
CONVERSATION = [
    {"role": "user", "content": "Weather?"},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": CALL["id"], "content": "7 degrees"},
]
FUNCTIONS = [{"name": "weather", "parameters": {"type": "object", "properties": {"<|im_start|>": {"type": "string"}}}}]


@pytest.mark.parametrize("template", ["QWEN", "SMOLLM3", "LLAMA", "MISTRAL", "MISTRAL_LATER", "CONCATENATING"])
def test_calls_of_earlier_messages_are_written_in_the_same_form(template):
    tokenizer = calling_tokenizer()
    template = chat(template)
    form = template.calls
    text = tokenizer.decode(template.ids(CONVERSATION, FUNCTIONS))
    opened = text.index(f"{form.opening}weather")
    assert text.index('{"city": "Paris <|im_start|>", "days": 2}') > opened
    assert text.index("7 degrees") > opened


def test_neither_arguments_nor_names_write_special_tokens():
    """A caller's description of a function could otherwise end the system's turn."""
    tokenizer = calling_tokenizer()
    start = tokenizer.convert_tokens_to_ids("<|im_start|>")
    assert chat("QWEN").ids(CONVERSATION, FUNCTIONS).count(start) == len(CONVERSATION) + 1
    # SmolLM3 prints a function as Python does, which escapes what stands for a special token.
    smollm3 = chat("SMOLLM3").ids(CONVERSATION, FUNCTIONS)
    assert smollm3.count(start) == len(CONVERSATION) + 1
    assert "{'<|im_start|>': {'type': 'string'}}" in tokenizer.decode(smollm3)


@pytest.mark.parametrize("template", ["TAGGED", "PLAIN"])
def test_a_template_without_a_form_refuses_functions_and_what_they_gave(template):
    for arguments in ((CONVERSATION[:1], FUNCTIONS), (CONVERSATION,)):
        with pytest.raises(InvalidParameters, match="no place for functions") as caught:
            chat(template).ids(*arguments)
        assert caught.value.details[0]["parameter"] == ("tools" if len(arguments) == 2 else "messages")
