"""Word errors equal jiwer's and a table filled cell by cell; scores, confusions and print-outs equal tables made by hand."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl.errors import ArgumentError, DataError
from minidl.speech.wer import (
    WordErrors,
    align,
    alignment_text,
    confusion_matrix,
    confusions,
    print_alignment,
    score,
    total,
)  # fmt: skip

WORDS = st.lists(st.sampled_from("abc"), max_size=12)


def fewest_errors(reference, hypothesis):
    """The Levenshtein distance, cell by cell."""
    row = list(range(len(hypothesis) + 1))
    for i, word in enumerate(reference, 1):
        above, row = row, [i]
        for j, other in enumerate(hypothesis, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (word != other)))
    return row[-1]


@given(WORDS, WORDS)
def test_an_alignment_has_all_words_and_the_fewest_errors(reference, hypothesis):
    alignment = align(reference, hypothesis)
    assert [r for r, _ in alignment.pairs if r is not None] == reference
    assert [h for _, h in alignment.pairs if h is not None] == hypothesis
    assert (None, None) not in alignment.pairs
    assert alignment.errors.errors == sum(r != h for r, h in alignment.pairs) == fewest_errors(reference, hypothesis)
    assert alignment.errors.words == len(reference)
    assert alignment.errors.insertions == sum(r is None for r, _ in alignment.pairs)
    assert alignment.errors.deletions == sum(h is None for _, h in alignment.pairs)


def jiwer_pairs(reference, hypothesis):
    found = pytest.importorskip("jiwer").process_words(" ".join(reference), " ".join(hypothesis))
    pairs = []
    for chunk in found.alignments[0]:
        said = reference[chunk.ref_start_idx : chunk.ref_end_idx]
        recognised = hypothesis[chunk.hyp_start_idx : chunk.hyp_end_idx]
        nothing = [None] * max(len(said), len(recognised))
        pairs += zip(said or nothing, recognised or nothing, strict=True)
    return tuple(pairs), (found.hits, found.substitutions, found.deletions, found.insertions)


def assert_equal_to_jiwer(reference, hypothesis):
    pairs, counts = jiwer_pairs(reference, hypothesis)
    alignment = align(reference, hypothesis)
    errors = alignment.errors
    assert (errors.hits, errors.substitutions, errors.deletions, errors.insertions) == counts
    assert alignment.pairs == pairs


@given(WORDS.filter(bool), WORDS)
def test_alignments_are_those_of_jiwer(reference, hypothesis):
    assert_equal_to_jiwer(reference, hypothesis)


@pytest.mark.parametrize(("vocabulary", "longest", "pairs"), [(2, 8, 500), (2, 150, 20), (5, 150, 20), (50, 150, 20)])
def test_many_alignments_are_those_of_jiwer(vocabulary, longest, pairs):
    rng = np.random.default_rng(vocabulary)
    for _ in range(pairs):
        reference, hypothesis = ([str(w) for w in rng.integers(vocabulary, size=n)] for n in rng.integers(1, longest, 2))
        assert_equal_to_jiwer(reference, hypothesis)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "counts"),
    [
        ("x y", "y z x", (1, 0, 1, 2)),  # hits, substitutions, deletions, insertions
        ("a b c", "a b c", (3, 0, 0, 0)),
        ("a b c", "", (0, 0, 3, 0)),
        ("", "a b", (0, 0, 0, 2)),
        ("", "", (0, 0, 0, 0)),
        ("a b c d", "a x c", (2, 1, 1, 0)),
        ("a b", "a x y b", (2, 0, 0, 2)),
        ("one  two\tthree", ["one", "three"], (2, 0, 1, 0)),
    ],
)
def test_counts_by_hand(reference, hypothesis, counts):
    assert align(reference, hypothesis).errors == WordErrors(*counts)


def test_five_thousand_words():
    rng = np.random.default_rng(0)
    reference = [str(w) for w in rng.integers(1000, size=5000)]
    hypothesis = [w if rng.random() < 0.9 else "?" for w in reference if rng.random() < 0.95]
    errors = align(reference, hypothesis).errors
    assert errors.deletions - errors.insertions == len(reference) - len(hypothesis)
    assert errors.substitutions <= hypothesis.count("?")


def test_more_words_than_fit_are_refused():
    with pytest.raises(ArgumentError, match="50000 and 50000 words"):
        align(["a"] * 50_000, ["b"] * 50_000)


def test_word_errors_add():
    one, two = WordErrors(6, 2, 1, 1), WordErrors(1, 0, 0, 4)
    assert one + two == total([one, two]) == WordErrors(7, 2, 1, 5)
    assert total([]) == WordErrors()
    assert (one.words, one.errors) == (9, 4)
    assert one.rate == pytest.approx(float(Fraction(4, 9)), rel=1e-15)
    assert two.percent == 400.0
    assert str(one) == "%WER 44.44 [ 4 / 9, 1 ins, 1 del, 2 sub ]"
    assert str(WordErrors(insertions=1)) == "%WER undefined [ 1 / 0, 1 ins, 0 del, 0 sub ]"


@pytest.mark.parametrize("value", ["rate", "percent"])
def test_no_rate_without_reference_words(value):
    with pytest.raises(DataError, match="without reference words"):
        getattr(WordErrors(insertions=1), value)


def test_score():
    found = score({"u1": "one two three", "u2": ["four"], "u3": []}, {"u3": "", "u2": [], "u1": "one three three"})
    assert list(found.per_utterance) == ["u1", "u2", "u3"]
    assert found.per_utterance["u1"] == WordErrors(2, 1, 0, 0)
    assert found.total == WordErrors(2, 1, 1, 0)


def test_score_names_what_is_missing_or_too_much():
    with pytest.raises(DataError, match="nothing is said about utterance 'u2'"):
        score({"u1": "a", "u2": "b"}, {"u1": "a"})
    with pytest.raises(DataError, match="utterance 'u2' was recognised but"):
        score({"u1": "a"}, {"u1": "a", "u2": "b"})


ALIGNED = align("five three three two", "five four six two nine")
PRINTED = """\
REF:  five three three two ****
HYP:  five four  six   two nine
EVAL:      S     S         I"""


def test_alignment_text(capsys):
    assert alignment_text(ALIGNED) == PRINTED
    print_alignment(align("one two", "two"))
    assert capsys.readouterr().out == "REF:  one two\nHYP:  *** two\nEVAL: D\n"
    assert alignment_text(align("", "")) == "REF:\nHYP:\nEVAL:"
    with pytest.raises(ArgumentError, match="width"):
        alignment_text(ALIGNED, 0)


def test_a_long_alignment_goes_on_below():
    wrapped = (
        "REF:  five three\nHYP:  five four\nEVAL:      S\n\n"
        "REF:  three two\nHYP:  six   two\nEVAL: S\n\n"
        "REF:  ****\nHYP:  nine\nEVAL: I"
    )
    assert alignment_text(ALIGNED, 16) == wrapped
    assert alignment_text(ALIGNED, 1).count("REF:") == 5
    assert alignment_text(ALIGNED, 31) == PRINTED
    assert alignment_text(ALIGNED, 30) != PRINTED


def test_confusions():
    counts = confusions([ALIGNED, align("two", ""), align("three", "four")])
    once = [("five", "five"), ("three", "six"), ("two", "two"), (None, "nine"), ("two", None)]
    assert counts == Counter([*once, ("three", "four"), ("three", "four")])
    words, table = confusion_matrix(counts)
    assert words == ("five", "four", "nine", "six", "three", "two")
    expected = np.zeros((7, 7), int)
    expected[[0, 4, 4, 5, 6, 5], [0, 1, 3, 5, 2, 6]] = 1, 2, 1, 1, 1, 1
    np.testing.assert_array_equal(table, expected)
