"""Posteriors and scaled likelihoods: two types, one division between them, and neither goes where the other belongs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl.errors import ArgumentError, DataError
from minidl.speech.dnn_hmm import Posterior, ScaledLikelihood, decoder_scores, state_priors
from minidl.speech.hmm import GivenScores, left_to_right, viterbi

P = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])


def test_posterior_over_prior_by_hand():
    scaled = Posterior(np.log(P)).scaled(np.array([0.25, 0.5, 0.25]))
    np.testing.assert_allclose(np.exp(scaled.log_values), [[2, 0.6, 0.8], [0.4, 0.2, 3.2]], rtol=1e-12)
    half = Posterior(np.log(P)).scaled(np.array([0.25, 0.5, 0.25]), prior_scale=0.5)
    np.testing.assert_allclose(np.exp(half.log_values[0]), [1, 0.3 / np.sqrt(0.5), 0.4], rtol=1e-12)
    np.testing.assert_allclose(Posterior(np.log(P)).scaled(np.full(3, 1 / 3), 0.0).log_values, np.log(P), rtol=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 6))
def test_bayes_rule_gives_the_posterior_back(seed, frames, states):
    rng = np.random.default_rng(seed)
    p, prior = rng.dirichlet(np.ones(states), frames), rng.dirichlet(np.full(states, 2.0))
    with np.errstate(divide="ignore"):
        joint = np.exp(Posterior(np.log(p)).scaled(prior).log_values) * prior
    np.testing.assert_allclose(joint / joint.sum(1, keepdims=True), p, rtol=1e-9, atol=1e-12)


def test_a_state_that_was_never_seen_is_impossible():
    scaled = Posterior(np.log(P)).scaled(np.array([1 - 2e-11, 2e-11, 0.0]))
    assert (scaled.log_values[:, 1:] == -np.inf).all() and np.isfinite(scaled.log_values[:, 0]).all()
    assert np.isfinite(Posterior(np.log(P)).scaled(np.array([0.5, 0.5 - 1e-9, 1e-9])).log_values).all()


def test_neither_is_taken_for_the_other():
    posterior, scaled = Posterior(np.log(P)), ScaledLikelihood(np.log(P) + 1)
    for function in (decoder_scores, ScaledLikelihood, GivenScores(3).log_likelihood, np.asarray):
        with pytest.raises(ArgumentError, match=r"Posterior"):
            function(posterior)
    with pytest.raises(ArgumentError, match=r"posterior.scaled\(priors\)"):
        viterbi(left_to_right(3), [posterior])
    with pytest.raises(ArgumentError, match="not a ScaledLikelihood"):
        Posterior(scaled)
    with pytest.raises(ArgumentError, match="not a ndarray"):
        decoder_scores(np.log(P))


def test_a_decoder_takes_scaled_likelihoods():
    scaled = ScaledLikelihood(np.log(P) + 1)
    np.testing.assert_allclose(decoder_scores(scaled, 0.5), (np.log(P) + 1) / 2, rtol=1e-12)
    np.testing.assert_array_equal(GivenScores(3).log_likelihood(scaled), scaled.log_values)
    assert np.asarray(scaled, np.float32).dtype == np.float32
    with pytest.raises(ArgumentError, match="scale must be above 0"):
        decoder_scores(scaled, 0.0)


def test_what_is_no_distribution_is_refused():
    for bad in (np.log(P) + 0.1, np.log(P) - 0.1, np.where(P > 0.7, np.nan, np.log(P)), P):
        with pytest.raises(DataError, match="frame"):
            Posterior(bad)
    Posterior(np.log(P.astype(np.float32)))
    for make in (Posterior, ScaledLikelihood):
        with pytest.raises(ArgumentError, match="must be"):
            make(np.zeros(3))
    for bad in (np.nan, np.inf):
        with pytest.raises(DataError, match="NaN or positive infinity"):
            ScaledLikelihood(np.array([[0.0, bad]]))


def test_priors_are_shares_of_frames():
    np.testing.assert_allclose(state_priors({"a": np.array([0, 0, 2]), "b": np.array([2])}, 4), [0.5, 0, 0.5, 0])
    with pytest.raises(DataError, match=r"b: states must be in \[0, 3\), got -1 to 2"):
        state_priors({"a": np.array([0]), "b": np.array([2, -1])}, 3)
    with pytest.raises(DataError, match="no frame"):
        state_priors({"a": np.array([], int)}, 3)
    with pytest.raises(DataError, match="a: an alignment must be"):
        state_priors({"a": np.array([0.0])}, 3)
    for bad in (np.full(3, 0.5), np.array([1.5, -0.5, 0]), np.ones(2) / 2, np.array([np.nan, 1, 0])):
        with pytest.raises(ArgumentError, match="priors must be"):
            Posterior(np.log(P)).scaled(bad)
