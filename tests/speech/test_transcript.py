"""A transcript's graph holds exactly the paths that the definition says, with their probabilities, contexts and places."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speech.decoding_cases import random_topology, random_tying

from minidl.errors import ArgumentError, DataError
from minidl.speech.hmm import GivenScores, ergodic, left_to_right
from minidl.speech.hmm.graph import expected_paths
from minidl.speech.lexicon import Lexicon, Pronunciation
from minidl.speech.phones import AcousticModel, PhoneSet, Tying, monophones
from minidl.speech.phones.transcript import NO_WORD, transcript_graph

NAMES = ("SIL", "A", "B", "C")
WAYS = [("A",), ("B",), ("A", "B"), ("B", "A"), ("C", "C"), ("A", "B", "C")]


def phone_sequences(words, lexicon, phones):
    """Every way to say the words: [(phone, word)], and its log probability."""
    p, silence = lexicon.silence_prob, (phones.silence, NO_WORD)
    for ways in itertools.product(*(lexicon.pronunciations(word) for word in words)):
        for pauses in itertools.product([False, True], repeat=len(words) + 1):
            prob = np.prod([p if pause else 1 - p for pause in pauses])
            if prob == 0:
                continue
            said = [silence] if pauses[0] else []
            for i, (way, pause) in enumerate(zip(ways, pauses[1:], strict=True)):
                said += [(phone, i) for phone in phones.indices(way.phones)] + [silence] * pause
            yield said, np.log(prob) + sum(way.log_prob for way in ways)


def by_definition(words, lexicon, model, n_frames):
    """Of each path of so many frames, written as (unit, phone, word, state, pdf) of each, the log probability."""
    paths, silence = {}, model.phones.silence
    for said, weight in phone_sequences(words, lexicon, model.phones):
        between = [silence, *(phone for phone, _ in said), silence]
        pdfs = [
            model.tying.pdfs(silence, silence, silence) if phone == silence else model.tying.pdfs(left, phone, right)
            for left, (phone, _), right in zip(between, said, between[2:], strict=False)
        ]
        topologies = [model.phones.topologies[phone] for phone, _ in said]

        def walk(unit, state, path, log, said=said, pdfs=pdfs, topologies=topologies):
            topology = topologies[unit]
            path = (*path, (unit, *said[unit], state, pdfs[unit][state]))
            left, end = n_frames - len(path), log + topology.log_final[state]
            if left == 0 and unit == len(said) - 1 and end > -np.inf:
                paths[path] = end
            if left < len(said) - 1 - unit or left == 0:
                return
            for target in np.flatnonzero(topology.transitions[state]):
                walk(unit, int(target), path, log + topology.log_transitions[state, target])
            if unit + 1 < len(said) and end > -np.inf:
                for target in np.flatnonzero(topologies[unit + 1].start):
                    walk(unit + 1, int(target), path, end + topologies[unit + 1].log_start[target])

        for first in np.flatnonzero(topologies[0].start):
            walk(0, int(first), (), weight + topologies[0].log_start[first])
    return paths


def in_graph(built, model, n_frames):
    """The same of a graph; a path that is there twice is refused, and a unit beside phones that it does not stand for."""
    graph, followers, paths = built.graph, {}, {}
    for source, target, log in zip(graph.sources, graph.targets, graph.log_probs, strict=True):
        if log > -np.inf:
            followers.setdefault(source, []).append((target, log))
    ahead = [graph.log_final > -np.inf]  # the states from which so many frames more can end
    for _ in range(n_frames - 1):
        ahead.append(np.array([any(ahead[-1][t] for t, _ in followers.get(s, [])) for s in range(graph.n_states)]))

    def walk(states, log):
        left = n_frames - len(states)
        if left == 0:
            path = written(built, model, states)
            assert path not in paths
            paths[path] = log + graph.log_final[states[-1]]
            return
        for target, more in followers.get(states[-1], []):
            if ahead[left - 1][target]:
                walk((*states, target), log + more)

    for first in np.flatnonzero((graph.log_start > -np.inf) & ahead[-1]):
        walk((first,), graph.log_start[first])
    return paths


def written(built, model, states):
    units = built.unit_of[list(states)]
    numbers = np.cumsum(np.diff(units, prepend=units[0]) != 0)
    sequence = [built.units[units[np.flatnonzero(numbers == n)[0]]] for n in range(numbers[-1] + 1)]
    between = [model.phones.silence, *(u.phone for u in sequence), model.phones.silence]
    for left, unit, right in zip(between, sequence, between[2:], strict=False):
        assert unit.phone == model.phones.silence or (left in unit.lefts and right in unit.rights)
    return tuple(
        (int(n), built.units[u].phone, built.units[u].word, int(built.position_of[s]), int(built.graph.pdfs[s]))
        for n, u, s in zip(numbers, units, states, strict=True)
    )


def assert_as_defined(words, lexicon, model, n_frames):
    truth = by_definition(words, lexicon, model, n_frames)
    found = in_graph(transcript_graph(words, lexicon, model), model, n_frames)
    assert found.keys() == truth.keys()
    np.testing.assert_allclose([found[path] for path in truth], list(truth.values()), rtol=1e-9, atol=1e-9)
    return truth


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_exactly_the_paths_of_the_definition(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    small = data.draw(st.booleans())  # of one state each, so that there is room for more words
    topologies = [random_topology(rng, 1 if small else int(rng.integers(1, 3))) for _ in NAMES]
    phones = PhoneSet(NAMES, topologies, "SIL")
    tying = random_tying(rng, phones, int(rng.integers(2, 6))) if data.draw(st.booleans()) else monophones(phones)
    ways = st.lists(st.sampled_from(WAYS), min_size=1, max_size=2)
    entries = {word: [Pronunciation(way, -float(rng.random())) for way in data.draw(ways)] for word in "xy"}
    lexicon = Lexicon(entries, silence_prob=data.draw(st.sampled_from([0.0, 0.3, 1.0])))
    words = data.draw(st.lists(st.sampled_from("xy"), min_size=1, max_size=3 if small else 2))
    model = AcousticModel(phones, tying, GivenScores(tying.n_pdfs))
    assert_as_defined(words, lexicon, model, data.draw(st.integers(1, 7 if small else 6)))


def own_pdfs(phones):
    """A pdf for each state of each phone in each context."""
    n, first, tables = len(phones), 0, []
    for phone, topology in enumerate(phones.topologies):
        size = topology.n_states * (1 if phone == phones.silence else n * n)
        shape = (topology.n_states, 1, 1) if phone == phones.silence else (topology.n_states, n, n)
        tables.append(np.broadcast_to(first + np.arange(size).reshape(shape), (topology.n_states, n, n)))
        first += size
    return Tying(tables)


def one_state_model(names):
    phones = PhoneSet(names, [random_topology(np.random.default_rng(1), 1) for _ in names], names[0])
    tying = own_pdfs(phones)
    return AcousticModel(phones, tying, GivenScores(tying.n_pdfs))


def test_all_ways_together_have_the_probability_of_the_pronunciations():
    """Over all lengths, silences and paths: 1 for the word's best pronunciation, exp(-1) for the other."""
    model, lexicon = one_state_model(NAMES), Lexicon({"x": [("A", "B"), Pronunciation(("C",), -1.0)]}, silence_prob=0.2)
    graph = transcript_graph(["x"], lexicon, model).graph
    scores = [np.zeros((n_frames, model.tying.n_pdfs)) for n_frames in range(1, 80)]
    found = expected_paths([graph] * len(scores), scores)
    assert np.exp(found.log_likelihoods).sum() == pytest.approx(1 + np.exp(-1), rel=1e-6)


