"""What a version asks and answers otherwise than another one: what would break its callers, a sentence each.

    breaking(store.open("tumour").manifest, store.open("tumour", "2").manifest)
    # ["column age: null is refused now", "output predict_proba is gone"]

Callers may send rows as objects or as lists in the order of the columns, and read every output by its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .manifest import Manifest

__all__ = ["breaking"]

WIDENED = {("integer", "number"), ("category", "text"), ("datetime", "text")}  # kinds whose old cells all pass


def breaking(before: Manifest, after: Manifest) -> list[str]:
    """The differences that break a caller of `before`, in the order of its columns and outputs."""
    if ("columns" in before.spec) != ("columns" in after.spec):
        return [f"it is a model of kind {after.kind}, and was one of kind {before.kind}"]
    if ("inputs" in before.spec) != ("inputs" in after.spec):
        return [f"it is a model of kind {after.kind}, and was one of kind {before.kind}"]
    if "inputs" in before.spec:
        return [*tensor_changes(before.spec, after.spec), *output_changes(before.spec, after.spec)]
    if "columns" not in before.spec:
        return list(text_changes(before, after))
    return [*column_changes(before.spec, after.spec), *output_changes(before.spec, after.spec)]


def column_changes(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    old = {column["name"]: column for column in before["columns"]}
    new = {column["name"]: column for column in after["columns"]}
    for name in new:
        if name not in old:
            yield f"column {name} is new, and every row must have it"
    for name in old:
        if name not in new:
            yield f"column {name} is gone: it is ignored in rows, and rows sent as lists are refused"
        else:
            yield from (f"column {name}: {change}" for change in cell_changes(old[name], new[name]))
    if list(old) != list(new) and set(old) == set(new):
        yield "the columns stand in another order, by which rows sent as lists are read"


def cell_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """What cells of a column are not taken any more."""
    if old.get("unread") and not new.get("unread"):
        yield "the model reads it now, and rows may have been sent without it"
        return
    if new.get("unread"):
        return
    if old["kind"] != new["kind"] and not widened(old, new):
        yield f"it takes {new['kind']} now, and took {old['kind']}"
    elif old["dtype"] != new["dtype"] and narrower(old["dtype"], new["dtype"]):
        yield f"it takes what {new['dtype']} holds now, and took {old['dtype']}"
    if old.get("nullable") and not new.get("nullable"):
        yield "null is refused now"
    if new.get("categories") is None or new.get("accepts_unknown"):
        return
    if old.get("accepts_unknown"):
        yield "values outside its categories are refused now"
    lost = [value for value in old.get("categories") or () if value not in new["categories"]]
    if lost:
        yield f"it does not take {', '.join(map(str, lost[:10]))}{' ...' if len(lost) > 10 else ''} any more"


def widened(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether a column of another kind takes every cell that it took before."""
    texts = all(isinstance(value, str) for value in old.get("categories") or ())
    return (old["kind"], new["kind"]) in WIDENED and texts


def narrower(old: str, new: str) -> bool:
    """Whether a dtype holds fewer whole numbers than another (int64 -> int8), or ends far earlier (-> float16)."""
    (was, old_bits), (now, new_bits) = sized(old), sized(new)
    if now == "f":
        return new_bits < 32 and (was != "f" or new_bits < old_bits)
    return bool(was and now) and (new_bits < old_bits or (was, now) == ("i", "u"))


def sized(dtype: str) -> tuple[str, int]:
    """("i", 64) of int64 and Int64; ("", 0) of what is no number with a size."""
    name = dtype.lower().partition("[")[0]
    letters = name.rstrip("0123456789")
    kinds = {"int": "i", "uint": "u", "float": "f"}
    bits = name[len(letters) :]
    return (kinds[letters], int(bits)) if letters in kinds and bits else ("", 0)


def tensor_changes(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """Of a network's inputs, which callers send by name and shape."""
    old, new = before["inputs"], after["inputs"]
    for name in new:
        if name not in old:
            yield f"input {name} is new, and every request must have it"
    for name, tensor in old.items():
        if name not in new:
            yield f"input {name} is gone"
            continue
        now = new[name]
        if len(now["shape"]) != len(tensor["shape"]) or any(
            isinstance(size, int) and size != was for size, was in zip(now["shape"], tensor["shape"], strict=False)
        ):
            yield f"input {name}: its shape is {now['shape']} now, and was {tensor['shape']}"
        if narrower(tensor["dtype"], now["dtype"]) or (tensor["dtype"] == "bool") != (now["dtype"] == "bool"):
            yield f"input {name}: it takes what {now['dtype']} holds now, and took {tensor['dtype']}"


def output_changes(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    old, new = before.get("outputs", {}), after.get("outputs", {})
    for name, output in old.items():
        if name not in new:
            yield f"output {name} is gone"
        else:
            yield from (f"output {name}: {change}" for change in answer_changes(output, new[name]))
    first, now = next(iter(old), None), next(iter(new), None)
    if first != now and first in new:
        yield f"{now} is the prediction now, where a caller names no output, and {first} was"


def answer_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    if old["dtype"] != new["dtype"]:
        yield f"it is {new['dtype']} now, and was {old['dtype']}"
    labels, now = old.get("labels"), new.get("labels")
    if (labels is None) != (now is None):
        yield f"its values are {'not ' if now is None else ''}keyed by label now"
    elif labels is not None and now is not None:
        lost = [str(label) for label in labels if label not in now]
        if lost:
            yield f"the label {', '.join(lost)} is gone"
    elif old.get("shape") != new.get("shape"):
        yield f"its shape is {new.get('shape')} now, and was {old.get('shape')}"
    if old.get("targets") != new.get("targets"):
        yield f"its targets are {new.get('targets')} now, and were {old.get('targets')}"


def text_changes(before: Manifest, after: Manifest) -> Iterator[str]:
    old, new = before.spec.get("context_length", 0), after.spec.get("context_length", 0)
    if new < old:
        yield f"its context has {new} tokens now, and had {old}"
    if before.spec.get("vocabulary_size") != after.spec.get("vocabulary_size"):
        yield "its vocabulary is another one: prompts of token ids mean other texts"
    now = after.spec.get("labels", ())
    if gone := [label for label in before.spec.get("labels", ()) if label not in now]:
        yield f"the label {', '.join(map(str, gone))} is gone"
    lost = [name for name in before.files if name == "chat_template.jinja" and name not in after.files]
    if lost:
        yield "it has no chat template any more"
