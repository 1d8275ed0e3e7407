"""Forced alignment finds the states that frames were drawn from; what cannot be aligned is set aside, with a reason."""

import numpy as np
import pytest
from speech.phone_cases import LEXICON, PHONES, some_model, some_speech

from minidl.errors import ArgumentError, DataError
from minidl.speech.hmm import left_to_right
from minidl.speech.hmm.forward_backward import TransitionCounts
from minidl.speech.phones import PhoneSet
from minidl.speech.phones import alignment as module
from minidl.speech.phones.alignment import (
    Alignment,
    align,
    count_transitions,
    equal_alignment,
    frames_of,
)
from minidl.speech.phones.phone_set import PhoneCounts

FIELDS = ("phones", "states", "units", "words")


def assert_same(found, truth):
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(found, name), getattr(truth, name))


@pytest.mark.parametrize("at_once", [1, 2000, 1 << 22])
def test_true_states_are_found(at_once, monkeypatch):
    """Whose Gaussians are far apart; in portions of one utterance, of some, and of all."""
    monkeypatch.setattr(module, "_AT_ONCE", at_once)
    model = some_model(20.0)
    features, transcripts, truth = some_speech(model, 25)
    found = align(model, features, transcripts, LEXICON)
    assert not found.set_aside
    assert list(found.alignments) == list(features)
    for name, alignment in found.alignments.items():
        assert_same(alignment, truth[name])
    ways = [LEXICON.pronunciations("cc")[k].phones for k in (0, 1)]
    said = [tuple(PHONES.names[p] for p in a.phones[np.flatnonzero(np.diff(a.units, prepend=-1))]) for a in truth.values()]
    assert all(any(way == s[i : i + 2] for s in said for i in range(len(s))) for way in ways)  # the case has both


def test_the_log_likelihood_is_that_of_frames_and_path():
    """ "b" in silence's absence: log(0.6) twice, two states left after two and one frames, and three frames."""
    model = some_model(20.0)
    pdfs = model.tying.pdfs(0, 2, 0)
    x = model.emission.model.means[[pdfs[0], pdfs[0], pdfs[1]]] + 0.5
    found = align(model, {"u": x}, {"u": ["b"]}, LEXICON).alignments["u"]
    expected = 2 * np.log(0.6) + np.log(0.75) + 2 * np.log(0.25) + 3 * 2 * (-0.5 * np.log(2 * np.pi) - 0.125)
    assert found.states.tolist() == [0, 0, 1]
    assert found.log_likelihood == pytest.approx(expected, rel=1e-9)


def test_what_cannot_be_aligned_is_set_aside_and_the_rest_aligned():
    model = some_model(20.0)
    features, transcripts, truth = some_speech(model, 4)
    stuck = np.tile(model.emission.model.means[model.tying.pdfs(0, 1, 2)[0]], (20, 1))  # 20 frames of A's first state
    bad = {
        "short": (np.zeros((3, 2)), ["ab"]), "none": (np.zeros((0, 2)), ["b"]), "word": (np.zeros((30, 2)), ["b", "zz"]),
        "silent": (np.zeros((30, 2)), []), "stuck": (stuck, ["ab"]),
    }  # fmt: skip
    features = {**{name: f for name, (f, _) in bad.items()}, **features}
    transcripts = {**{name: words for name, (_, words) in bad.items()}, **transcripts}
    found = align(model, features, transcripts, LEXICON)
    for name, a in truth.items():
        assert_same(found.alignments[name], a)
    assert found.alignments.keys() == truth.keys()
    assert found.set_aside.keys() == bad.keys()
    assert found.set_aside["short"].startswith("its 3 frames cannot be aligned to its 1 words, also with a beam of 400: ")
    assert found.set_aside["none"].startswith("its 0 frames cannot be aligned")
    assert "'zz' is not among its 4" in found.set_aside["word"]
    assert found.set_aside["silent"] == "its transcript is empty"
    assert "20 frames cannot be aligned to its 1 words" in found.set_aside["stuck"]
    assert "stuck" in align(model, features, transcripts, LEXICON, beams=(100.0, 1e6)).alignments


def test_nothing_at_all_can_be_aligned():
    found = align(some_model(20.0), {"u": np.zeros((0, 2))}, {"u": ["b"]}, LEXICON)
    assert not found.alignments
    assert found.set_aside.keys() == {"u"}
    assert not align(some_model(20.0), {}, {}, LEXICON).set_aside


def test_a_wider_beam_is_tried_where_a_narrow_one_fails():
    model = some_model(1.0)
    features, transcripts, _ = some_speech(model, 20)
    narrow, wide = (align(model, features, transcripts, LEXICON, beams) for beams in ((2.0,), (1e6,)))
    assert 0 < len(narrow.alignments) < 20
    assert narrow.set_aside.keys() == features.keys() - narrow.alignments.keys()
    both = align(model, features, transcripts, LEXICON, (2.0, 1e6))
    assert list(both.alignments) == list(features)
    assert not both.set_aside
    for name, found in both.alignments.items():
        assert_same(found, narrow.alignments.get(name, wide.alignments[name]))


def test_features_that_are_none_are_refused():
    with pytest.raises(DataError, match="u: feature 1 of frame 2 is nan"):
        align(some_model(1.0), {"u": np.where(np.eye(4)[:, 1:3] * [[0], [0], [1], [0]], np.nan, 0.0)}, {"u": ["b"]}, LEXICON)
    with pytest.raises(ArgumentError, match=r"u: features must be \(frames, 2\)"):
        align(some_model(1.0), {"u": np.zeros((9, 3))}, {"u": ["b"]}, LEXICON)