def test_one_phone_words_take_their_context_from_both_sides():
    """ "x y x" without pauses: A between silence and B, B between A and A, A between B and silence."""
    model, lexicon = one_state_model(NAMES[:3]), Lexicon({"x": [("A",)], "y": [("B",)]}, silence_prob=0.0)
    (path,) = assert_as_defined(["x", "y", "x"], lexicon, model, 3)
    pdfs = model.tying.pdfs
    assert [frame[-1] for frame in path] == [pdfs(0, 1, 2)[0], pdfs(1, 2, 1)[0], pdfs(2, 1, 0)[0]]


def test_one_phone_words_are_apart_where_only_both_neighbours_together_matter():
    """A is as elsewhere, but between B and C."""
    phones = one_state_model(NAMES).phones
    tables = [np.full((1, 4, 4), phone) for phone in range(4)]
    tables[1][0, 2, 3] = 4
    model = AcousticModel(phones, Tying(tables), GivenScores(5))
    lexicon = Lexicon({"x": [("A",)], "y": [("B",)], "z": [("C",)]}, silence_prob=0.5)
    paths = assert_as_defined(["y", "x", "z"], lexicon, model, 4)
    assert {path[1][-1] for path in paths if len({frame[0] for frame in path}) == 3} == {2, 4}


