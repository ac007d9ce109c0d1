"""How a chat template writes calls of functions, found out by having it write some.

    form = call_form(render)        # None: the template has no place for functions, or writes calls in another way
    form.opening, form.middle, form.closing
    # '<tool_call>\\n{"name": "', '", "arguments": ', '}\\n</tool_call>'

A form is the literal text around a function's name and its arguments, which are JSON. So one way of reading covers
Hermes and Qwen (<tool_call>), Llama 3 (a bare object), Mistral ([TOOL_CALLS], with ids or without), Granite, and
whatever else a template writes in this order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError

__all__ = ["FAULTS", "ID", "ID_PATTERN", "CallForm", "call_form"]

ID = "\ue000"  # stands for a call's id; a private character, which no template writes
ID_PATTERN = "[A-Za-z0-9]{9}"  # what Mistral's templates take; nobody else minds
# What a template raises that does not fit the messages, or goes on and on.
FAULTS = (TemplateError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError)
# The names under which templates look for functions; SmolLM3 has one of its own.
VARIABLES = ("tools", "xml_tools")
SAID, DESCRIPTION = "\ue001", "probe_description"
USER = {"role": "user", "content": "probe_user"}
FUNCTION = {
    "type": "function",
    "function": {
        "name": "probe_first",
        "description": DESCRIPTION,
        "parameters": {"type": "object", "properties": {"probe_key": {"type": "string"}}, "required": ["probe_key"]},
    },
}
CALLS = (("probe_first", {"probe_key": "one"}, "probeid01"), ("probe_second", {"probe_key": "two"}, "probeid02"))
MARK = re.compile(r"<[^<>\s]{1,40}>|\[[A-Z_]{1,40}\]")
HERMES = ('<tool_call>\n{"name": "', '", "arguments": ', '}\n</tool_call>\n<tool_call>\n{"name": "', "}\n</tool_call>")

Render = Callable[..., str]  # (messages, add_generation_prompt=..., **{variable: functions}) -> text; raises FAULTS


@dataclass(frozen=True)
class CallForm:
    """The text around calls: opening, name, middle, arguments, [between, name, middle, arguments, ...] closing.

    ID in it stands for the call's id. mark: the beginning of `opening` that no other text begins with; "" where a call
    begins as any text may, with "{". between: None where a message holds one call at most. variable: the template's
    name for the functions. as_text: whether it takes arguments as JSON text, not as objects. writes: whether it writes
    the calls of earlier messages itself; otherwise they have to be written into the messages.
    """

    opening: str
    middle: str
    between: str | None
    closing: str
    mark: str
    variable: str
    as_text: bool = False
    writes: bool = True

    def written(self, calls: list[tuple[str, str]]) -> str:
        """Calls as (name, JSON of the arguments), in this form; without ids."""
        texts = [f"{name}{self.middle}{arguments}" for name, arguments in calls]
        return self.opening + (self.between or "").join(texts) + self.closing


def call_form(render: Render) -> CallForm | None:
    """The form of a template; None where it has none, or none that is read here."""
    forms = (attempt(render, variable, as_text) for variable in VARIABLES for as_text in (False, True))
    return next((form for form in forms if form is not None), None)


def attempt(render: Render, variable: str, as_text: bool) -> CallForm | None:
    try:
        return probed(render, variable, as_text)
    except FAULTS:
        return None


def probed(render: Render, variable: str, as_text: bool) -> CallForm | None:
    def write(*messages: dict[str, Any], prompt: bool = False) -> str:
        return render([USER, *messages], add_generation_prompt=prompt, **{variable: [FUNCTION]})

    said = write({"role": "assistant", "content": SAID})
    if DESCRIPTION not in said or said.count(SAID) != 1:
        return None
    if as_text and not takes_text_only(lambda: write(called(1, as_text=False))):
        return None
    before, after = said.split(SAID)
    turn = part_of_calls(write(called(1, as_text)), before, after, write(prompt=True))
    if turn is None:
        return None
    if not turn.strip():
        # It leaves the calls of messages out. Where it tells the model to write them as Hermes does, that is the form.
        tells = "<tool_call>" in said and "arguments" in said
        return CallForm(*HERMES, mark="<tool_call>", variable=variable, writes=False) if tells else None
    parts = split(turn)
    if parts is None:
        return None
    opening, middle, closing = parts
    opening = opening_after_content(write(called(1, as_text, SAID)), opening)
    mark = MARK.match(opening)
    if mark is None and (ID in opening + middle or opening[:1] not in ("<", "[", "{")):
        return None
    between = between_calls(lambda: write(called(2, as_text)), middle, closing + after)
    begins = mark[0] if mark else "" if opening.startswith("{") else opening
    return CallForm(opening, middle, between, closing.rstrip(), begins, variable, as_text)


def takes_text_only(write: Callable[[], str]) -> bool:
    """Whether a template cannot write arguments that are an object, or writes Python's form of it, not JSON."""
    try:
        return str(CALLS[0][1]) in write()
    except FAULTS:
        return True


def called(count: int, as_text: bool, content: str = "") -> dict[str, Any]:
    """A message of the assistant with the first `count` of CALLS."""
    calls = [
        {
            "id": call_id,
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments) if as_text else arguments},
        }
        for name, arguments, call_id in CALLS[:count]
    ]
    return {"role": "assistant", "content": content, "tool_calls": calls}


def part_of_calls(text: str, before: str, after: str, prompt: str) -> str | None:
    """What a conversation that ends with a call has between the head and the end of the assistant's turn."""
    head = next((each for each in (before, prompt) if text.startswith(each)), None)
    if head is None or not text.endswith(after) or len(text) < len(head) + len(after):
        return None
    return text[len(head) : len(text) - len(after)]


def split(turn: str) -> tuple[str, str, str] | None:
    """The text of one call -> what stands before the name, between name and arguments, and after them."""
    (name, arguments, call_id), *_ = CALLS
    written = json.dumps(arguments)
    if turn.count(name) != 1 or turn.count(written) != 1 or turn.index(name) > turn.index(written):
        return None
    opening, rest = turn.replace(call_id, ID).split(name)
    middle, closing = rest.split(written)
    return opening.lstrip(), middle, closing


def opening_after_content(text: str, opening: str) -> str:
    """What stands before the name where the message has a content, too: without what only begins the turn."""
    (name, _, call_id), *_ = CALLS
    _, found, rest = text.rpartition(SAID)
    return rest.partition(name)[0].replace(call_id, ID).lstrip() if found and name in rest else opening


def between_calls(write: Callable[[], str], middle: str, ending: str) -> str | None:
    """What stands between the arguments of one call and the name of the next; None where that is no fixed text."""
    (_, first, first_id), (name, second, second_id) = CALLS
    try:
        text = write().replace(first_id, ID).replace(second_id, ID)
    except FAULTS:
        return None
    between, found, rest = text.partition(json.dumps(first))[2].partition(name)
    return between if found and rest == middle + json.dumps(second) + ending else None
