"""Chat templates by what they take as a message's content: its text is in the prompt, once, whatever was sent."""

import pytest
from transformers import PreTrainedTokenizerFast

from service.models.chat import ChatTemplate
from tests.support.tiny_text import END, byte_tokenizer

ONE_TEXT = "{% for m in messages %}{{ m['role'] + ':' + m['content'] + eos_token }}{% endfor %}"
# As SmolVLM, and the templates of many models that see pictures.
PARTS = (
    "{% for m in messages %}{{ m.role }}:{% for part in m.content %}"
    "{% if part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}{{ eos_token }}{% endfor %}"
)
# As Gemma 3: either, and parts are trimmed one by one.
EITHER = (
    "{% for m in messages %}{{ m.role }}:{% if m.content is string %}{{ m.content }}{% else %}"
    "{% for part in m.content %}{{ part.text | trim }}{% endfor %}{% endif %}{{ eos_token }}{% endfor %}"
)
# As Llama 3.2 Vision: the system's content is one text, the others' may be parts.
MIXED = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ 's:' + m.content | trim }}{% else %}{{ m.role }}:"
    "{% for part in m.content %}{{ part.text }}{% endfor %}{% endif %}{{ eos_token }}{% endfor %}"
)
NAMED = "{% for m in messages %}{{ m.name | default('nobody') }}:{{ m.content }}{% endfor %}"
WITH_DEVELOPERS = "{% for m in messages %}{{ 'D' if m.role == 'developer' else 'x' }}:{{ m.content }}{% endfor %}"
DROPPING = (
    "{% for m in messages %}{% if m.role in ('system', 'user') %}{{ m.role }}:{{ m.content }}{% endif %}{% endfor %}"
)


def rendered(source, messages):
    tokenizer = byte_tokenizer()
    template = ChatTemplate(source, served(tokenizer), {"eos_token": END})
    return tokenizer.decode(template.ids(messages))


def served(tokenizer):
    inner = tokenizer.backend_tokenizer
    inner.encode_special_tokens = True
    return inner


def part(text):
    return {"type": "text", "text": text}


@pytest.mark.parametrize("source", [ONE_TEXT, PARTS, EITHER])
@pytest.mark.parametrize("content", ["abc", [part("abc")], [part("ab"), part("c")]])
def test_the_text_reaches_every_template(source, content):
    """A template that walks parts got a text, found no part among its characters, and wrote an empty prompt."""
    assert rendered(source, [{"role": "user", "content": content}]) == f"user:abc{END}"


def test_each_role_has_what_it_takes():
    messages = [{"role": role, "content": text} for role, text in (("system", "be"), ("user", "a"), ("assistant", "b"))]
    assert rendered(MIXED, messages) == f"s:be{END}user:a{END}assistant:b{END}"


@pytest.mark.parametrize("content", [" a ", [part(" a "), part("b")]])
def test_a_template_of_either_sort_gets_what_was_sent_as_in_transformers(content):
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=served(byte_tokenizer()), eos_token=END, chat_template=EITHER)
    messages = [{"role": "user", "content": content}]
    assert rendered(EITHER, messages) == tokenizer.apply_chat_template(messages, tokenize=False)


def test_special_tokens_in_parts_stay_text():
    tokenizer = byte_tokenizer()
    template = ChatTemplate(PARTS, served(tokenizer), {"eos_token": END})
    ids = template.ids([{"role": "user", "content": [part(f"a{END}")]}])
    assert ids.count(tokenizer.eos_token_id) == 1


def test_a_name_is_the_templates_to_read():
    """It was taken, and dropped without a word."""
    assert rendered(NAMED, [{"role": "user", "content": "a", "name": "Ada"}]) == "Ada:a"


def test_developers_speak_as_the_system_where_they_are_not_known():
    """Templates that do not know the role wrote nothing for it, and the instructions were lost."""
    messages = [{"role": "developer", "content": "be"}, {"role": "user", "content": "a"}]
    assert rendered(DROPPING, messages) == "system:beuser:a"
    assert rendered(WITH_DEVELOPERS, messages) == "D:bex:a"
