"""Lattices: n-best and pruning equal the enumeration of all paths; other weights need no new search; tuning."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speech.decoding_cases import Bigram, heard, random_recogniser

from minidl.errors import ArgumentError
from minidl.speech.decoder import Decoder, Lattice, tune

CLOSE = {"rel": 1e-9, "abs": 1e-9}


def random_lattice(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 9))
    frames = np.sort(rng.integers(1, 20, n))
    frames[0], frames[-1] = 0, 20
    frames[-2] = 0 if n == 2 else 20
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n) if frames[i] < frames[j] or j == n - 1]
    chosen = rng.permutation([pair for pair in pairs for _ in range(2) if rng.random() < 0.4] or [(0, n - 1)])
    labels = rng.integers(-1, 2, len(chosen))
    acoustic, lm = rng.standard_normal((2, len(chosen))) * 5
    return Lattice(("a", "b"), frames, *chosen.T, labels, acoustic, lm, 2.0, 0.5)


def all_paths(lattice, node=0):
    if node == len(lattice.frames) - 1:
        return [()]
    links = np.flatnonzero(lattice.sources == node).tolist()
    return [(link, *rest) for link in links for rest in all_paths(lattice, int(lattice.targets[link]))]


def score(lattice, path, weight=2.0, penalty=0.5):
    links = list(path)
    words = (lattice.labels[links] >= 0).sum()
    return lattice.acoustic[links].sum() + weight * (lattice.lm[links].sum() - penalty * words)


def words_of(lattice, path):
    return tuple(lattice.words[label] for label in lattice.labels[list(path)] if label >= 0)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), weight=st.sampled_from([0.5, 2.0, 9.0]), penalty=st.sampled_from([-1.0, 0.0, 2.0]))
def test_n_best_is_the_order_of_all_paths(seed, weight, penalty):
    lattice = random_lattice(seed)
    expected = defaultdict(lambda: -np.inf)
    for path in all_paths(lattice):
        words = words_of(lattice, path)
        expected[words] = max(expected[words], score(lattice, path, weight, penalty))
    found = lattice.n_best(1000, weight, penalty)
    assert {h.words: h.score for h in found} == pytest.approx(dict(expected), **CLOSE)
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
    assert len(found) == len(expected)
    assert [h.words for h in lattice.n_best(2, weight, penalty)] == [h.words for h in found[:2]]


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), beam=st.sampled_from([0.0, 1.5, 4.0]))
def test_pruning_keeps_the_links_of_good_paths(seed, beam):
    lattice = random_lattice(seed)
    paths = all_paths(lattice)
    if not paths:
        return
    best = max(score(lattice, path) for path in paths)
    kept = {link for path in paths if score(lattice, path) >= best - 2.0 * beam - 1e-9 for link in path}
    pruned = lattice.prune(beam)
    columns = ("labels", "acoustic", "lm")
    expected = sorted(tuple(getattr(lattice, c)[link] for c in columns) for link in kept)
    assert sorted(zip(*(getattr(pruned, c) for c in columns), strict=True)) == expected
    assert pruned.best().score == pytest.approx(best, **CLOSE)
    nodes = {int(node) for link in kept for node in (lattice.sources[link], lattice.targets[link])}
    assert pruned.frames.tolist() == lattice.frames[sorted(nodes)].tolist()


def recognised(**settings):
    phones, tying, lexicon, rng = random_recogniser(5, True, n_words=6, n_phones=6, longest=4)
    grammar = Bigram(lexicon.words, rng)
    decoder = Decoder(phones, tying, lexicon, grammar, max_active=10**6, **settings)
    return decoder, [heard(grammar.sentence(rng, 4), phones, tying, lexicon, rng, spread=0.8) for _ in range(2)]


def test_other_weights_give_what_a_new_search_gives():
    wide, utterances = recognised(beam=40.0, lattice_beam=30.0, lm_weight=4.0)
    lattices = [wide.decode(scores) for scores in utterances]
    for weight, penalty in ((4.0, 0.0), (4.0, 1.0), (4.5, 0.0), (3.5, 0.5)):
        fresh, _ = recognised(beam=40.0, lm_weight=weight, insertion_penalty=penalty)
        for lattice, scores in zip(lattices, utterances, strict=True):
            again, new = lattice.best(weight, penalty), fresh.decode(scores).best()
            assert again.score <= new.score + 1e-9
            if weight == 4.0:
                assert again.words == new.words
                assert again.score == pytest.approx(new.score, **CLOSE)
            else:  # transitions are weighed too, and a link's way through its states is the best for the old weight
                assert again.score == pytest.approx(new.score, rel=5e-3)


def two_ways(acoustic_gain, lm_gain, n_words):
    """A lattice of the word `a` once, or else `b` so many times, which sounds or is better by so much."""
    frames = np.arange(n_words + 1)
    sources, targets = np.array([0, *frames[:-1]]), np.array([n_words, *frames[1:]])
    labels, zeros = np.array([0] + [1] * n_words), np.zeros(n_words)
    acoustic, lm = np.array([0.0, acoustic_gain, *zeros[1:]]), np.array([0.0, lm_gain, *zeros[1:]])
    return Lattice(("a", "b"), frames, sources, targets, labels, acoustic, lm, 10.0, 0.0)


def test_tuning_takes_the_fewest_errors_then_the_smallest():
    lattices = [two_ways(21.0, -2.0, 1), two_ways(31.0, -2.0, 1)]  # a from weight 10.5, from 15.5 on
    chosen = tune(lattices, [["a"], ["b"]], range(7, 18))
    assert (chosen.lm_weight, chosen.insertion_penalty) == (11, 0.0)
    assert chosen.errors[7, 0.0].errors == 1 and chosen.errors[11, 0.0].errors == 0 and chosen.errors[16, 0.0].errors == 1
    assert len(chosen.errors) == 33
    assert tune([two_ways(0.0, 1.2, 3)], [["a"]], [5.0, 4.0], [1.0, 0.0]).insertion_penalty == 1.0  # three words, not one
    assert tune(lattices, [["a"], ["b"]], [14.0, 12.0]).lm_weight == 12.0


def test_text():
    lines = two_ways(1.0, -2.0, 2).text().splitlines()
    assert lines == ["0 2 0 2 a 0.0000 0.0000", "0 1 0 1 b 1.0000 -2.0000", "1 2 1 2 b 0.0000 0.0000"]


def test_refusals():
    lattice = two_ways(1.0, 1.0, 1)
    with pytest.raises(ArgumentError):
        lattice.n_best(0)
    with pytest.raises(ArgumentError):
        lattice.best(lm_weight=0.0)
    for arguments in (([], []), ([lattice], []), ([lattice], [["a"]], []), ([lattice], [["a"]], [1.0], [])):
        with pytest.raises(ArgumentError):
            tune(*arguments)
