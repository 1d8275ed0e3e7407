"""Searches of graphs equal the maximum and the sum over all paths, together and alone; beams give up what they should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speech.hmm_enumeration import topologies

from minidl.errors import ArgumentError, DataError
from minidl.speech.hmm import forward_backward, viterbi
from minidl.speech.hmm.graph import Graph, best_paths, expected_paths

CLOSE = {"rtol": 1e-9, "atol": 1e-9}


def all_paths(graph, scores):
    """Every path, as (states, arcs, log-likelihood): also those of likelihood 0."""
    paths = [([s], [], graph.log_start[s] + scores[0, graph.pdfs[s]]) for s in range(graph.n_states)]
    for row in scores[1:]:
        paths = [
            ([*states, target], [*arcs, arc], log + graph.log_probs[arc] + row[graph.pdfs[target]])
            for states, arcs, log in paths
            for arc, (source, target) in enumerate(zip(graph.sources, graph.targets, strict=True))
            if source == states[-1]
        ]
    return [(states, arcs, log + graph.log_final[states[-1]]) for states, arcs, log in paths]


def some_graph(rng, n_states, n_pdfs):
    """Parallel arcs, states that nothing leads to, arcs and ends of probability 0; states that share a pdf."""
    n_arcs = int(rng.integers(0, 2 * n_states + 2))
    sources, targets = rng.integers(0, n_states, (2, n_arcs))
    logs = [np.where(rng.random(n) < 0.2, -np.inf, -3 * rng.random(n)) for n in (n_arcs, n_states, n_states)]
    return Graph(rng.integers(0, n_pdfs, n_states), sources, targets, *logs)


@st.composite
def graphs_and_scores(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_pdfs, spread = draw(st.integers(1, 3)), draw(st.sampled_from([0.0, 1.0, 800.0]))
    lengths = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    graphs = [some_graph(rng, int(rng.integers(1, 5)), n_pdfs) for _ in lengths]
    scores = [rng.standard_normal((n, n_pdfs)) * spread - 5 for n in lengths]
    if draw(st.booleans()):
        for s in scores:
            s[rng.random(s.shape) < 0.15] = -np.inf
    return graphs, scores


@settings(max_examples=150, deadline=None)
@given(graphs_and_scores())
def test_best_paths_are_the_best_of_all(case):
    graphs, scores = case
    found = best_paths(graphs, scores)
    for graph, s, own, total in zip(graphs, scores, found.states, found.log_likelihoods, strict=True):
        paths = all_paths(graph, s)
        best = max((log for _, _, log in paths), default=-np.inf)
        np.testing.assert_allclose(total, best, **CLOSE)
        if best == -np.inf:
            assert own.tolist() == [-1] * len(s)
        else:
            np.testing.assert_allclose(max(log for states, _, log in paths if states == own.tolist()), best, **CLOSE)


@settings(max_examples=150, deadline=None)
@given(graphs_and_scores())
def test_expectations_are_sums_over_all_paths(case):
    graphs, scores = case
    found = expected_paths(graphs, scores)
    for i, (graph, s) in enumerate(zip(graphs, scores, strict=True)):
        paths = all_paths(graph, s)
        total = np.logaddexp.reduce([log for _, _, log in paths]) if paths else -np.inf
        gamma, arcs = np.zeros((len(s), graph.n_states)), np.zeros(len(graph.sources))
        for states, taken, log in paths:
            if log > -np.inf:
                gamma[np.arange(len(s)), states] += np.exp(log - total)
                np.add.at(arcs, taken, np.exp(log - total))
        np.testing.assert_allclose(found.log_likelihoods[i], total, **CLOSE)
        np.testing.assert_allclose(found.posteriors[i], gamma, **CLOSE)
        np.testing.assert_allclose(found.arcs[i], arcs, **CLOSE)


def as_graph(topology):
    sources, targets = np.nonzero(topology.transitions)
    logs = topology.log_transitions[sources, targets]
    return Graph(np.arange(topology.n_states), sources, targets, logs, topology.log_start, topology.log_final)


@settings(max_examples=60, deadline=None)
@given(topologies(4), st.lists(st.integers(1, 30), min_size=1, max_size=4), st.integers(0, 10**6))
def test_a_topology_as_a_graph_gives_what_the_topology_does(topology, lengths, seed):
    rng = np.random.default_rng(seed)
    scores = [rng.standard_normal((n, topology.n_states)) * 3 - 40 for n in lengths]
    graphs = [as_graph(topology)] * len(lengths)
    best, truth = best_paths(graphs, scores), viterbi(topology, scores)
    np.testing.assert_allclose(best.log_likelihoods, truth.log_likelihoods, **CLOSE)
    assert [p.tolist() for p in best.states] == [p.tolist() for p in truth.states]
    found, truth = expected_paths(graphs, scores), forward_backward(topology, scores, "log")
    np.testing.assert_allclose(found.log_likelihoods, truth.log_likelihoods, **CLOSE)
    for own, other in zip(found.posteriors, truth.posteriors, strict=True):
        np.testing.assert_allclose(own, other, **CLOSE)
    counts = np.zeros_like(topology.transitions)
    np.add.at(counts, (graphs[0].sources, graphs[0].targets), sum(found.arcs))
    np.testing.assert_allclose(counts, truth.counts.transitions, **CLOSE)


@settings(max_examples=100, deadline=None)
@given(graphs_and_scores(), st.sampled_from([0.0, 0.5, 2.0, 10.0, 1e5]))
def test_a_beam_never_finds_a_better_path_and_a_wide_one_the_same(case, beam):
    graphs, scores = case
    free, found = best_paths(graphs, scores), best_paths(graphs, scores, beam)
    assert (found.log_likelihoods <= free.log_likelihoods + 1e-9).all()
    for graph, s, own, total in zip(graphs, scores, found.states, found.log_likelihoods, strict=True):
        logs = [log for states, _, log in all_paths(graph, s) if states == own.tolist()]
        assert total == -np.inf or max(logs) == pytest.approx(total, rel=1e-9, abs=1e-9)  # it is the path's own
    if beam == 1e5:
        np.testing.assert_array_equal(found.log_likelihoods, free.log_likelihoods)
        assert [p.tolist() for p in found.states] == [p.tolist() for p in free.states]


def test_a_path_outside_the_beam_is_given_up():
    """State 0 is better by 5 at the second frame, but only 1 may end."""
    graph = Graph([0, 1], [0, 0, 1], [0, 1, 1], [0.0, 0.0, 0.0], [0.0, -np.inf], [-np.inf, 0.0])
    scores = np.array([[0.0, 0.0], [0.0, -5.0], [0.0, 0.0]])
    kept, lost = (best_paths([graph], [scores[:2]], beam) for beam in (5.0, 4.9))
    assert kept.log_likelihoods[0] == -5.0
    assert kept.states[0].tolist() == [0, 1]
    assert lost.log_likelihoods[0] == -np.inf
    assert lost.states[0].tolist() == [-1, -1]
    # Beams are each utterance's own: a better one beside it takes nothing away.
    both = best_paths([graph, graph], [scores[:2], scores + 100], 5.0)
    assert both.log_likelihoods.tolist() == [-5.0, 300.0]


def test_reversed_paths_are_the_same():
    rng = np.random.default_rng(3)
    graph, scores = some_graph(rng, 4, 2), rng.standard_normal((6, 2))
    there, back = best_paths([graph], [scores]), best_paths([graph.reversed()], [scores[::-1]])
    assert there.log_likelihoods[0] > -np.inf
    np.testing.assert_allclose(there.log_likelihoods, back.log_likelihoods, **CLOSE)
    assert there.states[0].tolist() == back.states[0][::-1].tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [], [], [], [], []), "at least one state"),
        (([0, 1], [], [], [], [0.0], [0.0, 0.0]), r"must be \(S,\)"),
        (([0], [0, 0], [0], [0.0], [0.0], [0.0]), r"must be \(A,\)"),
        (([0], [0], [1], [0.0], [0.0], [0.0]), "arcs must join states 0 to 0"),
        (([0], [-1], [0], [0.0], [0.0], [0.0]), "arcs must join states 0 to 0"),
        (([-1], [0], [0], [0.0], [0.0], [0.0]), "pdf cannot be -1"),
    ],
    ids=["nothing", "states", "arcs", "too high", "too low", "pdf"],
)
def test_graphs_that_are_none_are_refused(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        Graph(*arguments)


@pytest.mark.parametrize("search", [best_paths, expected_paths])
def test_scores_that_do_not_fit_are_refused(search):
    graph = Graph([0, 1], [0], [1], [0.0], [0.0, 0.0], [0.0, 0.0])
    with pytest.raises(ArgumentError, match="2 graphs but scores of 1"):
        search([graph] * 2, [np.zeros((2, 2))])
    with pytest.raises(ArgumentError, match="pdf is beyond the 1 columns"):
        search([graph], [np.zeros((2, 1))])
    with pytest.raises(ArgumentError, match="no utterances"):
        search([], [])
    with pytest.raises(ArgumentError, match="utterance 1: scores must be"):
        search([graph] * 2, [np.zeros((2, 2)), np.zeros((0, 2))])
    with pytest.raises(DataError, match="the score of state 1 at frame 0 is nan"):
        search([graph], [np.array([[0.0, np.nan]])])
