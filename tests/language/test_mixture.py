"""Mixtures: weights against a fine grid and by hand, exact normalisation, and one answer from all questions."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp

from minidl import language
from minidl.errors import ArgumentError, DataError
from minidl.language.mixture.linear import LinearMixture, ensemble, fit_weights, weight_curve
from minidl.language.mixture.log_linear import LogLinearMixture
from minidl.language.mixture.parts import side_by_side
from minidl.language.model import LanguageModel
from minidl.language.ngram.kneser_ney import FALLBACK

TEXT = [line.split() for line in ("a b a c", "a b", "c a b", "b", "a b a", "c c a b", "b a")]
HELD_OUT = [line.split() for line in ("a b c", "c a b a", "z b", "b b a c")]
BOTH = pytest.mark.parametrize("kind", [LinearMixture, LogLinearMixture])


class TableModel(LanguageModel):
    """A row of log probabilities for each word before."""

    n_parameters, memory = 7, 1

    def __init__(self, vocabulary, table):
        self.vocabulary, self.table = vocabulary, np.asarray(table, np.float32)

    def log_prob(self, contexts):
        return self.table[contexts[:, -1]]

    def score_tokens(self, ids):
        before = np.concatenate([[0], ids[:-1]])
        return np.where(ids == 1, 0.0, self.table[before, ids].astype(np.float64))


def table_model(vocabulary, rng, spread=1.5):
    x = spread * rng.standard_normal((len(vocabulary), len(vocabulary)))
    x[:, 1] = -np.inf
    return TableModel(vocabulary, x - logsumexp(x, 1, keepdims=True))


def parts(rng=0):
    """A trigram model, a unigram model, and a table made up at random."""
    vocabulary = language.Vocabulary.from_sentences(TEXT)
    ids = vocabulary.encode_sentences(TEXT)
    models = [
        language.kneser_ney(language.count(ids, len(vocabulary), 3), vocabulary, fallback=FALLBACK),
        language.witten_bell(language.count(ids, len(vocabulary), 1), vocabulary),
        table_model(vocabulary, np.random.default_rng(rng)),
    ]
    return models, vocabulary.encode_sentences(HELD_OUT)


def test_weights_by_hand():
    """Two tokens that only one part explains and one that only the other does: it gets two thirds."""
    with np.errstate(divide="ignore"):
        log_probs = np.log([[0.5, 0.2, 0.0], [0.0, 0.0, 0.9]])
    np.testing.assert_allclose(fit_weights(log_probs), [2 / 3, 1 / 3], rtol=1e-12)
    # d/dw of 2 log(.1 + .5 w) + log(.5 - .3 w) is zero where 2 * .5 (.5 - .3 w) = .3 (.1 + .5 w), at w = .47 / .45
    np.testing.assert_allclose(fit_weights(np.log([[0.6, 0.6, 0.2], [0.1, 0.1, 0.5]])), [1, 0], atol=1e-6)
    # with 2 * .5 (.9 - .7 w) = .7 (.1 + .5 w), at w = .83 / 1.05
    inner = fit_weights(np.log([[0.6, 0.6, 0.2], [0.1, 0.1, 0.9]]))
    np.testing.assert_allclose(inner, [0.83 / 1.05, 0.22 / 1.05], atol=1e-4)


def test_weights_are_as_good_as_the_best_of_a_fine_grid():
    log_probs = np.log(np.random.default_rng(1).dirichlet([0.7] * 20, (3, 40)).max(-1))

    def mean(weights):
        return logsumexp(log_probs + np.log(weights)[:, None], axis=0).mean()

    grid = [(a, b, 100 - a - b) for a, b in itertools.product(range(1, 99), repeat=2) if a + b < 100]
    best = max(mean(np.array(weights) / 100) for weights in grid)
    found = mean(fit_weights(log_probs))
    assert best - 1e-8 <= found < best + 1e-3


@given(st.integers(0, 10_000))
def test_no_weights_are_better(seed):
    rng = np.random.default_rng(seed)
    log_probs = np.log(rng.uniform(0.01, 1, (rng.integers(1, 5), 30)))
    weights = fit_weights(log_probs)
    assert weights.sum() == pytest.approx(1) and (weights >= 0).all()
    best = np.log(weights @ np.exp(log_probs)).mean()
    for other in rng.dirichlet(np.ones(len(weights)), 20):
        assert np.log(other @ np.exp(log_probs)).mean() <= best + 2e-9


def test_weights_of_very_unlikely_tokens_do_not_underflow():
    log_probs = np.array([[-2000.0, -2000.0, -2001.0], [-2001.0, -2001.0, -2000.0]])
    np.testing.assert_allclose(fit_weights(log_probs), fit_weights(log_probs + 1999), rtol=1e-9)


def test_the_curve_of_two_weights_is_lowest_where_they_are_fitted():
    (a, b, _), ids = parts()
    scores = [model.score_tokens(ids)[ids != 1] for model in (a, b)]
    weights, perplexities = weight_curve(*scores, n=1001)
    fitted = fit_weights(np.array(scores))
    assert abs(weights[perplexities.argmin()] - fitted[0]) <= 2e-3
    assert perplexities[-1] == pytest.approx(language.perplexity(a, HELD_OUT).including_unknown)
    assert perplexities[0] == pytest.approx(language.perplexity(b, HELD_OUT).including_unknown)
    mixed = language.perplexity(LinearMixture.fitted([a, b], ids), HELD_OUT).including_unknown
    assert perplexities.min() == pytest.approx(mixed, rel=1e-5)
    assert np.isinf(weight_curve(np.array([-np.inf]), np.array([-1.0]))[1][-1])


@BOTH
def test_all_questions_have_one_answer(kind):
    """Scores, distributions, contexts and a reader agree token by token, and every distribution sums to one."""
    models, ids = parts()
    mixture = kind(models, [0.5, 0.2, 0.3])
    at = np.flatnonzero(ids != 1)
    scores = mixture.score_tokens(ids)
    assert (scores[ids == 1] == 0).all()
    pieces = np.concatenate(list(mixture.distributions(ids)))
    assert pieces.dtype == np.float32 and np.isneginf(pieces[:, 1]).all()
    np.testing.assert_allclose(np.exp(pieces).sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(pieces[np.arange(len(at)), ids[at]], scores[at], rtol=1e-5)
    reader = mixture.reader()
    for row, word in zip(pieces, ids[at], strict=True):
        np.testing.assert_allclose(reader.log_prob(), row, rtol=1e-5)
        reader.read(int(word))
    begin = mixture.log_prob(np.array([[1]]))
    np.testing.assert_allclose(begin[0], pieces[0], rtol=1e-5)
    assert mixture.memory == 2
    assert mixture.n_parameters == sum(m.n_parameters for m in models) + {LinearMixture: 2, LogLinearMixture: 3}[kind]
    assert mixture.score(HELD_OUT[0]) == pytest.approx(scores[:5].sum())


@BOTH
def test_against_the_formula(kind):
    models, ids = parts()
    weights = np.array([0.6, 0.1, 0.3])
    log_probs = np.stack([np.concatenate(list(model.distributions(ids))) for model in models]).astype(np.float64)
    if kind is LinearMixture:
        expected = np.log(np.einsum("k,knv->nv", weights, np.exp(log_probs))[:, 2:])
    else:
        product = np.exp(np.einsum("k,knv->nv", weights, np.delete(log_probs, 1, axis=2)))
        expected = np.log(product / product.sum(1, keepdims=True))[:, 1:]
    found = np.concatenate(list(kind(models, weights).distributions(ids)))
    np.testing.assert_allclose(found[:, 2:], expected, rtol=1e-5)


@BOTH
def test_a_fitted_mixture_is_no_worse_than_its_parts_and_takes_other_mixtures(kind):
    models, ids = parts()
    fitted = kind.fitted(models, ids)
    best = language.perplexity(fitted, HELD_OUT).including_unknown
    assert all(best <= language.perplexity(model, HELD_OUT).including_unknown * (1 + 1e-7) for model in models)
    assert kind.fitted([fitted, models[0]], ids).score_tokens(ids).sum() >= fitted.score_tokens(ids).sum() - 1e-5


def test_log_linear_weights_against_a_grid():
    """On a vocabulary of five: no weights between -1 and 3 are better, and the best of them are near."""
    rng = np.random.default_rng(3)
    vocabulary = language.Vocabulary(["a", "b"])
    pair = [table_model(vocabulary, rng, 1.0), table_model(vocabulary, rng, 1.0)]
    ids = np.concatenate([[1, *rng.choice([0, 3, 4], 4), 2] for _ in range(40)])
    fitted = LogLinearMixture.fitted(pair, ids)

    next_words = [0, 2, 3, 4]
    f = [np.concatenate(list(model.distributions(ids)))[:, next_words].astype(np.float64) for model in pair]
    tokens = np.arange(len(f[0])), np.searchsorted(next_words, ids[ids != 1])
    grid = list(itertools.product(np.arange(-1, 3, 0.05), repeat=2))
    found = [(x[tokens] - np.log(np.exp(x).sum(1))).mean() for x in (a * f[0] + b * f[1] for a, b in grid)]
    np.testing.assert_allclose(fitted.weights, grid[np.argmax(found)], atol=0.05)
    assert fitted.score_tokens(ids)[ids != 1].mean() == pytest.approx(max(found), abs=1e-3)
    assert fitted.score_tokens(ids)[ids != 1].mean() >= max(found) - 1e-7


def test_log_linear_weights_of_equal_parts_are_equal():
    models, ids = parts()
    fitted = LogLinearMixture.fitted([models[0], models[1], models[0], models[0]], ids).weights
    np.testing.assert_allclose(fitted[[0, 2]], fitted[3], rtol=1e-6)
    two = LogLinearMixture.fitted(models[:2], ids).weights
    np.testing.assert_allclose([fitted[[0, 2, 3]].sum(), fitted[1]], two, rtol=1e-3)


def test_an_ensemble_is_a_mean():
    models, ids = parts()
    found = ensemble(models).score_tokens(ids)
    expected = np.log(np.mean([np.exp(model.score_tokens(ids)) for model in models], axis=0))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_part_without_weight_does_not_matter():
    models, ids = parts()
    never = TableModel(models[0].vocabulary, np.full((6, 6), -np.inf))
    sure = TableModel(models[0].vocabulary, np.where(np.eye(6) > 0, 0.0, -900.0))
    alone = LinearMixture([models[2], never, sure], [0, 0, 1])
    np.testing.assert_array_equal(alone.score_tokens(ids), sure.score_tokens(ids))
    assert sure.score_tokens(ids).min() == -900


def test_log_linear_mixtures_do_not_depend_on_how_their_text_is_cut(monkeypatch):
    models, ids = parts()
    whole = LogLinearMixture.fitted(models, ids)
    scores = whole.score_tokens(ids)
    monkeypatch.setattr("minidl.language.mixture.parts._AT_ONCE", 12)  # two tokens
    np.testing.assert_allclose(LogLinearMixture.fitted(models, ids).weights, whole.weights, rtol=1e-6)
    np.testing.assert_allclose(whole.score_tokens(ids), scores, rtol=1e-6)


def test_streams_of_other_pieces_are_aligned():
    """A model may cut its distributions as it likes; also into empty pieces."""
    models, ids = parts()
    whole = [np.concatenate(list(model.distributions(ids))) for model in models]
    for model, rows, cuts in zip(models, whole, ([2, 2, 7], [1], [5, 9]), strict=True):
        model.distributions = lambda ids, rows=rows, cuts=cuts: iter(np.split(rows, cuts))
    together = list(side_by_side(models, ids))
    for i, rows in enumerate(whole):
        np.testing.assert_array_equal(np.concatenate([pieces[i] for pieces in together]), rows)
    models[1].distributions = lambda ids: iter(whole[1][:-1, None])
    with pytest.raises(ArgumentError, match="model 2 gives distributions of fewer tokens"):
        list(side_by_side([models[0], models[1]], ids))


def refused_parts():
    models, ids = parts()
    vocabulary = models[0].vocabulary
    no_b = TableModel(vocabulary, np.where(np.arange(6) == vocabulary.number("b"), -np.inf, -1.0)[None].repeat(6, 0))
    other = table_model(language.Vocabulary(["a", "x", "c"]), np.random.default_rng(0))
    longer = table_model(language.Vocabulary([*vocabulary.words[3:], "d"]), np.random.default_rng(0))
    return models, ids, no_b, other, longer


@pytest.mark.parametrize(
    "call, error, says",
    [
        (lambda m, ids, *_: LinearMixture(m, [1, 0]), ArgumentError, "3 models take as many finite weights"),
        (lambda m, ids, *_: LinearMixture(m, [0.5, math.nan, 0.5]), ArgumentError, "finite"),
        (lambda m, ids, *_: LinearMixture(m, [1.2, -0.2, 0]), ArgumentError, "not negative and sum to 1"),
        (lambda m, ids, *_: LinearMixture(m, [1, 1, 1]), ArgumentError, "sum to 1"),
        (lambda m, ids, *_: LinearMixture([], []), ArgumentError, "no models"),
        (lambda m, ids, *_: ensemble([]), ArgumentError, "no models"),
        (lambda m, ids, no_b, other, _: ensemble([m[0], other]), DataError, "word 4 is 'b' for model 1, 'x' for model 2"),
        (lambda m, ids, no_b, other, longer: ensemble([m[0], longer]), DataError, "model 1 has 6 words, model 2 7"),
        (lambda m, ids, no_b, *_: LinearMixture.fitted([no_b], ids), DataError, "'b', token 1 of the held-out text"),
        (lambda m, ids, *_: LinearMixture.fitted(m, ids[:0]), DataError, "empty"),
        (lambda m, ids, *_: LogLinearMixture.fitted(m, ids[:1]), DataError, "empty"),
        (lambda m, ids, no_b, *_: LogLinearMixture.fitted([m[0], no_b], ids), DataError, "model 2 gives 'b' no prob"),
        (lambda *_: fit_weights(np.zeros(3)), ArgumentError, "parts, tokens"),
        (lambda *_: fit_weights(np.full((2, 3), np.nan)), ArgumentError, "NaN"),
        (lambda *_: fit_weights(np.zeros((2, 0))), DataError, "empty"),
        (lambda *_: fit_weights(np.array([[0, -np.inf]])), DataError, "token 1 is impossible"),
        (lambda *_: weight_curve(np.zeros(2), np.zeros(2), 1), ArgumentError, "at least 2 points"),
    ],
)
def test_what_is_refused(call, error, says):
    with pytest.raises(error, match=says):
        call(*refused_parts())
