"""Training: never loses, adds up over parts, agrees with hmmlearn, sets aside what is impossible and names what is wrong."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speech.hmm_enumeration import expected

from minidl.errors import ArgumentError, DataError, TrainingError
from minidl.speech.gmm import GMM, flat_start
from minidl.speech.hmm import HMM, Discrete, GivenScores, Mixtures, ergodic, left_to_right, silence, skip, train

METHODS = pytest.mark.parametrize("method", ["baum-welch", "viterbi"])


def utterances(seed=0, n=8, states=3, d=2):
    """Each state in turn for a few frames, one cluster a state."""
    rng = np.random.default_rng(seed)
    found = {}
    for k in range(n):
        state = np.repeat(np.arange(states), rng.integers(2, 6, states))
        found[f"u{k}"] = 3.0 * state[:, None] + rng.standard_normal((len(state), d))
    return found


def mixtures(seed=1, states=3, d=2, full=False, each=2, **options):
    rng = np.random.default_rng(seed)
    c = states * each
    covariances = np.tile(2 * np.eye(d), (c, 1, 1)) if full else np.full((c, d), 2.0)
    weights = np.tile(rng.dirichlet(np.ones(each) * 5), states)
    return Mixtures(GMM(weights, rng.standard_normal((c, d)) + 2, covariances, [each] * states), **options)


@METHODS
@pytest.mark.parametrize("topology", [left_to_right(3), skip(3), silence(3), ergodic(3)], ids=["line", "skip", "sil", "any"])
@pytest.mark.parametrize("full", [False, True], ids=["diagonal", "full"])
def test_never_loses(method, topology, full):
    model = HMM(topology, mixtures(full=full, min_occupancy=0.0, variance_floor=0.3))
    result = train(model, utterances(), method, iterations=15, tolerance=0.0, transition_floor=0.01)
    gains = np.diff(result.log_likelihoods)
    assert gains.min() >= -1e-9 * abs(result.log_likelihoods[0])
    assert gains[0] > 1 and not result.set_aside
    assert result.model.emission.model.covariances.max() != 0.3


@METHODS
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_never_loses_on_any_symbols(method, seed):
    rng = np.random.default_rng(seed)
    data = {str(k): rng.integers(0, 4, rng.integers(1, 9)) for k in range(4)}
    model = HMM(ergodic(3), Discrete(rng.dirichlet(np.ones(4), 3)))
    history = train(model, data, method, iterations=6, tolerance=0.0).log_likelihoods
    assert np.diff(history).min() >= -1e-9 * abs(history[0])


def test_baum_welch_is_the_update_of_enumerated_posteriors():
    rng = np.random.default_rng(3)
    data = {"a": rng.integers(0, 3, 5), "b": rng.integers(0, 3, 4)}
    model = HMM(ergodic(2), Discrete(rng.dirichlet(np.ones(3), 2)))
    new = model.updated(model.accumulate(data))
    truth = [expected(model.topology, model.emission.log_likelihood(x)) for x in data.values()]
    counts = np.zeros((2, 3))
    for x, t in zip(data.values(), truth, strict=True):
        np.add.at(counts.T, x, t[1])
    moves, start = sum(t[3] for t in truth), sum(t[2] for t in truth)
    tight = {"rtol": 1e-10, "atol": 0}
    np.testing.assert_allclose(new.emission.probabilities, counts / counts.sum(1, keepdims=True), **tight)
    np.testing.assert_allclose(new.topology.transitions, moves / moves.sum(1, keepdims=True), **tight)
    np.testing.assert_allclose(new.topology.start, start / start.sum(), **tight)


@METHODS
def test_statistics_of_parts_add_up(method):
    model, data = HMM(left_to_right(3), mixtures()), utterances()
    names = list(data)
    parts = [model.accumulate({n: data[n] for n in some}, method) for some in (names[:3], names[3:4], names[4:])]
    whole, added = model.accumulate(data, method), parts[0] + parts[1] + parts[2]
    assert added.log_likelihoods == pytest.approx(whole.log_likelihoods, rel=1e-12)
    for part in ("transitions", "emission"):
        for name, value in vars(getattr(whole, part)).items():
            np.testing.assert_allclose(getattr(getattr(added, part), name), value, rtol=1e-10, atol=1e-10)


def test_portions_that_fit_in_memory_give_the_same(monkeypatch):
    model, data = HMM(left_to_right(3), mixtures()), utterances()
    whole = model.accumulate(data)
    monkeypatch.setattr("minidl.speech.hmm.model._AT_ONCE", 40)
    small = model.accumulate(data)
    assert small.log_likelihoods == pytest.approx(whole.log_likelihoods, rel=1e-12)
    np.testing.assert_allclose(small.emission.second, whole.emission.second, rtol=1e-10, atol=1e-10)


def test_finds_the_states_that_made_the_data():
    data = utterances(n=40)
    start = Mixtures(flat_start(np.concatenate(list(data.values())), 3))
    result = train(HMM(left_to_right(3), start), data, iterations=30)
    np.testing.assert_allclose(result.model.emission.model.means, [[0, 0], [3, 3], [6, 6]], rtol=0, atol=0.35)
    model = result.model
    x = data["u0"]
    assert (np.diff(model.align(x).states[0]) >= 0).all()
    assert model.align(x).log_likelihoods[0] <= model.log_likelihood(x)
    np.testing.assert_allclose(model.posteriors(x).sum(1), 1, rtol=1e-12, atol=0)
    assert model.n_parameters == model.topology.n_parameters + 3 * 4


def test_impossible_and_empty_utterances_are_set_aside_and_the_rest_trained():
    data = utterances() | {"short": np.zeros((2, 2)), "empty": np.zeros((0, 2))}
    result = train(HMM(left_to_right(3), mixtures()), data, iterations=3)
    assert result.set_aside == {"short": "no path of states has its 2 frames", "empty": "it has no frames"}
    alone = train(HMM(left_to_right(3), mixtures()), utterances(), iterations=3)
    np.testing.assert_allclose(result.log_likelihoods, alone.log_likelihoods, rtol=1e-12, atol=0)
    with pytest.raises(TrainingError, match="none of 1 utterances can be used; short: no path"):
        train(HMM(left_to_right(3), mixtures()), {"short": np.zeros((2, 2))})
    scores = np.zeros((4, 2))
    scores[3] = -np.inf
    found = HMM(ergodic(2), GivenScores(2)).accumulate({"s": scores})
    assert found.set_aside == {"s": "no state can be at frame 3"}


@METHODS
def test_one_frame_and_one_state(method):
    data = {"a": np.array([[1.0, 2.0]]), "b": np.array([[3.0, 2.0]])}
    emission = Mixtures(GMM([1.0], [[0.0, 0.0]], [[1.0, 1.0]]), min_occupancy=1.0)
    model = train(HMM(left_to_right(1), emission), data, method, iterations=2, transition_floor=0.01).model
    np.testing.assert_allclose(model.emission.model.means, [[2, 2]], rtol=1e-12, atol=0)
    np.testing.assert_allclose(model.emission.model.covariances, [[1, 1e-3]], rtol=1e-9, atol=0)
    np.testing.assert_allclose(model.topology.final, [0.99], rtol=1e-9, atol=0)


def test_a_state_nobody_visits_stays_as_it_was():
    data = {"a": np.zeros((30, 1)), "b": np.ones((30, 1))}
    emission = Mixtures(GMM([1.0, 1.0], [[0.0], [1e3]], [[1.0], [1.0]], [1, 1]))
    model = train(HMM(ergodic(2), emission), data, iterations=2, transition_floor=0.01).model
    assert model.emission.model.means[1, 0] == 1e3 and model.emission.model.covariances[1, 0] == 1
    assert model.emission.model.means[0, 0] == pytest.approx(0.5, rel=1e-9)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_bad_features_are_refused_by_name(value):
    data = utterances()
    data["u5"][3, 1] = value
    with pytest.raises(DataError, match="utterance u5: feature 1 of frame 3 is"):
        train(HMM(left_to_right(3), mixtures()), data)
    with pytest.raises(DataError, match="utterance a: a score is NaN"):
        HMM(ergodic(2), GivenScores(2)).accumulate({"a": np.full((3, 2), abs(value))})


class Spoiled(Mixtures):
    """Its update puts one state's mean in the wrong place."""

    def update(self, statistics):
        model = super().update(statistics).model
        model.means[2] += 50
        return Spoiled(model)


