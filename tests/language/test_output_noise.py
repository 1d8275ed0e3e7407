"""Layers trained on noise: each loss by a count by hand, and its limit with all words for noise."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import expit, log_softmax, logsumexp
from scipy.stats import chisquare

import minidl as dl
from minidl.errors import ArgumentError
from minidl.language.output import NCE, FullSoftmax, ImportanceSampling, Noise, RankingHinge, SampledSoftmax

H, V = 5, 12
COUNTS = np.array([3, 0, 20, 40, 12, 9, 7, 5, 3, 2, 1, 0])
NEXT = np.array([2, 3, 3, 8, 11])


def hidden(n=5):
    return np.random.default_rng(0).standard_normal((n, H)).astype(np.float32)


def scores(layer, h):
    found = h.astype(np.float64) @ layer.weight.numpy().T + layer.bias.numpy()
    found[:, 1] = -np.inf
    return found


def fixed(layer, words, times):
    """The layer with this noise instead of drawn words."""
    layer._draw = lambda rng: (np.array(words), np.array(times, np.float32))
    return layer


def gradients(layer, h=None, target=NEXT):
    layer.loss(dl.Tensor(hidden() if h is None else h), target).backward()
    return np.concatenate(
        [g.dense().reshape(-1) if p.sparse else g.reshape(-1) for p in layer.parameters() for g in [p.grad]]
    )


# -- the noise ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [0, 0.75, 1])
def test_noise_comes_by_the_power_of_the_counts(power):
    noise, n = Noise(COUNTS, power), 50_000
    expected = (COUNTS + 1.0) ** power
    expected[1] = 0
    np.testing.assert_allclose(noise.p, expected / expected.sum(), rtol=1e-12)
    words, times = noise.draw(n, np.random.default_rng(0))
    assert times.sum() == n and (np.diff(words) > 0).all() and 1 not in words
    assert chisquare(times, n * noise.p[words]).pvalue > 1e-3
    np.testing.assert_allclose(noise.log_p[words], np.log(noise.p[words]), rtol=1e-6)
    assert noise.log_p[1] == -np.inf


def test_a_draw_is_its_seeds():
    noise = Noise(COUNTS)
    draws = [noise.draw(9, np.random.default_rng(4)) for _ in range(2)]
    assert (draws[0][0] == draws[1][0]).all() and (draws[0][1] == draws[1][1]).all()
    assert noise.draw(1, np.random.default_rng(0))[1].tolist() == [1]


def test_a_draw_at_a_boundary_is_no_word_of_probability_zero():
    noise = Noise(COUNTS)

    class Boundaries:
        def random(self, n):
            return np.array([0.0, noise.p[0]])[:n]

    assert noise.draw(2, Boundaries())[0].tolist() == [0, 2]


def test_how_likely_a_word_is_among_the_drawn():
    noise = Noise(COUNTS)
    assert np.exp(noise.log_inclusion(2)[3]) == pytest.approx(1 - (1 - 41 / 113) ** 2)
    assert noise.log_inclusion(2)[1] == -np.inf
    rng = np.random.default_rng(0)
    seen = np.mean([np.isin(np.arange(V), noise.draw(5, rng)[0]) for _ in range(4_000)], axis=0)
    np.testing.assert_allclose(seen, np.exp(noise.log_inclusion(5)), atol=0.03)


def test_a_negative_power_is_refused():
    with pytest.raises(ArgumentError, match="power must not be negative"):
        Noise(COUNTS, -1)


# -- each loss by hand ------------------------------------------------------------------------------------------------


def test_sampled_softmax_by_hand():
    layer = fixed(SampledSoftmax(H, COUNTS, n_samples=7, rng=0), [3, 5, 8], [4, 2, 1])
    s, q = scores(layer, hidden()), layer.noise.p
    corrected = s - np.log(np.where(q > 0, 1 - (1 - q) ** 7, 1))
    expected = [-log_softmax(row[[w, *{3, 5, 8} - {w}]])[0] for row, w in zip(corrected, NEXT, strict=True)]
    assert layer.loss(dl.Tensor(hidden()), NEXT).item() == pytest.approx(np.mean(expected), rel=1e-5)


def test_importance_sampling_by_hand():
    layer = fixed(ImportanceSampling(H, COUNTS, n_samples=7, rng=0), [3, 5, 8], [4, 2, 1])
    s, q = scores(layer, hidden()), layer.noise.p
    z = (4 * np.exp(s[:, 3]) / q[3] + 2 * np.exp(s[:, 5]) / q[5] + np.exp(s[:, 8]) / q[8]) / 7
    expected = np.mean(np.log(z) - s[np.arange(5), NEXT])
    assert layer.loss(dl.Tensor(hidden()), NEXT).item() == pytest.approx(expected, rel=1e-5)


def test_noise_contrastive_estimation_by_hand():
    layer = fixed(NCE(H, COUNTS, n_samples=7, rng=0, ln_z=2.5), [3, 5, 8], [4, 2, 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = scores(layer, hidden()) - 2.5 - np.log(7 * layer.noise.p)
    real = np.log(expit(odds[np.arange(5), NEXT]))
    noise = np.log(expit(-odds[:, [3, 5, 8]])) @ [4, 2, 1]
    assert layer.loss(dl.Tensor(hidden()), NEXT).item() == pytest.approx(-np.mean(real + noise), rel=1e-5)


def test_ranking_by_hand():
    layer = fixed(RankingHinge(H, COUNTS, n_samples=7, rng=0), [3, 5, 8], [4, 2, 1])
    s, total = scores(layer, hidden()), 0.0
    for row, w in zip(s, NEXT, strict=True):
        wrong = [v for v in [3] * 4 + [5] * 2 + [8] if v != w]
        total += np.mean([max(0, 1 - row[w] + row[v]) for v in wrong])
    assert layer.loss(dl.Tensor(hidden()), NEXT).item() == pytest.approx(total / 5, rel=1e-5)


def test_a_lone_draw_that_is_the_next_word_costs_nothing():
    layer = fixed(RankingHinge(H, COUNTS, n_samples=2, rng=0), [3], [2])
    assert layer.loss(dl.Tensor(hidden(1)), NEXT[1:2]).item() == 0


# -- the limits -------------------------------------------------------------------------------------------------------


def test_sampled_softmax_of_all_words_is_the_full_softmax():
    layer, full = SampledSoftmax(H, COUNTS, n_samples=V - 1, rng=0), FullSoftmax(H, V, rng=0, counts=COUNTS)
    h = dl.Tensor(hidden())
    assert layer.loss(h, NEXT).item() == pytest.approx(full.loss(h, NEXT).item(), rel=1e-6)
    np.testing.assert_allclose(gradients(layer), gradients(full), atol=1e-7)


def test_importance_sampling_of_all_words_in_proportion_is_the_likelihood():
    layer, full = ImportanceSampling(H, COUNTS, n_samples=100, rng=0), FullSoftmax(H, V, rng=0, counts=COUNTS)
    words = np.flatnonzero(layer.noise.p)
    fixed(layer, words, 100 * layer.noise.p[words])
    h = dl.Tensor(hidden())
    assert layer.loss(h, NEXT).item() == pytest.approx(full.loss(h, NEXT).item(), rel=1e-6)
    np.testing.assert_allclose(gradients(layer), gradients(full), atol=1e-6)


def test_the_gradient_of_nce_comes_to_that_of_the_likelihood_as_noise_words_grow():
    """In expectation over the noise, and where ln Z is right: one context, whose normaliser is known."""
    h, full = np.repeat(hidden(1), 5, 0), FullSoftmax(H, V, rng=0, counts=COUNTS)
    expected = gradients(full, h)
    distances = []
    for k in (1, 10, 100, 10_000):
        layer = NCE(H, COUNTS, n_samples=k, rng=0)
        layer.ln_z = float(logsumexp(scores(layer, h[:1])))
        words = np.flatnonzero(layer.noise.p)
        fixed(layer, words, k * layer.noise.p[words])
        distances.append(np.abs(gradients(layer, h) - expected).max() / np.abs(expected).max())
    assert distances[0] > 0.1 and distances[-1] < 1e-3
    assert all(b < a / 2 for a, b in pairwise(distances))


def test_nce_begins_normalised_whatever_ln_z():
    for ln_z in (0.0, 9.0):
        layer = NCE(H, COUNTS, rng=0, ln_z=ln_z)
        assert logsumexp(scores(layer, np.zeros((1, H), np.float32))) == pytest.approx(ln_z, abs=1e-5)
    assert math.isfinite(layer.loss(dl.Tensor(hidden()), NEXT).item())
