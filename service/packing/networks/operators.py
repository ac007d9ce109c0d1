"""Which functions a program of torch.export may name.

check_operator("torch.ops.aten.linear.default")     # nothing
check_operator("torch.hub.load")                    # ValueError
"""

from __future__ import annotations

import re

__all__ = ["check_operator"]

# Operators of tensors; what reads or maps files, or says things, is none of them.
TENSORS = re.compile(r"torch\.ops\.(aten|prims)\.([a-zA-Z_]\w*)\.\w+")
NOT_OF_TENSORS = re.compile(r"from_file|.*save.*|.*load.*|_print|.*assert_msg|.*_from_blob")
SIZES = frozenset(
    {
        *(f"_operator.{name}" for name in ("add", "sub", "mul", "floordiv", "truediv", "mod", "pow", "neg", "pos")),
        *(f"_operator.{name}" for name in ("eq", "ne", "lt", "le", "gt", "ge", "and_", "or_", "getitem")),
        *(f"torch.sym_{name}" for name in ("int", "float", "max", "min", "not", "ite", "sqrt")),
        *("math.trunc", "math.ceil", "math.floor"),
        # What `with torch.no_grad()` and `torch.autocast` around a part become.
        "torch.ops.higher_order.wrap_with_set_grad_enabled",
        "torch.ops.higher_order.wrap_with_autocast",
    }
)


def check_operator(name: str) -> None:
    """Raise ValueError for a function that is no operator of tensors or sizes."""
    found = TENSORS.fullmatch(name)
    if name in SIZES or (found and not NOT_OF_TENSORS.fullmatch(found[2])):
        return
    raise ValueError(f"it calls {name!r:.80}, which is no operator of tensors that torch itself has")
