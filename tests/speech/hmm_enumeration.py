"""The definition of a hidden Markov model, path by path: what forward-backward and Viterbi must equal."""

import itertools

import numpy as np
from hypothesis import strategies as st

from minidl.speech.hmm import Topology


def enumerate_paths(topology, scores):
    """All paths of one utterance, lowest states first, and their joint log-likelihoods."""
    frames, states = scores.shape
    paths = list(itertools.product(range(states), repeat=frames))
    logs = []
    for path in paths:
        log = topology.log_start[path[0]] + topology.log_final[path[-1]]
        log += sum(topology.log_transitions[i, j] for i, j in itertools.pairwise(path))
        logs.append(log + sum(scores[t, s] for t, s in enumerate(path)))
    return np.array(paths), np.array(logs)


def expected(topology, scores):
    """Log-likelihood, state posteriors, and counts of start, transitions, final."""
    paths, logs = enumerate_paths(topology, scores)
    frames, states = scores.shape
    total = np.logaddexp.reduce(logs)
    gamma, start, moves, final = np.zeros((frames, states)), np.zeros(states), np.zeros((states, states)), np.zeros(states)
    for path, p in zip(paths, np.exp(logs - total) if total > -np.inf else np.zeros(len(logs)), strict=True):
        gamma[np.arange(frames), path] += p
        start[path[0]] += p
        final[path[-1]] += p
        np.add.at(moves, (path[:-1], path[1:]), p)
    return total, gamma, start, moves, final


@st.composite
def topologies(draw, max_states=3):
    """Also with arcs and ends that are not there."""
    s = draw(st.integers(1, max_states))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = rng.random((s + 1, s + 1)) * (rng.random((s + 1, s + 1)) < 0.7)
    rows[:, 0] += 0.1
    rows[s, s] = 0.0
    rows[0, s] += 0.1
    if draw(st.booleans()):
        rows /= rows.sum(1, keepdims=True)
        return Topology(rows[s, :s], rows[:s, :s], rows[:s, s])
    rows = rows[:, :s] / rows[:, :s].sum(1, keepdims=True)
    return Topology(rows[s], rows[:s])


@st.composite
def models_and_scores(draw):
    """A topology and scores of one to four short utterances, some impossible, some far apart."""
    topology = draw(topologies())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.sampled_from([0.0, 1.0, 30.0, 800.0]))
    lengths = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    scores = [rng.standard_normal((n, topology.n_states)) * spread - 5 for n in lengths]
    if draw(st.booleans()):
        for s in scores:
            s[rng.random(s.shape) < 0.2] = -np.inf
    return topology, scores
