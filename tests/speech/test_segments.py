"""Segments from frames, and as CTM and TextGrid text: what is parsed is what was written; wrong text is refused by line."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl.errors import ArgumentError, DataError
from minidl.speech.segments import (
    Segment,
    boundary_errors,
    ctm,
    frames_to_segments,
    parse_ctm,
    parse_textgrid,
    textgrid,
)  # fmt: skip

# In micro-seconds, which is what both formats hold: lengths, and holes before them.
LENGTHS = st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(1, 3_000_000)), max_size=5)
LABELS = st.text('a1\u00e9\u00a0"!<', min_size=1, max_size=4).filter(str.strip)


@st.composite
def segments(draw, labels=LABELS):
    found, time = [], 0
    for hole, length in draw(LENGTHS):
        found.append(Segment(draw(labels), (time + hole) / 1e6, (time + hole + length) / 1e6))
        time += hole + length
    return tuple(found)


def test_frames_become_segments():
    labels = ["s", "s", "a", "a", "a", "s"]
    assert frames_to_segments(labels, 0.5) == (Segment("s", 0.0, 1.0), Segment("a", 1.0, 2.5), Segment("s", 2.5, 3.0))
    assert frames_to_segments(labels, 0.5, 0.25, units=[0, 0, 1, 1, 2, 3]) == (
        Segment("s", 0.25, 1.25), Segment("a", 1.25, 2.25), Segment("a", 2.25, 2.75), Segment("s", 2.75, 3.25)
    )  # fmt: skip
    assert frames_to_segments([], 0.01) == ()


def test_boundary_errors():
    true = [Segment("s", 0, 1), Segment("a", 1, 2), Segment("s", 2, 3)]
    found = [Segment("s", 0, 1.25), Segment("a", 1.25, 1.5), Segment("s", 1.5, 3)]
    np.testing.assert_array_equal(boundary_errors(found, true), [0.25, -0.5])
    assert boundary_errors(found[:1], true[:1]).shape == boundary_errors([], []).shape == (0,)
    with pytest.raises(DataError, match="3 here and 2 in truth"):
        boundary_errors(found, true[:2])
    with pytest.raises(DataError, match="number 1 is 's' here and 'a' in truth"):
        boundary_errors(found[::2], true[:2])


@pytest.mark.parametrize("shift", [0.0, -0.01, math.nan])
def test_a_shift_that_is_none_is_refused(shift):
    with pytest.raises(ArgumentError, match="above 0 seconds"):
        frames_to_segments(["a"], shift)


def test_units_must_fit_the_labels():
    with pytest.raises(ArgumentError, match=r"\(2,\) of the labels, got \(3,\)"):
        frames_to_segments(["a", "b"], 0.01, units=[0, 1, 2])


# -- CTM ---------------------------------------------------------------------------------------------------------


def test_ctm():
    text = ctm({"u1": [Segment("one", 0.1, 0.4), Segment("two", 0.4, 1.0)], "u2": [], "u3": [Segment("x", 2, 2)]}, "A")
    assert text == "u1 A 0.100000 0.300000 one\nu1 A 0.400000 0.600000 two\nu3 A 2.000000 0.000000 x\n"


def test_ctm_of_others():
    text = ";; NIST\nu1 1 0.10 0.20 one 0.98\r\n\nu2 2 1e0 .5 \u00e9\u00a0\nu1\t1  0.30  3. two 1.0"
    assert parse_ctm(text) == {
        "u1": (Segment("one", 0.1, 0.3), Segment("two", 0.3, 3.3)), "u2": (Segment("\u00e9\u00a0", 1.0, 1.5),)
    }  # fmt: skip


@given(st.dictionaries(LABELS, segments(), max_size=3))
def test_ctm_is_parsed_as_it_was_written(by_utterance):
    assert parse_ctm(ctm(by_utterance)) == {name: own for name, own in by_utterance.items() if own}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("u 1 0 1 a\nu 1 0 1\n", "my.ctm, line 2: .*4 columns"),
        ("u 1 0 1 a 1 2\n", "7 columns"),
        ("u 1 0 x a\n", "got 'x'"),
        ("u 1 nan 1 a\n", "got 'nan'"),
        ("u 1 -1 1 a\n", "got '-1'"),
        ("u 1 0 1e999 a\n", "got '1e999'"),
        ("u 1 0 1 a high\n", "got 'high'"),
        ("u 1 0 1 a\nu 2 0 1 a\n", "line 2: utterance 'u' has another channel"),
    ],
    ids=range(8),
)  # fmt: skip
def test_wrong_ctm_is_refused_by_line(text, message):
    with pytest.raises(DataError, match=message):
        parse_ctm(text, "my.ctm")


@pytest.mark.parametrize(
    ("name", "segment", "message"),
    [
        ("a b", Segment("x", 0, 1), "'a b'"), (";;a", Segment("x", 0, 1), "';;a'"), ("u", Segment("", 0, 1), "got ''"),
        ("u", Segment("x", 1, 0), "got 1 to 0"), ("u", Segment("x", -1, 0), "got -1 to 0"),
        ("u", Segment("x", 0, math.nan), "got 0 to nan"), ("u", Segment("x", 0, math.inf), "got 0 to inf"),
    ],
    ids=range(7),
)  # fmt: skip
def test_what_ctm_cannot_hold_is_refused(name, segment, message):
    with pytest.raises(ArgumentError, match=message):
        ctm({name: [segment]})


# -- TextGrid ----------------------------------------------------------------------------------------------------

TIERS = {"words": [Segment('say "a"', 0.25, 1.0)], "phones": [Segment("s", 0.25, 0.5), Segment("eI", 0.75, 1.0)]}
LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1.500000
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 1.500000
        intervals: size = 3
        intervals [1]:
            xmin = 0.000000
            xmax = 0.250000
            text = ""
        intervals [2]:
            xmin = 0.250000
            xmax = 1.000000
            text = "say ""a\"""
        intervals [3]:
            xmin = 1.000000
            xmax = 1.500000
            text = ""
"""
# As Praat's manual has it ("TextGrid file formats"), with a tier of points.
SHORT = """File type = "ooTextFile"
"TextGrid"

0 2.3 ! the time domain, not 9 "s"
<exists>
2 tiers
"IntervalTier" "Mary" 0 2.3
1 interval
0 2.3 "two
lines"
"TextTier" "bell" 0 2.3
2 points
1 "ding"
2 "dong"
"""


