"""Brown clusters: each merger is the one that costs least by a plain sum, and the class model that is made of them."""

import math
import os
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import language
from minidl.errors import ArgumentError, DataError
from minidl.language import corpora
from minidl.language.ngram.brown import _Window, brown_clusters
from minidl.language.ngram.classes import ClassModel, class_model

DATA = Path(os.environ.get("MINIDL_DATA", Path(__file__).parents[3] / "shared" / "data"))
texts = st.lists(st.lists(st.sampled_from("abcdefg"), max_size=8), min_size=1, max_size=20)


def encoded(sentences):
    vocabulary = language.Vocabulary.from_sentences(sentences)
    return vocabulary.encode_sentences(sentences), vocabulary


def information(pairs, groups):
    """Mutual information of neighbouring groups, times the number of pairs and but for a constant: the sum of
    n log (n / (l r)), where l and r count what stands left and right in any pair."""
    at = {word: i for i, group in enumerate(groups) for word in group}
    n, left, right = (np.zeros(shape) for shape in ((len(groups),) * 2, len(groups), len(groups)))
    for a, b in pairs:
        if a in at:
            left[at[a]] += 1
        if b in at:
            right[at[b]] += 1
        if a in at and b in at:
            n[at[a], at[b]] += 1
    return sum(x * math.log(x / (left[i] * right[j])) for (i, j), x in np.ndenumerate(n) if x)


def mergers(ids, size, n_classes):
    """The clusters, and which places were merged in each step."""
    chosen, cheapest = [], _Window.cheapest
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Window, "cheapest", lambda window: chosen.append(cheapest(window)) or chosen[-1])
        return brown_clusters(ids, size, n_classes), chosen


@given(texts, st.integers(1, 4), st.booleans())
def test_each_merger_costs_least_by_a_plain_sum(sentences, n_classes, ends):
    """Of all pairs of classes, a difference of two whole sums; also where last words have nothing after them."""
    ids, vocabulary = encoded([*sentences, list("abcda"), list("abbc")])
    ids = ids if ends else ids[ids != 2]
    found, chosen = mergers(ids, len(vocabulary), n_classes)
    pairs = [(a, b) for a, b in pairwise(ids.tolist()) if b != 1]
    groups = [{word} for word in range(n_classes + 3)]
    for word, (a, b) in zip(range(n_classes + 3, len(vocabulary)), chosen, strict=True):
        groups.append({word})
        left = {}
        for i, j in combinations(range(3, len(groups)), 2):
            rest = [group for k, group in enumerate(groups) if k not in (i, j)]
            left[i, j] = information(pairs, [*rest, groups[i] | groups[j]])
        assert left[a, b] == pytest.approx(max(left.values()), rel=1e-9, abs=1e-9)
        groups[a] |= groups[b]
        last = groups.pop()
        if b < len(groups):
            groups[b] = last
    assert [set(np.flatnonzero(found == i)) for i in range(n_classes + 3)] == groups


