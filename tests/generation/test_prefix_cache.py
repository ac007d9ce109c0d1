"""Keys and values of finished sequences, found by their first tokens, within a bound of memory."""

import numpy as np
import pytest

from service.generation.prefix_cache import PrefixCache, common_prefix


def test_the_prefix_cache_keeps_within_its_memory():
    prefixes = PrefixCache(100)
    prompts = [np.array(each) for each in ([1, 2, 3], [1, 2, 3, 4], [9, 9], [5, 5, 5])]
    read = []
    for each in prompts:
        prefixes.add(each, 40, lambda: read.append(1) or "stored")
    assert len(read) == 4
    assert prefixes.bytes == 80  # the first went into the second, which then went for want of use
    assert prefixes.find(np.array([1, 2, 3, 4])) == (0, None)
    assert prefixes.find(np.array([9, 9, 1])) == (2, "stored")
    prefixes.add(np.array([7, 7]), 40, lambda: "new")
    assert prefixes.find(np.array([9, 9])) == (2, "stored")  # used last
    assert prefixes.find(np.array([5, 5])) == (0, None)
    prefixes.add(np.array([9]), 40, lambda: pytest.fail("it is known already"))
    prefixes.add(np.array([6]), 101, lambda: pytest.fail("it is too large"))
    assert common_prefix(np.array([], int), np.array([1])) == 0
