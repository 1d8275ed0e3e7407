"""Entropy pruning: each loss is the relative entropy that a sum over all words gives, and what is left sums to one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import language
from minidl.errors import ArgumentError
from minidl.language.ngram.counts import Table, unigrams, words_of
from minidl.language.ngram.entropy import entropy_prune, losses
from minidl.language.ngram.kneser_ney import FALLBACK
from minidl.language.ngram.normalise import normalised

SENTENCES = [line.split() for line in ("a b a c", "a b", "c a b", "b", "a b a", "d a a", "c")]
SMOOTHINGS = {
    "kneser-ney": (language.kneser_ney, {"fallback": FALLBACK}),
    "katz": (language.katz, {"fallback": 0.5}),
    "witten-bell": (language.witten_bell, {}),
    "additive": (language.additive, {}),
}


def trained(sentences, order, how="witten-bell"):
    vocabulary = language.Vocabulary.from_sentences(sentences)
    counts = language.count(vocabulary.encode_sentences(sentences), len(vocabulary), order)
    smoothing, options = SMOOTHINGS[how]
    return smoothing(counts, vocabulary, **options)


def in_float64(model):
    return normalised(model.vocabulary, model.tables, [np.exp(a.astype(np.float64)) for a in model.log_probs])


def without(model, ngram):
    """What a context's probabilities are without one of its words: seen words keep theirs, others share as below, (V,)."""
    p, below = (np.exp(model.log_prob(ngram[None, first:-1])[0].astype(np.float64)) for first in (0, 1))
    n_grams = words_of(model.tables, np.arange(len(model.tables[-1])))
    seen = np.zeros(len(p), bool)
    seen[n_grams[(n_grams[:, :-1] == ngram[:-1]).all(1), -1]] = True
    seen[ngram[-1]] = False
    return np.where(seen, p, below * (1 - p[seen].sum()) / below[~seen].sum())


def probability_of(model, words):
    """Of a context, by the chain rule; a sentence starts as often as one ends."""
    total = 1.0
    for i, word in enumerate(words):
        log_probs = model.log_prob(words[None, :i])[0]
        total *= np.exp(log_probs[2 if word == 1 else word])
    return total


@pytest.mark.parametrize("how", SMOOTHINGS)
@pytest.mark.parametrize("order", [2, 3])
def test_a_loss_is_the_relative_entropy_over_all_words(how, order):
    """p(h) times the sum over w of p(w|h) log (p(w|h) / p'(w|h)), where p' is the model without the n-gram."""
    compare_losses(in_float64(trained(SENTENCES, order, how)))


def test_losses_of_a_model_that_was_pruned_before():
    """The shorter n-gram may have gone, and the even shorter one counts."""
    model = in_float64(entropy_prune(trained(SENTENCES, 3, "kneser-ney"), 5e-3))
    assert (model.tables[2].suffix < 0).any()
    compare_losses(model)


def compare_losses(model):
    found = losses(model, model.order)
    assert (found >= 0).all() and found.max() > 1e-3
    for row, ngram in enumerate(words_of(model.tables, np.arange(len(found)))):
        context = ngram[None, :-1]
        with_it, without_it = np.delete(model.log_prob(context)[0], 1), np.log(np.delete(without(model, ngram), 1))
        expected = probability_of(model, context[0]) * (np.exp(with_it) * (with_it - without_it)).sum()
        assert found[row] == pytest.approx(expected, rel=1e-5, abs=1e-8)  # weights go through float32


@pytest.mark.parametrize("how", ["kneser-ney", "katz", "witten-bell"])  # additive: shorter ones play no part
def test_losses_of_shorter_ngrams_are_those_of_a_model_without_the_longer(how):
    model = in_float64(trained(SENTENCES, 3, how))
    shorter = language.BackoffModel(model.vocabulary, model.tables[:2], model.log_probs[:2], model.backoffs[:1])
    compare_losses(shorter)
    np.testing.assert_array_equal(losses(model, 2), losses(shorter, 2))


def test_probabilities_that_are_no_whole_model_are_made_one():
    """Of <unk>, </s>, a, b: 1, 2, 3, 2 are shares of 8; where a's only follower has all, next to nothing is left."""
    a, b = 3, 4
    table = Table(np.array([a * 5 + b]), np.array([a]), np.array([b]))
    vocabulary = language.Vocabulary(["a", "b"])
    model = normalised(vocabulary, [unigrams(5), table], [np.array([1.0, 7, 2, 3, 2]), np.array([1.0])])
    alone, after_a = np.exp(np.concatenate([model.log_prob(np.array([context])) for context in ([b], [a])]))
    np.testing.assert_allclose(alone, [1 / 8, 0, 2 / 8, 3 / 8, 2 / 8], rtol=1e-6, atol=0)
    assert after_a.sum() == pytest.approx(1, abs=1e-6) and (after_a[[0, 2, 3]] > 0).all() and after_a[b] > 1 - 1e-6


