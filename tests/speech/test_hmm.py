"""Forward-backward and Viterbi equal the sum and the maximum over all paths, together and alone, in both domains."""

import numpy as np
import pytest
from hypothesis import given, settings
from speech.hmm_enumeration import enumerate_paths, expected, models_and_scores

from minidl.errors import ArgumentError, DataError
from minidl.speech.hmm import Topology, ergodic, forward_backward, left_to_right, viterbi

CLOSE = {"rtol": 1e-9, "atol": 1e-9}


@pytest.mark.parametrize("domain", ["scaled", "log"])
@settings(max_examples=60, deadline=None)
@given(models_and_scores())
def test_forward_backward_is_the_sum_over_all_paths(domain, case):
    topology, scores = case
    found = forward_backward(topology, scores, domain)
    truth = [expected(topology, s) for s in scores]
    np.testing.assert_allclose(found.log_likelihoods, [t[0] for t in truth], **CLOSE)
    for own, t in zip(found.posteriors, truth, strict=True):
        np.testing.assert_allclose(own, t[1], **CLOSE)
    for name, k in (("start", 2), ("transitions", 3), ("final", 4)):
        np.testing.assert_allclose(getattr(found.counts, name), sum(t[k] for t in truth), **CLOSE)


@settings(max_examples=100, deadline=None)
@given(models_and_scores())
def test_viterbi_is_the_best_of_all_paths(case):
    topology, scores = case
    found = viterbi(topology, scores)
    for own, total, s in zip(found.states, found.log_likelihoods, scores, strict=True):
        paths, logs = enumerate_paths(topology, s)
        np.testing.assert_allclose(total, logs.max(), **CLOSE)
        if logs.max() == -np.inf:
            assert (own == -1).all()
        else:
            place = np.flatnonzero((paths == own).all(1))[0]
            np.testing.assert_allclose(logs[place], logs.max(), **CLOSE)


def test_viterbi_prefers_lower_states():
    assert viterbi(ergodic(3), [np.zeros((4, 3))]).states[0].tolist() == [0, 0, 0, 0]


def long_case(seed=0, spread=3.0):
    rng = np.random.default_rng(seed)
    return left_to_right(6), [rng.standard_normal((n, 6)) * spread - 40 for n in (80, 200, 6, 5, 131)]


def test_together_equals_alone():
    topology, scores = long_case()
    for domain in ("scaled", "log"):
        together = forward_backward(topology, scores, domain)
        alone = [forward_backward(topology, [s], domain) for s in scores]
        np.testing.assert_allclose(together.log_likelihoods, [a.log_likelihoods[0] for a in alone], rtol=1e-12, atol=0)
        for own, a in zip(together.posteriors, alone, strict=True):
            np.testing.assert_allclose(own, a.posteriors[0], rtol=1e-9, atol=1e-14)
        counts = alone[0].counts
        for a in alone[1:]:
            counts = counts + a.counts
        np.testing.assert_allclose(together.counts.transitions, counts.transitions, rtol=1e-10, atol=1e-14)
    paths = viterbi(topology, scores)
    for own, s in zip(paths.states, scores, strict=True):
        assert (own == viterbi(topology, [s]).states[0]).all()
    assert paths.log_likelihoods[3] == together.log_likelihoods[3] == -np.inf  # five frames, six states


@pytest.mark.parametrize("spread", [1.0, 30.0, 1000.0])
def test_scaled_equals_logarithms(spread):
    """At 1000 nearly everything underflows."""
    topology, scores = long_case(spread=spread)
    scaled, logs = forward_backward(topology, scores), forward_backward(topology, scores, "log")
    np.testing.assert_allclose(scaled.log_likelihoods, logs.log_likelihoods, rtol=1e-11, atol=0)
    for a, b in zip(scaled.posteriors, logs.posteriors, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-9)
    np.testing.assert_allclose(scaled.counts.transitions, logs.counts.transitions, rtol=0, atol=1e-8)


def test_a_path_that_underflows_and_wins_in_the_end_is_not_lost():
    """After the first frame state 1 has exp(-800) of state 0; then state 0 costs exp(-500) a frame, twice."""
    scores = np.array([[0.0, -800.0], [-500.0, 0.0], [-500.0, 0.0]])
    apart = Topology([0.5, 0.5], np.eye(2))
    found = forward_backward(apart, [scores])
    np.testing.assert_allclose(found.log_likelihoods, -800 - np.log(2), rtol=1e-12, atol=0)
    np.testing.assert_allclose(found.posteriors[0], [[0, 1]] * 3, rtol=0, atol=1e-12)


def test_one_frame():
    scores = np.log([[0.5, 0.2]])
    found = forward_backward(Topology([0.25, 0.75], np.eye(2)), [scores])
    np.testing.assert_allclose(np.exp(found.log_likelihoods), 0.25 * 0.5 + 0.75 * 0.2, rtol=1e-12, atol=0)
    assert viterbi(Topology([0.25, 0.75], np.eye(2)), [scores]).states[0].tolist() == [1]
    assert forward_backward(left_to_right(3), [np.zeros((1, 3))]).log_likelihoods[0] == -np.inf


def test_by_hand():
    """Alphas: .32, .04; .0424, .074; .024976, .010792. Best: .8 * .4, .4 * .5, .5 * .4 = .0128; all in 0: .009216."""
    b = np.array([[0.4, 0.2], [0.2, 0.5], [0.4, 0.2]])
    topology = Topology([0.8, 0.2], [[0.6, 0.4], [0.5, 0.5]])
    assert forward_backward(topology, [np.log(b)]).log_likelihoods[0] == pytest.approx(np.log(0.035768), rel=1e-9)
    best = viterbi(topology, [np.log(b)])
    assert best.states[0].tolist() == [0, 1, 0]
    assert np.exp(best.log_likelihoods[0]) == pytest.approx(0.0128, rel=1e-9)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_none_are_refused(value):
    scores = [np.zeros((2, 3)), np.zeros((4, 3))]
    scores[1][2, 1] = value
    for function in (forward_backward, viterbi):
        with pytest.raises(DataError, match="utterance 1: the score of state 1 at frame 2"):
            function(left_to_right(3), scores)


def test_shapes_and_domains_that_are_refused():
    with pytest.raises(ArgumentError, match=r"utterance 0: scores must be \(frames, 3\)"):
        forward_backward(left_to_right(3), [np.zeros((4, 2))])
    with pytest.raises(ArgumentError, match="at least a frame"):
        viterbi(left_to_right(3), [np.zeros((0, 3))])
    with pytest.raises(ArgumentError, match="no utterances"):
        viterbi(left_to_right(3), [])
    with pytest.raises(ArgumentError, match="domain must be"):
        forward_backward(left_to_right(3), [np.zeros((4, 3))], "linear")