def test_textgrid():
    text = textgrid(TIERS, 1.5)
    assert text.startswith(LONG)
    assert text.count("intervals [") == 3 + 5
    assert textgrid(TIERS).count("intervals [") == 2 + 4
    assert parse_textgrid(text) == {name: tuple(own) for name, own in TIERS.items()}


def test_textgrid_of_others():
    assert parse_textgrid(SHORT) == {"Mary": (Segment("two\nlines", 0.0, 2.3),)}
    assert parse_textgrid('"ooTextFile short" "TextGrid" 0 1 <absent>') == {}


TEXTS = st.text('a "\n1!<>', min_size=1, max_size=4).filter(str.strip)


@given(st.dictionaries(TEXTS, segments(TEXTS), min_size=1, max_size=3))
def test_textgrid_is_parsed_as_it_was_written(tiers):
    end = max((s.end for own in tiers.values() for s in own), default=0.5)
    assert parse_textgrid(textgrid(tiers, end)) == tiers


@given(st.dictionaries(st.sampled_from(["a", "b"]), segments(), min_size=1))
def test_intervals_leave_no_holes(tiers):
    for tier in textgrid(tiers, 40.0).split("IntervalTier")[1:]:
        times = [float(line.split()[-1]) for line in tier.split("\n") if line.startswith("            xm")]
        assert times[0] == 0
        assert times[-1] == 40
        assert times[1:-1:2] == times[2::2]


@pytest.mark.parametrize(
    ("tiers", "end", "message"),
    [
        ({}, 1.0, "must have tiers"), ({"a": []}, None, "end after 0"), ({"a": []}, math.inf, "end after 0"),
        ({"a": []}, math.nan, "end after 0"),
        ({"a": [Segment("x", 0, 2)]}, 1.0, "in tier 'a', 'x' from 0 to 2 must .* by 1.0"),
        ({"a": [Segment("x", 0, 2), Segment("y", 1, 3)]}, None, "'y' from 1 to 3"),
        ({"a": [Segment("x", 1, 1)]}, 2.0, "a length"), ({"a": [Segment(" ", 0, 1)]}, 2.0, "must have a label"),
        ({"a": [Segment("x", math.nan, 1)]}, 2.0, "got nan to 1"),
    ],
    ids=range(9),
)  # fmt: skip
def test_what_a_textgrid_cannot_hold_is_refused(tiers, end, message):
    with pytest.raises(ArgumentError, match=message):
        textgrid(tiers, end)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ooTextFile", "ooBinaryFile", "line 1: this is not a TextGrid"),
        ('"TextGrid"', '"Sound"', "line 2: this is not a TextGrid"),
        ("<exists>", "3", "line 6: <exists> is expected"),
        ("size = 2", "size = 3", "line 44: a text in quotes is expected, and there is the end"),
        ("size = 3", "size = 2.5", "2.5 is no count"),
        ("size = 3", "size = -1", "-1.0 is no count"),
        ("size = 3", "size = 1e999", "too large"),
        ('text = ""', "text =", "a text in quotes is expected, and there is 0.25"),
        ("xmax = 0.250000", "xmax = 0.35", "line 22: an interval from 0.25 to 1.0 after one that ends at 0.35"),
        ("xmin = 0.250000", "xmin = 3", "from 3.0 to 1.0"),
        ("IntervalTier", "Pitch", "not 'Pitch'"),
        ("phones", "words", "a second tier 'words'"),
    ],
    ids=range(12),
)  # fmt: skip
def test_wrong_textgrid_is_refused_by_line(old, new, message):
    text = textgrid({"words": TIERS["words"], "phones": TIERS["phones"][:1]}, 1.5)
    with pytest.raises(DataError, match=message):
        parse_textgrid(text.replace(old, new, 1))


def test_a_textgrid_cut_off_in_a_text_is_refused():
    with pytest.raises(DataError, match="line 14: a text without its closing quote"):
        parse_textgrid(SHORT[:-3])


DAMAGE = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 30), st.text('"<>!.-e09 \n;u\u00e9', max_size=6)),
    min_size=1,
    max_size=5,
)


CASES = [(parse_textgrid, textgrid(TIERS)), (parse_textgrid, SHORT), (parse_ctm, "u1 1 0.1 0.2 a\nu2 1 0.5 1 b 0.9\n")]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CASES), DAMAGE)
def test_damaged_text_raises_documented_errors_alone(case, damage):
    parse, text = case
    for place, length, new in damage:
        place %= len(text) + 1
        text = text[:place] + new + text[place + length :]
    try:
        found = parse(text)
    except DataError:
        return
    assert all(0 <= s.end - s.start < math.inf for own in found.values() for s in own)
