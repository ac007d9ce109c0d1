"""Objects of a JSON body that hold a key more than once: one value would win silently over the other.

    check_duplicates(b'{"a": 1, "a": 2}', {"a": 2})     # RequestError: key "a" comes 2 times in the body

The fast parser keeps the last value and says nothing. So keys are counted: where the parsed value has as many as the
body has colons, none was lost. Where the counts differ, a parser that shows every key reads the body once more.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from operator import itemgetter
from typing import Any

import numpy as np

from ..errors import MAX_VIOLATIONS, RequestError
from .json_limits import count_of, outside_strings
from .utf8 import text

__all__ = ["check_duplicates"]

COLON, QUOTE = ord(":"), ord('"')
NESTED = (dict, list)
SHOWN = 80  # characters of a key


def check_duplicates(body: bytes, value: Any) -> None:
    """Raise RequestError where an object of the body has a key more than once; its details name each such object.

    value: what the body was parsed to, the last of the values being kept.
    """
    if type(value) not in NESTED:
        return
    # Every count of colons is one that is never too small, every count of keys one that is never too large.
    few = outer_keys(value)
    if count_of(body, b":") <= few or (ends := ends_of_keys(body)) <= few:
        return
    most = keys(value)
    if ends > most and outside_strings(body, b":") > most:
        refuse(list(duplicates(read_again(body))))


def outer_keys(value: Any) -> int:
    """The keys of an envelope, and of the rows or columns in it: all that most bodies have."""
    if type(value) is list:
        return keys_of_rows(value)
    found = len(value)
    for member in value.values():
        if type(member) is dict:
            found += len(member)
        elif type(member) is list and member and type(member[0]) is dict:
            found += keys_of_rows(member)
    return found


def keys_of_rows(rows: list[Any]) -> int:
    """The keys of a list of objects; 0 for any other list."""
    if len(rows) == 1:
        return len(rows[0]) if type(rows[0]) is dict else 0
    return sum(map(len, rows)) if set(map(type, rows)) == {dict} else 0


def ends_of_keys(body: bytes) -> int:
    """The colons behind a quote or white space: one for each pair, and few of those in strings."""
    characters = np.frombuffer(body, np.uint8)
    return int(np.count_nonzero((characters[1:] == COLON) & (characters[:-1] <= QUOTE)))


def keys(value: Any) -> int:
    """The keys of all objects in a value, but for those in a list that begins with a plain value."""
    found, left = 0, [value]
    while left:
        one = left.pop()
        if type(one) is dict:
            found += len(one)
            one = one.values()
        left += [each for each in one if type(each) is dict or begins_nested(each)]
    return found


def begins_nested(value: Any) -> bool:
    return type(value) is list and bool(value) and type(value[0]) in NESTED


class Repeated(dict[str, Any]):
    """An object in which keys came more than once. `counts`: {key: how often}."""

    counts: dict[str, int]


def read_again(body: bytes) -> Any:
    """The body's value, objects with a key more than once being Repeated; its numbers are lost. Raises RequestError."""
    try:
        return json.loads(text(body), object_pairs_hook=pairs, parse_int=bool, parse_float=bool, parse_constant=bool)
    except RecursionError:  # the fast parser goes a little deeper
        raise RequestError("the JSON is nested too deeply") from None


def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(members)
    if len(value) == len(members):
        return value
    repeated = Repeated(value)
    repeated.counts = {key: count for key, count in Counter(map(itemgetter(0), members)).items() if count > 1}
    return repeated


def duplicates(value: Any) -> Iterator[tuple[str, str, int]]:
    """Yield (where the object is, key, how often) in the order of the body; the place of the body itself is ""."""
    left = [("", value)]
    while left:
        where, one = left.pop()
        if isinstance(one, Repeated):
            yield from ((where, key, count) for key, count in one.counts.items())
        named = one.items() if isinstance(one, dict) else enumerate(one)
        below = [(name, member) for name, member in named if isinstance(member, NESTED)]
        left += [(place(where, name), member) for name, member in reversed(below)]


def place(where: str, name: str | int) -> str:
    """Where a member of an object or of a list is, given where that is."""
    if isinstance(name, int):
        return f"{where}[{name}]"
    return f"{where}.{name[:SHOWN]}" if where else name[:SHOWN]


def refuse(found: list[tuple[str, str, int]]) -> None:
    """Raise RequestError if there are any."""
    if found:
        sentences = [
            (where, f"key {json.dumps(key[:SHOWN], ensure_ascii=False)} comes {count} times")
            for where, key, count in found[:MAX_VIOLATIONS]
        ]
        where, sentence = sentences[0]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        details = [{"field": where or "body", "message": sentence} for where, sentence in sentences]
        message = f"{sentence} in {where or 'the body'}{more}; send each key once"
        raise RequestError(message, details=details, total=len(found))