@METHODS
def test_an_update_that_loses_names_state_and_utterance(method):
    data = utterances()
    model = HMM(left_to_right(3), Spoiled(mixtures(each=1).model))
    before = model.accumulate(data, method)
    after = model.updated(before).accumulate(data, method)
    falls = {name: before.log_likelihoods[name] - after.log_likelihoods[name] for name in data}
    name = max(falls, key=falls.get)
    says = f"by {sum(falls.values()):.6g}, most in state 2 and utterance {name} \\({falls[name]:.6g}\\)"
    with pytest.raises(TrainingError, match=says):
        train(model, data, method)


def test_given_scores_train_transitions():
    scores = {"a": np.log(np.eye(2)[[0, 0, 0, 1]] * 0.9 + 0.05), "b": np.log(np.eye(2)[[0, 1, 1, 1]] * 0.9 + 0.05)}
    model = HMM(ergodic(2), GivenScores(2))
    result = train(model, scores, "viterbi", iterations=1)
    np.testing.assert_allclose(result.model.topology.transitions, [[2 / 4, 2 / 4], [0, 1]], rtol=1e-12, atol=0)
    assert model.accumulate(scores, "viterbi").emission == pytest.approx(8 * np.log(0.95), rel=1e-12)


@pytest.mark.parametrize(
    "act, says",
    [
        (lambda m, u: HMM(left_to_right(2), m.emission), "topology has 2 states, the emission 3"),
        (lambda m, u: train(m, u, "gradient"), "method must be"),
        (lambda m, u: train(m, {}), "no utterances"),
        (lambda m, u: train(m, u, iterations=0), "iterations must be"),
        (lambda m, u: train(m, {"a": np.zeros((4, 5))}), r"utterance a: features must be \(frames, 2\)"),
        (lambda m, u: Discrete([[0.5, 0.6]]), "each row a distribution"),
        (lambda m, u: Discrete([[0.5, 0.5]]).checked(np.array([0, 2]), "a"), r"a: symbols must be in \[0, 2\), got 0 to 2"),
        (lambda m, u: Discrete([[0.5, 0.5]]).checked(np.zeros(3), "a"), "ints"),
        (lambda m, u: GivenScores(2).checked(np.zeros((3, 3)), "a"), r"scores must be \(frames, 2\)"),
    ],
)
def test_what_is_refused(act, says):
    with pytest.raises((ArgumentError, DataError), match=says):
        act(HMM(left_to_right(3), mixtures()), utterances())