def test_words_between_the_same_neighbours_are_of_a_class():
    """Names before verbs before things, at random."""
    rng = np.random.default_rng(0)
    kinds = [["ann", "bob", "cid"], ["sees", "has"], ["tea", "cake", "jam", "pie"]]
    ids, vocabulary = encoded([[str(rng.choice(kind)) for kind in kinds] for _ in range(300)])
    classes = brown_clusters(ids, len(vocabulary), 3)
    assert {frozenset(vocabulary.decode(np.flatnonzero(classes == i))) for i in (3, 4, 5)} == set(map(frozenset, kinds))
    assert classes[:3].tolist() == [0, 1, 2]
    np.testing.assert_array_equal(brown_clusters(ids, len(vocabulary), 3), classes)


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "wikitext-2").is_dir(), reason="the data sets are not here")
def test_a_real_text(monkeypatch):
    """Words that English grammar puts together are together, and classes say more than as many bands of frequency."""
    monkeypatch.setenv("MINIDL_DATA", str(DATA))
    sentences = list(corpora.load("wikitext-2").train)[:5000]
    vocabulary = language.Vocabulary.from_sentences(sentences, min_count=3)
    ids = vocabulary.encode_sentences(sentences)
    classes = brown_clusters(ids, len(vocabulary), 50)
    for alike in (["would", "could", "will", "may"], ["was", "is"], ["2", "3", "4", "5"], ["his", "their", "its"]):
        assert len(set(classes[vocabulary.encode(alike)])) == 1, alike
    pairs = [(a, b) for a, b in pairwise(ids.tolist()) if b != 1]
    bands = np.append([0, 1, 2], 3 + np.arange(len(vocabulary) - 3) * 50 // (len(vocabulary) - 3))
    ours, theirs = (
        information(pairs, [set(np.flatnonzero(each == i).tolist()) for i in range(53)]) for each in (classes, bands)
    )
    unrelated = information(pairs, [set(range(len(vocabulary)))])
    assert ours - unrelated > 2 * (theirs - unrelated)


def test_as_many_classes_as_words_and_words_that_the_text_does_not_have():
    ids, vocabulary = encoded([list("abc"), list("ba")])
    assert brown_clusters(ids, len(vocabulary), 3).tolist() == list(range(6))
    classes = brown_clusters(ids, len(vocabulary) + 2, 2)
    assert len(classes) == 8 and set(classes[3:]) == {3, 4}


@given(texts, st.integers(1, 4), st.integers(1, 3))
def test_a_class_model_sums_to_one_and_scores_are_its_products(sentences, n_classes, order):
    ids, vocabulary = encoded([*sentences, list("abcd")])
    classes = brown_clusters(ids, len(vocabulary), n_classes)
    model = class_model(ids, vocabulary, classes, lambda text, names: witten_bell(text, names, order))
    ids = vocabulary.encode_sentences([*sentences, ["z", "a"], ["a", "b"]])
    log_probs = np.concatenate(list(model.distributions(ids))).astype(np.float64)
    np.testing.assert_allclose(np.exp(log_probs).sum(1), 1, rtol=0, atol=1e-6)
    tokens, scores = ids[ids != 1], model.score_tokens(ids)
    np.testing.assert_allclose(log_probs[np.arange(len(tokens)), tokens], scores[ids != 1], rtol=1e-5, atol=1e-5)
    assert (scores[ids == 1] == 0).all() and model.memory == order - 1
    assert model.n_parameters == model.class_model.n_parameters + len(vocabulary)
    reader, read = model.reader(), []
    for word in tokens:
        read.append(reader.log_prob())
        reader.read(word)
    np.testing.assert_allclose(np.exp(read), np.exp(log_probs), rtol=1e-5, atol=0)


def witten_bell(ids, names, order):
    return language.witten_bell(language.count(ids, len(names), order), names)


def test_a_class_model_by_hand():
    """Of "a b b" and "c a": a and b are one class (2 of 4 tokens are a), c is another; alone, by Witten and Bell, of 7
    classes that occur, in 3 kinds, the first has (4 + 3/4) / 10."""
    ids, vocabulary = encoded([list("abb"), list("ca")])
    classes = np.array([0, 1, 2, 3, 3, 4])
    model = class_model(ids, vocabulary, classes, lambda text, names: witten_bell(text, names, 1))
    a = vocabulary.number("a")
    assert math.exp(model.log_prob(np.zeros((1, 0), int))[0, a]) == pytest.approx((4 + 3 / 4) / 10 * 2 / 4, rel=1e-6)


def test_a_word_that_the_text_does_not_have_counts_as_once():
    """Of the class of a, 3 times, and of d, which is not there, d has 1/4."""
    vocabulary = language.Vocabulary(["a", "b", "d"])
    ids = vocabulary.encode_sentences([list("aab"), list("a")])
    model = class_model(ids, vocabulary, np.array([0, 1, 2, 3, 4, 3]), lambda text, names: witten_bell(text, names, 1))
    a, d = np.exp(model.log_prob(np.zeros((1, 0), int))[0, vocabulary.encode(["a", "d"])])
    assert a / d == pytest.approx(3, rel=1e-6)


@pytest.mark.parametrize(
    "call, error, says",
    [
        (lambda ids, v, m: brown_clusters(ids, len(v), 0), ArgumentError, "n_classes must be 1 to .* 2"),
        (lambda ids, v, m: brown_clusters(ids, len(v), 3), ArgumentError, "got 3"),
        (lambda ids, v, m: brown_clusters(ids[1:], len(v), 2), ArgumentError, "begin with 1"),
        (lambda ids, v, m: brown_clusters(ids[:0], len(v), 2), DataError, "empty"),
        (
            lambda ids, v, m: ClassModel(v, np.array([0, 1, 2, 2, 3]), m, np.ones(5)),
            ArgumentError,
            "other words have 3 to 4",
        ),
        (lambda ids, v, m: ClassModel(v, np.array([0, 1, 2, 3, 5]), m, np.ones(5)), ArgumentError, "3 to 4"),
        (lambda ids, v, m: ClassModel(v, np.array([0, 2, 1, 3, 3]), m, np.ones(5)), ArgumentError, "special words alone"),
        (lambda ids, v, m: ClassModel(v, np.arange(4), m, np.ones(5)), ArgumentError, r"\(5,\) integers"),
        (lambda ids, v, m: ClassModel(v, np.arange(5.0), m, np.ones(5)), ArgumentError, "float64"),
        (lambda ids, v, m: ClassModel(v, np.arange(5), m, np.ones(4)), ArgumentError, "word_counts"),
        (lambda ids, v, m: class_model(ids + 1, v, np.arange(5), None), ArgumentError, r"begin with 1 and lie in \[0, 5\)"),
        (lambda ids, v, m: class_model(ids[:0], v, np.arange(5), None), DataError, "empty"),
    ],
)
def test_what_is_refused(call, error, says):
    ids, vocabulary = encoded([list("ab"), list("a")])
    with pytest.raises(error, match=says):
        call(ids, vocabulary, witten_bell(ids, vocabulary, 2))
