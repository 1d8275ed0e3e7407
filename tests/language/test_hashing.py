"""The hash table over keys: finds what a binary search finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl.errors import DataError
from minidl.language.ngram.counts import Table
from minidl.language.ngram.hashing import HashIndex

KEYS = st.lists(st.integers(0, 2**62), unique=True, max_size=200).map(sorted)


def by_search(keys, wanted):
    none = np.zeros(len(keys), np.int64)
    return Table(keys, none, none).find(wanted)


@given(KEYS, st.lists(st.integers(0, 2**62), max_size=50))
def test_it_finds_what_a_search_finds(keys, others):
    keys = np.array(keys, np.int64)
    wanted = np.concatenate([keys[::-1], np.array(others, np.int64), keys + 1])
    np.testing.assert_array_equal(HashIndex(keys).find(wanted), by_search(keys, wanted))


@pytest.mark.parametrize("step", [1, 2, 1 << 20, 1 << 40])
def test_keys_in_a_row_and_far_apart(step):
    keys = np.arange(20_000, dtype=np.int64) * step
    wanted = np.arange(-2, 30_000, dtype=np.int64).clip(0) * step + np.arange(30_002) % 2
    np.testing.assert_array_equal(HashIndex(keys).find(wanted), by_search(keys, wanted))


def test_keys_that_share_a_home_are_told_apart():
    """All of one place: each search goes along the same row of places, to its end."""
    index = HashIndex(np.zeros(0, np.int64))
    assert index.find(np.array([0, 5])).tolist() == [-1, -1]
    inverse = pow(0x9E3779B97F4A7C15, -1, 1 << 64)
    keys = np.array(sorted((inverse * i) % (1 << 63) for i in range(1, 60)), np.int64)
    np.testing.assert_array_equal(HashIndex(keys).find(keys), np.arange(len(keys)))


def test_one_key_again_and_again_is_damage():
    with pytest.raises(DataError, match="again and again"):
        HashIndex(np.zeros(50_000, np.int64))
