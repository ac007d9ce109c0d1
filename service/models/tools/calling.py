"""What one text model needs to call functions: the form of its template, and the tokens that the form is made of.

calling = Calling(chat.calls, tokenizer, eos_ids={2})
params = replace(params, constraint=calling.constraint(tools, params.constraint, constraints.why_not))
reader = calling.reader(tools)
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from ...capabilities import Tools
from ...errors import InvalidParameters
from .constraint import arguments_schema, calls_constraint
from .form import CallForm
from .reader import CallReader

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["Calling"]

LOOKS_SPECIAL = re.compile(r"<.*>", re.DOTALL)  # llguidance takes such a token for a special one, whatever it is
MOST_CHARACTERS = 2**18  # of a grammar; what fits is tried out within two seconds, or refused


class Calling:
    """A form, in the tokens of one tokenizer.

    kept: ids of special tokens that the form is written with: the texts of calls have to show them.
    """

    def __init__(self, form: CallForm, tokenizer: Tokenizer, eos_ids: Collection[int]) -> None:
        self.form = form
        added = tokenizer.get_added_tokens_decoder()
        written = "\n".join([form.opening, form.middle, form.between or "", form.closing])
        matched_by_id = {
            token_id: token
            for token_id, token in added.items()
            if (token.special or LOOKS_SPECIAL.fullmatch(token.content)) and token_id not in eos_ids
        }
        self._tokens = {token.content: each for each, token in matched_by_id.items() if token.content in written}
        self._visible = {each for each, token in matched_by_id.items() if not token.special} - {*self._tokens.values()}
        self.kept = frozenset(each for each in self._tokens.values() if added[each].special)

    def constraint(
        self, tools: Tools, content: dict[str, Any] | None, why_not: Callable[[dict[str, Any]], str]
    ) -> dict[str, Any]:
        """SamplingParams.constraint for what may be written.

        content: the request's own constraint. why_not: the reason against a constraint, or "". Raises
        InvalidParameters, which names the function at fault.
        """
        constraint = calls_constraint(self.form, tools, self._tokens, self._visible, self._schema(content))
        size = len(json.dumps(constraint))
        if size > MOST_CHARACTERS:
            raise refusal("tools", f"they make a grammar of {size} characters; at most {MOST_CHARACTERS} are taken")
        if reason := why_not(constraint):
            if content is not None and (fault := why_not(content)):
                raise refusal("constraint", fault)
            for function in tools.functions:
                if fault := why_not({"type": "json_schema", "schema": arguments_schema(function)}):
                    raise refusal("tools", f"the parameters of {function['name']}: {fault}")
            raise refusal("tools", reason)
        return constraint

    def reader(self, tools: Tools) -> CallReader:
        return CallReader(self.form, [function["name"] for function in tools.functions])

    def _schema(self, content: dict[str, Any] | None) -> dict[str, Any] | None:
        """The schema of a constraint that texts have to fit besides calls."""
        if content is None:
            return None
        if content["type"] not in ("json_schema", "json_object"):
            raise refusal("constraint", f"beside tools it is a JSON schema, or none, not of the type {content['type']}")
        if not self.form.mark:
            raise refusal(
                "constraint", "this model writes calls as plain JSON, so beside tools no JSON can be asked for"
            )
        return content.get("schema", {"type": "object"})


def refusal(parameter: str, message: str) -> InvalidParameters:
    return InvalidParameters(f"{parameter}: {message}", details=[{"parameter": parameter, "message": message}])
