"""Topologies: the arcs that they have, and their most likely probabilities under a floor."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl.errors import ArgumentError
from minidl.speech.hmm import Topology, ergodic, left_to_right, silence, skip, viterbi

NO_TRANSITIONS = np.zeros((3, 3))


def test_left_to_right():
    topology = left_to_right(3)
    assert topology.transitions.tolist() == [[0.75, 0.25, 0], [0, 0.75, 0.25], [0, 0, 0.75]]
    assert topology.start.tolist() == [1, 0, 0] and topology.final.tolist() == [0, 0, 0.25]
    assert topology.n_states == 3 and topology.n_parameters == 1 + 4 + 2 - 1 - 3


def test_skip():
    topology = skip(4, stay=0.5, jump=0.125)
    assert topology.transitions[0].tolist() == [0.5, 0.375, 0.125, 0]
    assert topology.transitions[2].tolist() == [0, 0, 0.5, 0.375]
    assert topology.final.tolist() == [0, 0, 0.125, 0.5]
    assert viterbi(topology, [np.zeros((2, 4))]).states[0].tolist() == [0, 2]


def test_silence_is_kaldis():
    """utils/gen_topo.pl with 5 states for silence."""
    topology = silence(5)
    assert topology.transitions.tolist() == [
        [0.25, 0.25, 0.25, 0.25, 0],
        [0, 0.25, 0.25, 0.25, 0.25],
        [0, 0.25, 0.25, 0.25, 0.25],
        [0, 0.25, 0.25, 0.25, 0.25],
        [0, 0, 0, 0, 0.75],
    ]
    assert topology.final.tolist() == [0, 0, 0, 0, 0.25]


def test_ergodic():
    topology = ergodic(4)
    assert (topology.transitions == 0.25).all() and (topology.start == 0.25).all()
    assert (topology.log_final == 0).all() and not topology.has_final


def test_one_state_of_each():
    assert left_to_right(1).final.tolist() == [0.25] and ergodic(1).transitions.tolist() == [[1.0]]
    np.testing.assert_allclose(skip(1).final, [0.4], rtol=1e-12, atol=0)


def test_frequencies_and_states_without_counts():
    topology = left_to_right(3)
    moves = np.zeros((3, 3))
    moves[0, :2] = 6, 2
    new = topology.reestimated(np.array([2.0, 0, 0]), moves, np.array([0, 0, 2.0]))
    assert new.transitions.tolist() == [[0.75, 0.25, 0], [0, 0.75, 0.25], [0, 0, 0]]
    assert new.final.tolist() == [0, 0, 1]  # state 2 never stayed


def test_a_floor_keeps_arcs():
    topology = left_to_right(3)
    new = topology.reestimated(np.array([2.0, 0, 0]), NO_TRANSITIONS, np.array([0, 0, 2.0]), floor=0.01)
    np.testing.assert_allclose(new.transitions[2, 2], 0.01, rtol=1e-12, atol=0)
    np.testing.assert_allclose(new.final, [0, 0, 0.99], rtol=1e-12, atol=0)
    assert new.transitions[2, 0] == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=3, max_size=3), st.sampled_from([0.0, 0.05, 0.2, 0.3]))
def test_no_other_row_above_the_floor_is_more_likely(counts, floor):
    counts = np.array(counts, float)
    if not counts.any():
        return
    row = ergodic(3).reestimated(np.ones(3), np.tile(counts, (3, 1)), np.ones(3), floor).transitions[0]
    assert row.sum() == pytest.approx(1, rel=1e-12) and row.min() >= floor - 1e-12
    grid = np.array([(i, j, 100 - i - j) for i, j in itertools.product(range(101), repeat=2) if i + j <= 100]) / 100
    grid = grid[(grid >= floor - 1e-12).all(1)]
    with np.errstate(divide="ignore"):
        logs = np.where(counts > 0, counts * np.log(np.where(counts > 0, np.r_[[row], grid], 1)), 0).sum(1)
    assert logs[0] >= logs[1:].max() - 1e-9


@pytest.mark.parametrize(
    "make, says",
    [
        (lambda: left_to_right(0), "n_states must be at least 1"),
        (lambda: skip(3, 0.9, 0.1), r"jump in \[0, 1 - stay\)"),
        (lambda: silence(2), "at least 3 states"),
        (lambda: ergodic(0), "n_states must be at least 1"),
        (lambda: Topology([1.0], np.ones((2, 2))), r"must be \(S,\), \(S, S\)"),
        (lambda: Topology([0.5, 0.4], np.eye(2)), "start must sum to 1, not to 0.9"),
        (lambda: Topology([0.5, 0.5], [[0.5, 0.4], [0, 1]]), "follows state 0 must sum to 1, not to 0.9"),
        (lambda: Topology([2.0, -1.0], np.eye(2)), "start must be probabilities"),
        (lambda: Topology([np.nan, 1.0], np.eye(2)), "start must be probabilities"),
        (lambda: Topology([1.0, 0], np.eye(2), np.zeros(2)), "no state may end"),
        (lambda: left_to_right(3).reestimated(np.ones(3), NO_TRANSITIONS, np.ones(3), 0.5), r"floor must be in \[0, 0.5\)"),
    ],
)
def test_what_is_refused(make, says):
    with pytest.raises(ArgumentError, match=says):
        make()
