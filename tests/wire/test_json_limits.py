"""How many lists and objects a JSON body opens, counted without parsing it: exact, whatever its strings hold."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import PayloadTooLarge, RequestError
from service.wire.json_limits import MOST_KEYS, SPARE, check_containers, check_keys, outside_strings

TEXTS = st.text(st.sampled_from('[]{}"\\,: aé\n'), max_size=6)
VALUES = st.recursive(
    st.one_of(st.none(), st.integers(), TEXTS),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXTS, below, max_size=4),
    max_leaves=30,
)


def containers(value):
    """The lists and objects of a parsed value, itself among them."""
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, list | dict) + sum(map(containers, below))


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(VALUES, st.booleans(), st.integers(0, 40))
def test_the_count_is_that_of_the_parsed_value(value, ascii_only, most):
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    wanted = containers(value)
    assert outside_strings(body, b"[{") == wanted
    found = outside_strings(body, b"[{", most)
    assert found == wanted if wanted <= most else found > most


def test_brackets_within_strings_do_not_count():
    check_containers(json.dumps({"text": "[{" * SPARE, "escaped": '\\"[\\\\' * SPARE}).encode(), 1)


def test_one_more_than_is_taken():
    check_containers(b"[" + b"{}," * (SPARE + 9) + b"1]", 10)
    with pytest.raises(PayloadTooLarge, match="more than 100010 lists and objects: 10 rows are taken"):
        check_containers(b"[" + b"{}," * (SPARE + 10) + b"1]", 10)


def test_members_of_an_envelope_are_few():
    check_keys(dict.fromkeys(map(str, range(MOST_KEYS))))
    with pytest.raises(RequestError, match="an object of 1001 keys; at most 1000 are taken"):
        check_keys(dict.fromkeys(map(str, range(MOST_KEYS + 1))))
