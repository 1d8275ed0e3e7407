"""Gaussian mixtures: densities by definition, EM that never loses, accumulators that add, floors, starving, splitting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from minidl.errors import ArgumentError, DataError
from minidl.speech.gmm import GMM, accumulate, flat_start, floored, kmeans_start, split, split_targets, update

KINDS = pytest.mark.parametrize("full", [False, True], ids=["diagonal", "full"])


def some_model(seed, sizes, d, full):
    rng = np.random.default_rng(seed)
    c = sum(sizes)
    roots = rng.standard_normal((c, d, d))
    covariances = roots @ roots.swapaxes(1, 2) + 0.5 * np.eye(d) if full else rng.random((c, d)) + 0.2
    weights = np.concatenate([rng.dirichlet(np.ones(n) * 3) for n in sizes])
    return GMM(weights, rng.standard_normal((c, d)) * 2 + 100, covariances, sizes)


def by_definition(model, x):
    matrices = model.covariances if model.is_full else [np.diag(v) for v in model.covariances]
    columns = [w * multivariate_normal(m, s).pdf(x) for w, m, s in zip(model.weights, model.means, matrices, strict=True)]
    joint = np.stack([np.reshape(column, len(x)) for column in columns], 1)
    return joint, np.add.reduceat(joint, model.starts, axis=1)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 3), min_size=1, max_size=3), st.integers(1, 4), st.booleans())
def test_densities_are_those_of_the_definition(seed, sizes, d, full):
    model = some_model(seed, sizes, d, full)
    x = np.random.default_rng(seed).standard_normal((6, d)) + 100
    joint, states = by_definition(model, x)
    np.testing.assert_allclose(model.log_joint(x), np.log(joint), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(model.log_likelihood(x), np.log(states), rtol=1e-9, atol=1e-9)


def test_far_from_everything_is_unlikely_not_impossible():
    model = GMM([0.5, 0.5], [[0.0], [1.0]], [[1.0], [1.0]])
    assert model.log_likelihood(np.array([[1e4]]))[0, 0] == pytest.approx(-0.5 * 9999.0**2 - 0.9189385 - np.log(2), rel=1e-9)


@KINDS
def test_em_never_loses(full):
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.standard_normal((60, 3)) * s + m for m, s in ((0, 1), (4, 0.3), (-3, 2))])
    model = kmeans_start(x, 4, full, rng=1)
    history = []
    for _ in range(15):
        history.append(model.log_likelihood(x).sum())
        model = update(model, accumulate(model, x), min_occupancy=0.0)
    assert np.diff(history).min() >= -1e-9 * abs(history[0])
    assert history[-1] > history[0] + 1


@KINDS
def test_the_floor_is_kept_and_em_still_never_loses(full):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 3)) * [1, 0.01, 0.5] @ np.array([[1, 0, 0], [0.4, 1, 0], [0, 0.3, 1.0]])
    floor = np.array([0.5, 0.3, 0.4])
    model = kmeans_start(x, 3, full, rng=1)
    model = GMM(model.weights, model.means, floored(model.covariances, floor))
    history = []
    for _ in range(15):
        history.append(model.log_likelihood(x).sum())
        model = update(model, accumulate(model, x), floor, min_occupancy=0.0)
        if full:
            assert np.linalg.eigvalsh(model.covariances - np.diag(floor)).min() > -1e-9
        else:
            assert (model.covariances >= floor).all()
    assert np.diff(history).min() >= -1e-9 * abs(history[0])


def test_flooring_a_matrix_by_hand():
    """Eigenvalues 3 and 1/5 along (1, 1) and (1, -1); the second becomes 1."""
    low = np.array([[[1.6, 1.4], [1.4, 1.6]]])
    np.testing.assert_allclose(floored(low, 1.0), [[[2, 1], [1, 2]]], rtol=1e-12, atol=0)
    assert (floored(low, 0.1) == low).all()


@KINDS
def test_one_update_is_the_weighted_mean_and_covariance(full):
    model = some_model(3, [2, 1], 2, full)
    x = np.random.default_rng(4).standard_normal((40, 2)) + 100
    posteriors = np.random.default_rng(5).dirichlet([1, 1], 40)
    new = update(model, accumulate(model, x, posteriors), 1e-6, 0.0)
    joint, states = by_definition(model, x)
    shares = joint / states[:, model.states] * posteriors[:, model.states]
    for k, share in enumerate(shares.T):
        np.testing.assert_allclose(new.means[k], np.average(x, 0, share), rtol=1e-10, atol=0)
        expected = np.cov(x.T, aweights=share, ddof=0)
        np.testing.assert_allclose(new.covariances[k], expected if full else np.diag(expected), rtol=1e-7, atol=1e-9)
    totals = shares.sum(0)
    np.testing.assert_allclose(new.weights, [*totals[:2] / totals[:2].sum(), 1], rtol=1e-9, atol=0)


@KINDS
def test_accumulators_of_parts_add_up(full):
    model = some_model(3, [3], 2, full)
    x = np.random.default_rng(4).standard_normal((40, 2)) + 100
    whole, added = accumulate(model, x), accumulate(model, x[:0]) + accumulate(model, x[:7]) + accumulate(model, x[7:])
    for name, value in vars(whole).items():
        np.testing.assert_allclose(getattr(added, name), value, rtol=1e-10, atol=1e-10)


def test_starved_components_are_removed_but_the_heaviest():
    x = np.r_[np.zeros(30), np.ones(30)][:, None]
    model = GMM([0.4, 0.3, 0.3, 0.5, 0.5], [[0.0], [1.0], [500.0], [300.0], [400.0]], np.full((5, 1), 0.1), [3, 2])
    posteriors = np.zeros((60, 2))
    posteriors[:, 0] = 1
    new = update(model, accumulate(model, x, posteriors))
    assert new.sizes.tolist() == [2, 2]
    np.testing.assert_allclose(new.weights, [0.5, 0.5, 0.5, 0.5], rtol=0, atol=0.02)
    assert new.weights[:2].sum() == pytest.approx(1, rel=1e-12)
    assert new.means[2:].tolist() == [[300.0], [400.0]]  # a state without frames stays as it was
    few = GMM([0.6, 0.4], [[0.0], [1.0]], [[0.1], [0.1]])
    one = update(few, accumulate(few, np.r_[np.zeros(7), np.ones(5)][:, None]))
    assert one.sizes.tolist() == [1] and one.weights.tolist() == [1.0] and one.means[0, 0] < 0.1


def test_one_frame_does_not_collapse():
    model = GMM([1.0], [[0.0, 0.0]], [[1.0, 1.0]])
    new = update(model, accumulate(model, np.array([[2.0, 3.0]])), 0.25, 1.0)
    assert new.means.tolist() == [[2.0, 3.0]] and new.covariances.tolist() == [[0.25, 0.25]]


@KINDS
def test_kmeans_finds_clusters_that_lie_apart(full):
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.standard_normal((n, 2)) * 0.1 + m for n, m in ((20, 0), (30, 5), (50, 9))])
    model = kmeans_start(x, 3, full, rng=0)
    order = np.argsort(model.means[:, 0])
    np.testing.assert_allclose(model.weights[order], [0.2, 0.3, 0.5], rtol=1e-12, atol=0)
    np.testing.assert_allclose(model.means[order], [x[:20].mean(0), x[20:50].mean(0), x[50:].mean(0)], rtol=1e-9, atol=1e-12)
    assert (kmeans_start(x, 3, full, rng=0).means == model.means).all()


def test_kmeans_ends_where_each_frame_is_nearest_to_its_own_mean():
    """In units of the features' deviations; the components' frames are then what the weights say."""
    x = np.random.default_rng(2).standard_normal((150, 2)) * [1, 1000]
    model = kmeans_start(x, 5, iterations=200, rng=0)
    scale = x.std(0)
    nearest = (((x[:, None] - model.means) / scale) ** 2).sum(2).argmin(1)
    np.testing.assert_allclose(np.bincount(nearest, minlength=5) / 150, model.weights, rtol=1e-12, atol=0)
    for k in range(5):
        np.testing.assert_allclose(x[nearest == k].mean(0), model.means[k], rtol=1e-9, atol=1e-9)


def test_kmeans_of_few_different_frames_has_fewer_components():
    model = kmeans_start(np.repeat([[0.0], [1.0]], 5, 0), 4, rng=0)
    assert sorted(model.means[:, 0].tolist()) == [0, 1] and (model.covariances == 1e-3).all()


@KINDS
def test_flat_start(full):
    x = np.array([[0.0, 1.0], [2.0, 5.0]])
    model = flat_start(x, 3, full)
    assert model.sizes.tolist() == [1, 1, 1] and model.means.tolist() == [[1.0, 3.0]] * 3
    expected = floored(np.array([[[1.0, 2.0], [2.0, 4.0]]]), 1e-3)[0] if full else np.array([1.0, 4.0])
    np.testing.assert_allclose(model.covariances, [expected] * 3, rtol=1e-9, atol=0)


def test_split_targets_by_hand():
    """power 1: 100/1, 100/2 or 40/1 ...: to 0 (50 left), 0 (33), then 1 (40/2), but 2 components of 20 need more than 40."""
    assert split_targets(np.array([100.0, 40.0, 0.0]), 6, power=1.0, min_count=20).tolist() == [4, 1, 1]
    assert split_targets(np.array([100.0, 41.0, 0.0]), 5, power=1.0, min_count=20).tolist() == [3, 1, 1]
    assert split_targets(np.array([100.0, 100.0]), 4, power=0.0, min_count=20).tolist() == [2, 2]
    assert split_targets(np.array([100.0, 100.0]), 1).tolist() == [1, 1]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 300), min_size=1, max_size=6), st.integers(1, 60), st.floats(0, 1))
def test_split_targets_keep_to_the_total_and_the_frames(occupancy, total, power):
    targets = split_targets(np.array(occupancy), total, power)
    assert targets.min() >= 1 and targets.sum() <= max(total, len(occupancy))
    assert all(n == 1 or n * 20 < o for n, o in zip(targets, occupancy, strict=True))


@KINDS
def test_split(full):
    model = some_model(3, [2, 1], 2, full)
    new = split(model, np.array([4, 1]), rng=0)
    assert new.sizes.tolist() == [4, 1] and (new.means[4] == model.means[2]).all()
    np.testing.assert_allclose(new.weights[:4].sum(), 1, rtol=1e-12, atol=0)
    np.testing.assert_allclose(new.weights[:4] @ new.means[:4], model.weights[:2] @ model.means[:2], rtol=1e-10, atol=0)
    x = np.random.default_rng(0).standard_normal((5, 2)) + 100
    np.testing.assert_allclose(new.log_likelihood(x), model.log_likelihood(x), rtol=0, atol=0.3)
    assert len(np.unique(new.means[:, 0])) == 5
    assert (split(model, np.array([1, 1])).means == model.means).all()


def test_numbers_of_parameters():
    assert some_model(0, [2, 1], 3, False).n_parameters == 3 * 6 + 1
    assert some_model(0, [2, 1], 3, True).n_parameters == 3 * 9 + 1
    model = some_model(0, [2, 1], 3, True)
    assert (model.n_states, model.n_components, model.n_features) == (2, 3, 3)


@pytest.mark.parametrize(
    "act, says",
    [
        (lambda: GMM([1.0], [[0.0]], [[0.0]]), "variances must be above 0"),
        (lambda: GMM([1.0], [[0.0, 0.0]], [[[1.0, 2.0], [2.0, 1.0]]]), "not positive definite"),
        (lambda: GMM([0.9], [[0.0]], [[1.0]]), "above 0 and sum to 1"),
        (lambda: GMM([1.0, 0.0], [[0.0], [1]], [[1.0], [1]]), "above 0 and sum to 1"),
        (lambda: GMM([1.0], [[np.nan]], [[1.0]]), "must be finite"),
        (lambda: GMM([1.0], [0.0], [1.0]), r"must be \(C,\), \(C, D\)"),
        (lambda: GMM([1.0], [[0.0]], [[1.0]], [2]), "sum to 1 components"),
        (lambda: GMM([1.0], [[0.0]], [[1.0]]).log_likelihood(np.zeros((3, 2))), r"\(frames, 1\), got \(3, 2\)"),
        (lambda: GMM([1.0], [[0.0]], [[1.0]]).log_likelihood(np.array([[0.0], [np.nan]])), "feature 0 of frame 1 is nan"),
        (lambda: accumulate(some_model(0, [1, 1], 1, False), np.zeros((3, 1))), "posteriors must be"),
        (lambda: update(some_model(0, [1], 1, False), accumulate(some_model(0, [2], 1, False), np.zeros((3, 1)))), "belong"),
        (lambda: accumulate(some_model(0, [1], 1, False), np.zeros((3, 1)), np.ones((3, 2))), r"\(3, 1\), frames by states"),
        (lambda: floored(np.ones((2, 2)), np.ones(3)), "one or 2 numbers"),
        (lambda: floored(np.ones((2, 2)), 0.0), "floor must be above 0"),
        (lambda: flat_start(np.zeros((0, 2)), 3), "at least 1 frames"),
        (lambda: flat_start(np.zeros((4, 2)), 0), "n_states must be"),
        (lambda: kmeans_start(np.zeros((2, 2)), 3), "at least 3 frames"),
        (lambda: kmeans_start(np.zeros((2, 2)), 0), "n_components must be"),
        (lambda: kmeans_start(np.full((2, 2), np.nan), 1), "NaN or infinity"),
        (lambda: split_targets(np.array([-1.0]), 3), "not negative"),
        (lambda: split(some_model(0, [1], 1, False), np.ones(2)), r"one a state, \(1,\)"),
    ],
)
def test_what_is_refused(act, says):
    with pytest.raises((ArgumentError, DataError), match=says):
        act()
