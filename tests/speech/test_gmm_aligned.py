"""Sums over frames whose states are known are those of posteriors that are certain; densities are another program's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speech.test_gmm import KINDS, some_model

from minidl.errors import ArgumentError, DataError
from minidl.speech.gmm import GMM, accumulate, accumulate_aligned

CLOSE = {"rtol": 1e-9, "atol": 1e-9}


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6), st.lists(st.integers(1, 3), min_size=1, max_size=4), st.integers(1, 3), st.booleans(),
    st.integers(0, 12),
)  # fmt: skip
def test_certain_states_are_posteriors_of_one(seed, sizes, d, full, frames):
    model, rng = some_model(seed, sizes, d, full), np.random.default_rng(seed)
    x, states = rng.standard_normal((frames, d)) * 2 + 100, rng.integers(0, len(sizes), frames)
    found, log_likelihood = accumulate_aligned(model, x, states)
    truth = accumulate(model, x, np.eye(len(sizes))[states])
    for name in ("occupancy", "first", "second"):
        assert getattr(found, name).shape == getattr(truth, name).shape
        np.testing.assert_allclose(getattr(found, name), getattr(truth, name), **CLOSE)
    np.testing.assert_allclose(log_likelihood, model.log_likelihood(x)[np.arange(frames), states].sum(), **CLOSE)


@KINDS
def test_no_frames(full):
    model = some_model(0, [2, 1], 3, full)
    sums, log_likelihood = accumulate_aligned(model, np.zeros((0, 3)), np.zeros(0, np.int64))
    assert log_likelihood == 0.0
    assert not any(a.any() for a in (sums.occupancy, sums.first, sums.second))
    assert sums.second.shape == model.covariances.shape


@KINDS
def test_some_components_only(full):
    model = some_model(1, [3, 2], 2, full)
    x = np.random.default_rng(1).standard_normal((5, 2)) + 100
    np.testing.assert_allclose(model.log_joint(x, slice(2, 4)), model.log_joint(x)[:, 2:4], rtol=1e-12, atol=1e-12)


def test_far_from_a_state_all_the_same():
    """Shares are made from logarithms: nothing underflows."""
    model = GMM([0.5, 0.5], [[0.0], [1.0]], [[1.0], [1.0]])
    sums, log_likelihood = accumulate_aligned(model, np.array([[1e4]]), [0])
    np.testing.assert_allclose(sums.occupancy, [0, 1], rtol=0, atol=1e-12)
    assert log_likelihood == pytest.approx(-0.5 * 9999.0**2 - 0.9189385 - np.log(2), rel=1e-9)


def test_what_does_not_fit_is_refused():
    model = some_model(0, [2, 1], 3, False)
    for states in ([0], [0, 2], [0, -1], [[0, 1]]):
        with pytest.raises(ArgumentError, match=r"states must be \(2,\) of numbers in \[0, 2\)"):
            accumulate_aligned(model, np.zeros((2, 3)), states)
    with pytest.raises(ArgumentError, match="features must be"):
        accumulate_aligned(model, np.zeros((2, 2)), [0, 1])
    with pytest.raises(DataError, match="feature 1 of frame 0 is nan"):
        accumulate_aligned(model, np.array([[0.0, np.nan, 0.0]]), [0])


def kaldi_case():
    """A mixture of three Gaussians and four frames, made of cosines."""
    means, variances = 3 * np.cos(np.arange(12.0).reshape(3, 4)), 1.1 + np.cos(7 + np.arange(12.0).reshape(3, 4))
    return np.array([0.5, 0.3, 0.2]), means, variances, 4 * np.cos(3 * np.arange(16.0).reshape(4, 4))


# Of kaldi-hmm-gmm 1.1.4 (PyPI), Kaldi's code in float32: DiagGmm.log_likelihood of the frames of `kaldi_case`.
KALDI = [-42.08904, -30.52985, -16.26451, -11.68939]


def test_densities_are_those_kaldi_computes():
    weights, means, variances, x = kaldi_case()
    np.testing.assert_allclose(GMM(weights, means, variances).log_likelihood(x)[:, 0], KALDI, rtol=1e-5, atol=0)


def test_densities_are_those_kaldi_computes_now():
    kaldi = pytest.importorskip("kaldi_hmm_gmm")
    weights, means, variances, x = kaldi_case()
    model, mixture = GMM(weights, means, variances), kaldi.DiagGmm(3, 4)
    mixture.set_weights(weights)
    mixture.set_invvars_and_means(1 / variances, means)
    mixture.compute_gconsts()
    np.testing.assert_allclose([mixture.log_likelihood(frame) for frame in x], KALDI, rtol=1e-6, atol=0)
    for frame, joint in zip(x, model.log_joint(x), strict=True):
        total, shares = mixture.component_posteriors(frame)
        np.testing.assert_allclose(total, np.logaddexp.reduce(joint), rtol=1e-5, atol=0)
        np.testing.assert_allclose(shares, np.exp(joint - np.logaddexp.reduce(joint)), rtol=1e-4, atol=1e-6)
