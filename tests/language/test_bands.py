"""Perplexity by frequency of words."""

import math

import numpy as np
import pytest

from minidl.errors import ArgumentError
from minidl.language.bands import Band, perplexity_by_frequency

COUNTS = np.array([7, 9, 9, 2000, 5, 2, 1, 0])
IDS = np.array([1, 3, 4, 5, 2, 1, 0, 7, 6, 3, 2])


def test_bands_by_hand():
    log_probs = np.log(np.array([1, 0.5, 0.1, 0.4, 0.25, 1, 0.01, 0.02, 0.03, 0.125, 0.25]))
    found = perplexity_by_frequency(log_probs, IDS, COUNTS)
    assert [(band.name, band.tokens) for band in found] == [
        ("unknown", 1), ("0", 1), ("1", 1), ("2-5", 2), ("6-20", 2), ("1,001 or more", 2),
    ]  # fmt: skip
    np.testing.assert_allclose([band.perplexity for band in found], [100, 50, 1 / 0.03, 5, 4, 4], rtol=1e-12)


def test_bands_of_ones_own_and_impossible_words():
    found = perplexity_by_frequency(np.where(IDS == 7, -np.inf, 0.0), IDS, COUNTS, up_to=(4,))
    assert found == [Band("unknown", 1, 1.0), Band("0-4", 3, math.inf), Band("5 or more", 5, 1.0)]
    assert perplexity_by_frequency(np.zeros(0), np.zeros(0, int), COUNTS) == []
    assert perplexity_by_frequency(np.zeros(2), np.array([3, 3]), COUNTS, ()) == [Band("0 or more", 2, 1.0)]


def test_bands_together_are_the_whole_text():
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 8, 200)
    log_probs = np.where(ids == 1, 0.0, -rng.exponential(3, 200))
    found = perplexity_by_frequency(log_probs, ids, COUNTS)
    assert sum(band.tokens for band in found) == (ids != 1).sum()
    assert sum(band.tokens * math.log(band.perplexity) for band in found) == pytest.approx(-log_probs.sum())


@pytest.mark.parametrize(
    "log_probs, counts, up_to, says",
    [
        (np.zeros(3), COUNTS, (1,), "a log probability a token"),
        (np.zeros(11), COUNTS[:7], (1,), "7 counts for words up to number 7"),
        (np.zeros(11), COUNTS, (1, 1), "must rise"),
        (np.zeros(11), COUNTS, (-1, 1), "0 or more"),
    ],
)
def test_what_is_refused(log_probs, counts, up_to, says):
    with pytest.raises(ArgumentError, match=says):
        perplexity_by_frequency(log_probs, IDS, counts, up_to)