BY_HAND = Alignment(*(np.array(a) for a in ([1, 1, 2, 2, 2, 0, 2, 2], [0, 1, 0, 0, 1, 0, 0, 1], [0, 0, 1, 1, 1, 2, 3, 3],
                                            [0, 0, 0, 0, 0, -1, 1, 1])), 0.0)  # fmt: skip


def test_neighbours_and_spans_by_hand():
    lefts, rights = BY_HAND.neighbours(0)
    assert lefts.tolist() == [0, 0, 1, 1, 1, 2, 0, 0]
    assert rights.tolist() == [2, 2, 0, 0, 0, 2, 0, 0]
    assert BY_HAND.spans(BY_HAND.words) == [(0, 0, 5), (-1, 5, 6), (1, 6, 8)]
    assert BY_HAND.spans(BY_HAND.units) == [(0, 0, 2), (1, 2, 5), (2, 5, 6), (3, 6, 8)]
    twice = Alignment(np.array([1, 1]), np.array([0, 0]), np.array([0, 1]), np.array([0, 1]), 0.0)
    assert [side.tolist() for side in twice.neighbours(0)] == [[0, 1], [1, 0]]


def counted(alignments):
    """Frame by frame."""
    counts = PHONES.no_counts().phones
    for a in alignments:
        for t, (phone, state, unit) in enumerate(zip(a.phones, a.states, a.units, strict=True)):
            if t == 0 or a.units[t - 1] != unit:
                counts[phone].start[state] += 1
            if t + 1 == len(a.phones) or a.units[t + 1] != unit:
                counts[phone].final[state] += 1
            else:
                counts[phone].transitions[state, a.states[t + 1]] += 1
    return counts


def test_transitions_are_counted_as_by_hand():
    counts = PHONES.no_counts()
    count_transitions(BY_HAND, counts)
    assert counts.phones[2].start.tolist() == [2, 0]
    assert counts.phones[2].transitions.tolist() == [[1, 2], [0, 0]]
    assert counts.phones[2].final.tolist() == [0, 2]
    assert counts.phones[0].final.tolist() == [1, 0, 0]
    truth = some_speech(some_model(1.0), 30)[2].values()
    found, parts = PHONES.no_counts(), [PHONES.no_counts(), PHONES.no_counts()]
    for i, alignment in enumerate(truth):
        count_transitions(alignment, found)
        count_transitions(alignment, parts[i % 2])
    for own, added, hand in zip(found.phones, (parts[0] + parts[1]).phones, counted(truth), strict=True):
        for name in ("start", "transitions", "final"):
            np.testing.assert_array_equal(getattr(own, name), getattr(hand, name))
            np.testing.assert_array_equal(getattr(added, name), getattr(hand, name))


def test_reestimated_transitions_are_shares_and_rare_states_keep_theirs():
    phones = PhoneSet(["SIL", "A"], [left_to_right(2), left_to_right(2)], "SIL")
    rare = TransitionCounts(np.array([4.0, 0]), np.array([[3.0, 1], [0, 0]]), np.array([0, 1.0]))
    often = TransitionCounts(np.array([5.0, 0]), np.array([[3.0, 7], [0, 999]]), np.array([0, 1.0]))
    new = phones.reestimated(PhoneCounts([rare, often])).topologies
    np.testing.assert_allclose(new[0].transitions, [[0.75, 0.25], [0, 0.75]], rtol=1e-12, atol=0)
    np.testing.assert_allclose(new[1].transitions, [[0.3, 0.7], [0, 0.99]], rtol=1e-12, atol=0)  # floored at 0.01
    np.testing.assert_allclose(new[1].final, [0, 0.01], rtol=1e-12, atol=0)


def test_frames_are_dealt_out_evenly():
    """ "b b": silence of 3 states, B of 2 twice, silence: 10 states."""
    found = equal_alignment(["b", "b"], 20, LEXICON, PHONES)
    assert found.phones.tolist() == [0] * 6 + [2] * 8 + [0] * 6
    assert found.states.tolist() == np.repeat([0, 1, 2, 0, 1, 0, 1, 0, 1, 2], 2).tolist()
    assert found.units.tolist() == np.repeat([0, 1, 2, 3], [6, 4, 4, 6]).tolist()
    assert found.words.tolist() == np.repeat([-1, 0, 1, -1], [6, 4, 4, 6]).tolist()
    runs = np.bincount(np.cumsum(np.diff(equal_alignment(["b", "b"], 27, LEXICON, PHONES).states, prepend=-1) != 0))[1:]
    assert sorted(set(runs.tolist())) == [2, 3]
    assert len(runs) == 10


def test_without_silences_where_there_are_too_few_frames():
    assert equal_alignment(["b", "b"], 9, LEXICON, PHONES).words.tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1]
    assert equal_alignment(["b", "b"], 4, LEXICON, PHONES).states.tolist() == [0, 1, 0, 1]
    with pytest.raises(DataError, match="3 frames are too few for the 4 states"):
        equal_alignment(["b", "b"], 3, LEXICON, PHONES)
    with pytest.raises(DataError, match="'zz' is not among"):
        equal_alignment(["zz"], 30, LEXICON, PHONES)
    with pytest.raises(DataError, match="its transcript is empty"):
        equal_alignment([], 30, LEXICON, PHONES)


def test_alignments_of_other_frames_are_refused():
    assert frames_of({"u": BY_HAND}, {"u": np.zeros((8, 2)), "v": np.zeros((1, 2))})[0].shape == (8, 2)
    with pytest.raises(DataError, match="utterance u is aligned at 8 frames but has 7 frames of features"):
        frames_of({"u": BY_HAND}, {"u": np.zeros((7, 2))})
    with pytest.raises(DataError, match="utterance u is aligned at 8 frames but has no features"):
        frames_of({"u": BY_HAND}, {})