texts = st.lists(st.lists(st.sampled_from("abcdefg"), max_size=6), min_size=1, max_size=20)


@pytest.mark.parametrize("how", SMOOTHINGS)
@given(texts, st.integers(1, 4), st.sampled_from([0, 1e-4, 1e-3, 1e-2, 1]))
def test_what_is_left_sums_to_one_and_is_whole(how, sentences, order, threshold):
    sentences = [*sentences, ["a", "b", "c", "a"]]
    model = trained(sentences, order, how)
    pruned = entropy_prune(model, threshold)
    ids = model.vocabulary.encode_sentences([*sentences, ["z", "a"], ["g", "a", "b"]])
    log_probs = np.concatenate(list(pruned.distributions(ids))).astype(np.float64)
    np.testing.assert_allclose(np.exp(log_probs).sum(1), 1, rtol=0, atol=1e-6)
    tokens = ids[ids != 1]
    scores = pruned.score_tokens(ids)[ids != 1]
    np.testing.assert_allclose(log_probs[np.arange(len(tokens)), tokens], scores, rtol=1e-5, atol=1e-5)
    for below, table in zip(pruned.tables, pruned.tables[1:], strict=False):
        assert (table.context == table.keys // len(model.vocabulary)).all() and (table.context < len(below)).all()
        there = table.suffix >= 0
        assert (below.keys[table.suffix[there]] % len(model.vocabulary) == table.keys[there] % len(model.vocabulary)).all()
    if threshold == 0:
        assert [len(table) for table in pruned.tables] == [len(table) for table in model.tables]
        np.testing.assert_allclose(pruned.score_tokens(ids), model.score_tokens(ids), rtol=1e-4, atol=1e-4)


def test_those_stay_whose_loss_reaches_the_threshold_and_what_longer_ones_begin_with():
    model = trained(SENTENCES, 3)
    exact = in_float64(model)
    threshold = float(np.median(np.expm1(losses(exact, 3))))
    pruned = entropy_prune(model, threshold)

    def texts_of(tables, rows):
        return {tuple(ngram) for ngram in words_of(tables, rows).tolist()}

    stays = np.expm1(losses(exact, 3)) >= threshold
    longest = texts_of(model.tables, np.flatnonzero(stays))
    by_themselves = texts_of(model.tables[:2], np.flatnonzero(np.expm1(losses(exact, 2)) >= threshold))
    assert texts_of(pruned.tables, np.arange(len(pruned.tables[2]))) == longest
    needed = {ngram[:2] for ngram in longest}
    assert texts_of(pruned.tables[:2], np.arange(len(pruned.tables[1]))) == by_themselves | needed
    assert needed - by_themselves and len(longest) < len(model.tables[2])


def test_a_higher_threshold_leaves_less_and_costs_more():
    model = trained(SENTENCES * 3, 3)
    ids = model.vocabulary.encode_sentences(SENTENCES)
    sizes, scores = zip(
        *(
            (each.n_parameters, each.score_tokens(ids).sum())
            for each in (entropy_prune(model, t) for t in (0, 1e-3, 1e-2, 1))
        ),
        strict=True,
    )
    assert sorted(sizes, reverse=True) == list(sizes) and sizes[-1] < sizes[0]
    assert sorted(scores, reverse=True) == list(scores)
    assert len(entropy_prune(model, 1e9).tables[1]) == 0


def test_a_pruned_model_is_written_and_read_as_it_is(tmp_path):
    model = entropy_prune(trained(SENTENCES, 3, "kneser-ney"), 5e-3)
    with open(tmp_path / "pruned.arpa", "wb") as file:
        language.write_arpa(model, file)
    again = language.read_arpa(tmp_path / "pruned.arpa")
    assert again.vocabulary.words == model.vocabulary.words
    for ours, theirs in zip(model.tables, again.tables, strict=True):
        np.testing.assert_array_equal(ours.keys, theirs.keys)
    ids = model.vocabulary.encode_sentences([*SENTENCES, ["z", "a"], ["d", "c", "b"]])
    np.testing.assert_allclose(again.score_tokens(ids), model.score_tokens(ids), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("threshold", [-1e-9, float("nan"), float("inf")])
def test_a_threshold_that_is_none(threshold):
    with pytest.raises(ArgumentError, match="at least 0"):
        entropy_prune(trained(SENTENCES, 2), threshold)
