"""Forms in which models write calls, as chat templates of their families have them."""

from service.models.tools.form import ID, CallForm

__all__ = ["HERMES", "LLAMA", "MISTRAL"]

HERMES = CallForm(
    '<tool_call>\n{"name": "',
    '", "arguments": ',
    '}\n</tool_call>\n<tool_call>\n{"name": "',
    "}\n</tool_call>",
    "<tool_call>",
    "tools",
)
LLAMA = CallForm('{"name": "', '", "parameters": ', None, "}", "", "tools")
MISTRAL = CallForm(
    '[TOOL_CALLS][{"name": "',
    '", "arguments": ',
    f', "id": "{ID}"}}, {{"name": "',
    f', "id": "{ID}"}}]',
    "[TOOL_CALLS]",
    "tools",
)
