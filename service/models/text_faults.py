"""Everything that is wrong with a call for text, where making its generations has named the first fault alone.

raise every_fault(model, call, error) from None
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from ..capabilities import TextCall
from ..errors import InvalidParameters
from ..generation.limits import violations

if TYPE_CHECKING:
    from .text_generation import TextGenerationModel

__all__ = ["every_fault"]


def every_fault(model: TextGenerationModel, call: TextCall, first: InvalidParameters) -> InvalidParameters:
    """first: what was found. The same error where there is nothing else; otherwise one that names all."""
    details = list(first.details)
    for error in faults(model, call):
        details += [each for each in error.details if each not in details]
    return first if len(details) == len(first.details) else InvalidParameters.naming(details)


def faults(model: TextGenerationModel, call: TextCall) -> Iterator[InvalidParameters]:
    """The parts of a call, each checked by itself."""
    for check in checks(model, call):
        try:
            check()
        except InvalidParameters as error:
            yield error


def checks(model: TextGenerationModel, call: TextCall) -> Iterator[Callable[[], Any]]:
    yield partial(model.choices, call)
    constraint = call.parameters.get("constraint")
    if violations({"constraint": constraint}):
        constraint = None  # the choices have told
    yield partial(model.checked_constraint, constraint, call.tools)
    functions = () if call.tools is None else call.tools.functions
    for prompt in call.prompts:
        yield partial(model.encoder.encode, prompt, special_tokens=call.special_tokens, functions=functions)
