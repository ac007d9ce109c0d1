"""Sizes as torch.export writes them, which torch evaluates as Python: arithmetic of symbols, and nothing else.

check_expression("Mul(Integer(2), Symbol('s0', positive=True, integer=True))")      # nothing
check_expression("__import__('os')")                                                # ValueError
"""

from __future__ import annotations

import ast
import re

__all__ = ["check_expression"]

LONGEST = 10_000  # characters
FUNCTIONS = frozenset(
    {
        *("Symbol", "Integer", "Float", "Rational", "Add", "Mul", "Pow", "Max", "Min", "Mod", "PythonMod", "Where"),
        *("FloorDiv", "CleanDiv", "CeilDiv", "ModularIndexing", "IntTrueDiv", "FloatTrueDiv", "IdentityInt"),
        *("CeilToInt", "FloorToInt", "RoundToInt", "TruncToInt", "ToFloat", "And", "Or", "Not"),
        *("Eq", "Ne", "Lt", "Le", "Gt", "Ge", "Equality", "Unequality"),
        *("StrictLessThan", "LessThan", "StrictGreaterThan", "GreaterThan"),
    }
)
NAMES = re.compile(r"[a-z]{1,4}\d+|int_oo|oo|true|false")
ASSUMPTIONS = frozenset({"positive", "integer", "nonnegative", "real", "finite", "negative", "zero"})
LARGEST_POWER = 8
LARGEST = 2**64


def check_expression(text: str) -> None:
    """Raise ValueError for an expression that is no arithmetic of symbols and whole numbers."""
    try:
        if len(text) > LONGEST or not sound(ast.parse(text, mode="eval").body):
            raise ValueError
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        raise ValueError(f"a size in it is {text!r:.80}, which is no arithmetic of sizes") from None


def sound(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return number(node) or (isinstance(node.value, str) and NAMES.fullmatch(node.value) is not None)
    if isinstance(node, ast.Name):
        return NAMES.fullmatch(node.id) is not None
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub) and sound(node.operand)
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.FloorDiv) and all(
            map(sound, (node.left, node.right))
        )
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
        return False
    known = all(
        each.arg in ASSUMPTIONS and isinstance(each.value, ast.Constant) and isinstance(each.value.value, bool)
        for each in node.keywords
    )
    return known and all(map(sound, node.args)) and (node.func.id != "Pow" or small_power(node))


def number(node: ast.Constant) -> bool:
    return isinstance(node.value, bool | int | float) and abs(node.value) <= LARGEST


def small_power(node: ast.Call) -> bool:
    """Whether it is a symbol to a small power: other towers of numbers take forever."""
    base, exponent = node.args if len(node.args) == 2 else (None, None)
    is_symbol = isinstance(base, ast.Call) and isinstance(base.func, ast.Name) and base.func.id == "Symbol"
    value = exponent.args[0] if isinstance(exponent, ast.Call) and len(exponent.args) == 1 else exponent
    return (
        is_symbol and isinstance(value, ast.Constant) and isinstance(value.value, int) and value.value <= LARGEST_POWER
    )
