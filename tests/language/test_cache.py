"""The cache model: equal to a plain loop over the words before, normalised, and the same by every way of asking."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl.errors import ArgumentError
from minidl.language.cache import CacheModel
from minidl.language.vocabulary import Vocabulary

VOCABULARY = Vocabulary(list("abcd"))
UNIGRAM = np.array([0.1, 0, 0.2, 0.4, 0.1, 0.1, 0.1])
texts = st.lists(st.lists(st.sampled_from("abcdz"), max_size=6), max_size=8).map(VOCABULARY.encode_sentences)


def plainly(ids, size, decay, floor, unigram):
    """Of each token that is no start, the probabilities of all words, by the definition."""
    words, found = [], []
    for word in ids:
        if word == 1:
            continue
        shares, total = np.zeros(len(unigram)), 0.0
        for age, old in enumerate(reversed(words[-size:]), 1):
            shares[old] += decay ** (age - 1)
            total += decay ** (age - 1)
        found.append((1 - floor) * (shares / total if total else unigram) + floor * unigram)
        words.append(word)
    return np.array(found).reshape(-1, len(unigram))


@given(texts, st.integers(1, 12), st.sampled_from([1.0, 0.9, 0.1]), st.booleans())
def test_equal_to_a_plain_loop(ids, size, decay, even):
    model = CacheModel(VOCABULARY, size, decay, floor=0.2, unigram=None if even else UNIGRAM)
    unigram = np.where(np.arange(7) == 1, 0, 1 / 6) if even else UNIGRAM
    expected = plainly(ids, size, decay, 0.2, unigram)
    scores, tokens = model.score_tokens(ids), ids[ids != 1]
    assert (scores[ids == 1] == 0).all()
    np.testing.assert_allclose(np.exp(scores[ids != 1]), expected[np.arange(len(tokens)), tokens], rtol=1e-9, atol=0)
    pieces = [np.zeros((0, 7)), *model.distributions(ids)]
    np.testing.assert_allclose(np.exp(np.concatenate(pieces)), expected, rtol=1e-5, atol=0)
    np.testing.assert_allclose(expected.sum(1), 1, rtol=1e-12, atol=0)


def test_a_reader_remembers_what_it_read():
    model, ids = CacheModel(VOCABULARY, size=3, decay=0.5), VOCABULARY.encode_sentences([["a", "b", "a"], ["c"]])
    reader = model.reader()
    for word, score in zip(ids, model.score_tokens(ids), strict=True):
        if word != 1:
            assert reader.log_prob()[word] == pytest.approx(score, rel=1e-5)
            reader.read(int(word))
    assert (reader.log_prob() == model.log_prob(ids[None])[0]).all()


def test_by_hand():
    """After "a b a", which count 1/4, 1/2, 1: a has 5/7 of the cache."""
    model = CacheModel(VOCABULARY, size=10, decay=0.5, floor=0.1)
    log_probs = model.log_prob(np.array([[1, 3, 4, 3]]))[0]
    assert math.exp(log_probs[3]) == pytest.approx(0.9 * 5 / 7 + 0.1 / 6, rel=1e-6)
    assert math.exp(log_probs[0]) == pytest.approx(0.1 / 6, rel=1e-6)
    assert log_probs[1] == -np.inf
    assert math.exp(model.log_prob(np.zeros((1, 0), int))[0, 3]) == pytest.approx(1 / 6, rel=1e-6)
    assert model.memory == 10 and model.n_parameters == 0 and CacheModel(VOCABULARY, unigram=UNIGRAM).n_parameters == 7


@pytest.mark.parametrize(
    "options, says",
    [
        ({"size": 0}, "size must be at least 1"),
        ({"decay": 0.0}, "decay in"),
        ({"floor": 1.0}, "floor in"),
        ({"unigram": np.ones(3) / 3}, r"\(7,\) probabilities"),
        ({"unigram": UNIGRAM * 2}, "sum to 1, not to 2"),
        ({"unigram": np.full(7, 1 / 7)}, "0 for 1, the start"),
    ],
)
def test_what_is_refused(options, says):
    with pytest.raises(ArgumentError, match=says):
        CacheModel(VOCABULARY, **options)


def test_contexts_of_another_vocabulary_are_refused():
    with pytest.raises(ArgumentError, match=r"\[0, 7\)"):
        CacheModel(VOCABULARY).log_prob(np.array([[7]]))
