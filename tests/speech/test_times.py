"""Segments of aligned utterances: they tile what the frames stand for, and boundaries are counted by hand."""

from itertools import pairwise

import numpy as np
import pytest
from speech.phone_cases import LEXICON, PHONES, some_model, some_speech

from minidl.speech.extraction import FeatureSettings
from minidl.speech.phones.alignment import Alignment
from minidl.speech.segments import Segment
from minidl.speech.times import boundaries_within, phone_segments, word_segments

SETTINGS = FeatureSettings()
CC = Alignment(  # a pause, "cc" twice, of which the first says the same phone twice
    phones=np.array([0, 0, 3, 3, 3, 3, 3, 1, 0]), states=np.array([0, 1, 0, 1, 0, 0, 1, 0, 2]),
    units=np.array([0, 0, 1, 1, 2, 3, 3, 4, 5]), words=np.array([-1, -1, 0, 0, 0, 1, 1, 1, -1]), log_likelihood=0.0,
)  # fmt: skip


def rounded(segments):
    return [(s.label, round(s.start, 6), round(s.end, 6)) for s in segments]


def test_segments_by_hand():
    """A phone said twice is two segments, and so is a word."""
    assert rounded(phone_segments(CC, PHONES, SETTINGS)) == [
        ("SIL", 0.0075, 0.0275), ("C", 0.0275, 0.0475), ("C", 0.0475, 0.0575), ("C", 0.0575, 0.0775), ("A", 0.0775, 0.0875),
        ("SIL", 0.0875, 0.0975),
    ]  # fmt: skip
    assert rounded(word_segments(CC, ["cc", "cc"], SETTINGS)) == [("cc", 0.0275, 0.0575), ("cc", 0.0575, 0.0875)]


def test_other_rates_have_other_shifts():
    odd = FeatureSettings(rate=11025)
    assert phone_segments(CC, PHONES, odd)[-1].end == pytest.approx((165 / 2 + 9 * 110) / 11025, rel=1e-12)


def test_segments_tile_the_utterance():
    features, transcripts, truth = some_speech(some_model(1.0), 20, 4)
    for name, alignment in truth.items():
        phones = phone_segments(alignment, PHONES, SETTINGS)
        assert phones[0].start == SETTINGS.offset
        assert phones[-1].end == pytest.approx(0.0075 + 0.01 * len(features[name]), rel=1e-12)
        assert all(a.end == b.start and a.start < a.end for a, b in pairwise(phones))
        words = word_segments(alignment, transcripts[name], SETTINGS)
        assert [s.label for s in words] == transcripts[name]
        spoken = [s for s in phones if s.label != LEXICON.silence]
        assert words[0].start == spoken[0].start and words[-1].end == spoken[-1].end
        assert all(a.end <= b.start for a, b in pairwise(words))
        assert {s.start for s in words} | {s.end for s in words} <= {s.start for s in phones} | {s.end for s in phones}


def segments(*bounds):
    return tuple(Segment(*bound) for bound in bounds)


TRUE = segments(("SIL", 0, 0.1), ("A", 0.1, 0.2), ("B", 0.2, 0.3), ("SIL", 0.3, 0.4))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (TRUE, 4),
        (TRUE[1:3], 4),  # pauses do not count
        (segments(("A", 0.12, 0.18), ("B", 0.22, 0.28)), 4),  # each off by just 20 ms
        (segments(("A", 0.121, 0.2), ("B", 0.2, 0.279)), 2),
        (segments(("A", 0.13, 0.17), ("SIL", 0.17, 0.23), ("B", 0.23, 0.25)), 0),
        (segments(("A", 0.1, 0.2), ("A", 0.2, 0.3)), 0),  # another phone
        (segments(("A", 0.1, 0.3)), 0),
        ((), 0),
    ],
    ids=["same", "spoken", "just", "two", "none", "other", "fewer", "nothing"],
)
def test_boundaries_by_hand(found, expected):
    assert boundaries_within(found, TRUE, "SIL") == (expected, 4)


def test_boundaries_within_another_tolerance():
    found = segments(("A", 0.13, 0.2), ("B", 0.2, 0.3))
    assert [boundaries_within(found, TRUE, "SIL", t) for t in (0.0, 0.02, 0.03, 0.05)] == [(3, 4), (3, 4), (4, 4), (4, 4)]
    assert boundaries_within(TRUE[:1], TRUE[3:], "SIL") == (0, 0)
