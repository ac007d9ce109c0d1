"""The options of a table call where the body has no envelope for them: which outputs, and top_k.

    from_query("outputs=predict,predict_proba&top_k=2")     # (["predict", "predict_proba"], 2)
    from_values({"outputs": ["predict"]})                   # (["predict"], None)

Whatever else is named is refused by name: a choice that is silently ignored looks like one that was made.
"""

from urllib.parse import parse_qsl

from ..errors import InvalidParameters, RequestError

__all__ = ["from_query", "from_values"]

MOST = 100  # names and values in one query


def from_query(query):
    """A URL's query -> (outputs or None, top_k or None). Raises RequestError or InvalidParameters."""
    try:
        pairs = parse_qsl(query or "", keep_blank_values=True, max_num_fields=MOST)
    except ValueError:
        raise RequestError(f"the query has more than {MOST} parameters") from None
    values = {}
    for name, text in pairs:
        if name == "outputs":
            values.setdefault(name, []).extend(one for one in text.split(",") if one)
        else:
            values[name] = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else text
    return from_values(values)


def from_values(values):
    """{name: plain value} -> (outputs or None, top_k or None). Raises InvalidParameters naming every fault."""
    faults = [
        {
            "parameter": name,
            "expected": RULES[name][1] if name in RULES else "outputs or top_k",
            "got": repr(value)[:80],
        }
        for name, value in values.items()
        if name not in RULES or not RULES[name][0](value)
    ]
    if faults:
        told = "; ".join(f"{one['parameter']}: expected {one['expected']}, got {one['got']}" for one in faults[:3])
        raise InvalidParameters(told, details=faults)
    return values.get("outputs"), values.get("top_k")


def names(value):
    return isinstance(value, list) and value and all(isinstance(one, str) for one in value)


def positive(value):
    return type(value) is int and value >= 1


RULES = {"outputs": (names, "names of outputs"), "top_k": (positive, "a whole number, 1 or more")}