def test_with_pauses_everywhere_each_word_stands_between_silences():
    model, lexicon = one_state_model(NAMES[:3]), Lexicon({"x": [("A",)], "y": [("B", "A")]}, silence_prob=1.0)
    (path,) = assert_as_defined(["x", "y"], lexicon, model, 6)
    assert [frame[1:3] for frame in path] == [(0, -1), (1, 0), (0, -1), (2, 1), (1, 1), (0, -1)]
    assert path[1][-1] == model.tying.pdfs(0, 1, 0)[0]


def test_ways_that_share_all_pdfs_are_one():
    phones = PhoneSet.of(NAMES)
    tying = monophones(phones)
    lexicon = Lexicon({"x": [("A",), ("B", "A")], "y": [("C", "A", "B")]})
    built = transcript_graph(["x", "y", "x"], lexicon, AcousticModel(phones, tying, GivenScores(tying.n_pdfs)))
    assert len(built.units) == 4 + (1 + 2) + 3 + (1 + 2)
    assert built.graph.n_states == 4 * 5 + 9 * 3


def test_what_cannot_be_said_is_refused():
    model = one_state_model(NAMES)
    lexicon = Lexicon({"x": [("A",)]})
    with pytest.raises(ArgumentError, match="no words"):
        transcript_graph([], lexicon, model)
    with pytest.raises(DataError, match="'z' is not among"):
        transcript_graph(["x", "z"], lexicon, model)
    with pytest.raises(ArgumentError, match="no phone 'Q'"):
        transcript_graph(["x"], Lexicon({"x": [("Q",)]}), model)


def test_models_whose_parts_do_not_fit_are_refused():
    phones = PhoneSet.of(NAMES)
    tying = monophones(phones)
    with pytest.raises(ArgumentError, match="14 pdfs, the emission 3 states"):
        AcousticModel(phones, tying, GivenScores(3))
    with pytest.raises(ArgumentError, match="not one of these phones"):
        AcousticModel(PhoneSet.of(NAMES, n_states=2), tying, GivenScores(14))
    tables = [np.zeros((t.n_states, 4, 4), int) for t in phones.topologies]
    tables[0][:, 1, 2] = 1
    with pytest.raises(ArgumentError, match="silence must have the same pdfs"):
        AcousticModel(phones, Tying(tables), GivenScores(2))


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ([], r"must be \(states, 0, 0\)"),
        ([np.zeros((3, 2, 1)), np.zeros((3, 2, 2))], r"must be \(states, 2, 2\)"),
        ([np.full((1, 1, 1), 1)], "without a gap"),
        ([np.array([0, 2]).reshape(2, 1, 1)], "without a gap"),
    ],
    ids=["none", "shape", "first", "gap"],
)
def test_tyings_that_are_none_are_refused(tables, message):
    with pytest.raises(ArgumentError, match=message):
        Tying(tables)


def test_phone_sets_that_are_none_are_refused():
    with pytest.raises(ArgumentError, match="names must differ"):
        PhoneSet(["SIL", "A", "A"], [left_to_right(1)] * 3, "SIL")
    with pytest.raises(ArgumentError, match="each needs a topology"):
        PhoneSet(["SIL", "A"], [left_to_right(1)], "SIL")
    with pytest.raises(ArgumentError, match="final probabilities"):
        PhoneSet(["SIL", "A"], [left_to_right(1), ergodic(2)], "SIL")
    with pytest.raises(ArgumentError, match="no phone 'sp' among SIL A"):
        PhoneSet(["SIL", "A"], [left_to_right(1)] * 2, "sp")
