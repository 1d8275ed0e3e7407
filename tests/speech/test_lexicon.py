"""Lexicons in memory and as text: what is read is what was written, and wrong files are refused by line."""

import gzip
import io
import math
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl.errors import ArgumentError, DataError
from minidl.speech.lexicon import Lexicon, Pronunciation, digits, read_lexicon, write_lexicon

SPHINX = """;;; a remark
A                    AH
A(2)                 EY
AND\tAE N D

AND(2)               AH N D
"""
AN4 = {"A": ["AH", "EY"], "AND": ["AE N D", "AH N D"]}


def written(tmp_path, content):
    path = tmp_path / "lexicon.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def phones_of(lexicon):
    return {word: [" ".join(p.phones) for p in lexicon.pronunciations(word)] for word in lexicon.words}


def test_digits():
    lexicon = digits()
    assert lexicon.words == tuple(sorted("zero one two three four five six seven eight nine".split()))
    assert lexicon.pronunciations("zero") == (Pronunciation(("Z", "IH", "R", "OW")), Pronunciation(("Z", "IY", "R", "OW")))
    assert lexicon.phones == ("SIL", *sorted("AH AO AY EH EY F IH IY K N OW R S T TH UW V W Z".split()))


def test_digits_are_those_of_the_cmu_dictionary():
    path = Path(os.environ.get("MINIDL_DATA", "data"), "cmudict", "cmudict.dict.gz")
    if not path.exists():
        pytest.skip("the CMU dictionary is not here")
    own = phones_of(digits())
    found = {word: [] for word in own}
    for line in gzip.open(path, "rt"):
        word, *phones = line.split()
        if word.partition("(")[0] in found:
            found[word.partition("(")[0]].append(" ".join(p.rstrip("012") for p in phones))
    assert found == own


def test_the_best_pronunciation_has_log_probability_0():
    lexicon = Lexicon({"a": [Pronunciation(("X",), math.log(0.5)), Pronunciation(("Y",), math.log(0.125)), ["X"]]})
    assert lexicon.pronunciations("a") == (Pronunciation(("X",)), Pronunciation(("Y",), pytest.approx(math.log(0.125))))
    lexicon = Lexicon({"a": [Pronunciation(("X",), math.log(0.5)), Pronunciation(("Y",), math.log(0.125))]})
    assert [p.log_prob for p in lexicon.pronunciations("a")] == pytest.approx([0.0, math.log(0.25)])


def test_missing_words_are_named_once():
    assert digits().missing(["two", "ten", "one", "hundred", "ten"]) == ["ten", "hundred"]
    with pytest.raises(DataError, match="word 'ten'"):
        digits().pronunciations("ten")


@pytest.mark.parametrize(
    ("entries", "settings", "message"),
    [
        ({}, {}, "no words"),
        ({"a": []}, {}, "'a' has no pronunciation"),
        ({"a": [[]]}, {}, "for 'a'"),
        ({"a": ["X Y"]}, {}, "sequence of one phone or more, got 'X Y'"),
        ({"a b": [["X"]]}, {}, "'a b'"),
        ({"": [["X"]]}, {}, "not empty"),
        ({"a": [["X", ""]]}, {}, "not empty"),
        ({"a": [["X", "SIL"]]}, {}, "'a' contains 'SIL'"),
        ({"a": [["X"]]}, {"silence": "X"}, "'a' contains 'X'"),
        ({"a": [["X"]]}, {"silence_prob": 1.5}, "silence_prob"),
        ({"a": [["X"]]}, {"silence_prob": math.nan}, "silence_prob"),
        ({"a": [Pronunciation(("X",), 0.1)]}, {}, "at most 0"),
        ({"a": [Pronunciation(("X",), math.nan)]}, {}, "at most 0"),
        ({"a": [Pronunciation(("X",), -math.inf)]}, {}, "finite"),
    ],
)  # fmt: skip
def test_what_is_no_lexicon_is_refused(entries, settings, message):
    with pytest.raises(ArgumentError, match=message):
        Lexicon(entries, **settings)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (SPHINX, AN4),
        (SPHINX.replace("\n", "\r\n"), AN4),
        ("A AH\nAND AE N D\nA EY\nAND AH N D\n", AN4),
        ("A AH\nA EY\nA(3) AH\nAND AE N D # a remark\nAND AH N D", AN4),
        ("!SIL SIL\nA AH\n", {"A": ["AH"]}),
        ("\ufeffA AH\n", {"A": ["AH"]}),
        ("(2) AH\n((2) EY\n", {"(2)": ["AH"], "(": ["EY"]}),
        ("\u00c5\u00a0\u4e00 AH\n", {"\u00c5\u00a0\u4e00": ["AH"]}),
        ("# AH #1\n", {"#": ["AH #1"]}),
    ],
    ids=["sphinx", "windows", "kaldi", "repeated", "silence", "mark", "parentheses", "unicode", "hash"],
)  # fmt: skip
def test_reading(tmp_path, content, expected):
    assert phones_of(read_lexicon(written(tmp_path, content))) == expected


def test_reading_probabilities(tmp_path):
    content = "A 0.5 AH\nA 0.25 EY\nA 1e-1 AH\nB .2 B IY\n"
    lexicon = read_lexicon(written(tmp_path, content), silence_prob=0.2)
    assert phones_of(lexicon) == {"A": ["AH", "EY"], "B": ["B IY"]}
    assert [p.log_prob for p in lexicon.pronunciations("A")] == pytest.approx([0.0, math.log(0.5)])
    assert lexicon.pronunciations("B")[0].log_prob == 0.0
    assert lexicon.silence_prob == 0.2
    lexicon = read_lexicon(written(tmp_path, "A 1 2\nB b\n"), probabilities=False)
    assert phones_of(lexicon) == {"A": ["1 2"], "B": ["b"]}


def test_the_silence_phone_can_have_another_name(tmp_path):
    lexicon = read_lexicon(written(tmp_path, "<sil> sil\nA SIL\n"), silence="sil")
    assert (lexicon.phones, lexicon.words) == (("sil", "SIL"), ("A",))


@pytest.mark.parametrize(
    ("content", "probabilities", "message"),
    [
        ("A AH\nB\n", None, "line 2: the word 'B' has no phones"),
        ("A 1.0\n", None, "line 1: the word 'A' has no phones"),
        ("A # AH\n", None, "line 1: the word 'A' has no phones"),
        ("A AH\nB AH SIL\n", None, "line 2: 'B' contains 'SIL'"),
        ("A 1.0 AH\nB AH\n", None, "line 2: 'B' has no probability"),
        ("A AH\nB 1.0 AH\n", None, "line 2: 'B' has a number"),
        ("A AH\n", True, r"line 1: the probability of 'A' must be in \(0, 1\], got 'AH'"),
        ("A 1.5 AH\n", None, r"line 1: .*got '1.5'"),
        ("A -0.5 AH\n", None, r"line 1: .*got '-0.5'"),
        ("A 0 AH\n", None, r"line 1: .*got '0'"),
        ("A 1e-999 AH\n", None, r"line 1: .*got '1e-999'"),
        ("A nan AH\n", True, r"line 1: .*got 'nan'"),
        (b"A AH\nB\xff AH\n", None, "line 2: not UTF-8 at byte 6"),
        (b"\xef\xbb\xbfA AH\n\xff\n", None, "line 2: not UTF-8 at byte 8"),
        (b"A AH\n" + b"B" * (1 << 20) + b" AH\n", None, "line 2: longer than a megabyte"),
        ("", None, "no words in it"),
        (";;; A AH\n!SIL SIL\n", None, "no words in it"),
    ],
    ids=range(17),
)  # fmt: skip
def test_wrong_files_are_refused_by_line(tmp_path, content, probabilities, message):
    with pytest.raises(DataError, match=message):
        read_lexicon(written(tmp_path, content), probabilities=probabilities)


def test_files_that_cannot_be_read(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            read_lexicon(path)


NAMES = st.text("ab(2)#;1.\u00e9\u00a0", min_size=1, max_size=5).filter(lambda w: w[0] != ";" and w[-1] != ")")
PHONES = st.lists(st.sampled_from(["A", "B1", "1", "0.5", "#1", "\u0259"]), min_size=1, max_size=3).map(tuple)
WAYS = st.lists(st.builds(Pronunciation, PHONES, st.floats(-50, 0)), min_size=1, max_size=3)


@given(st.dictionaries(NAMES, WAYS, min_size=1, max_size=4))
def test_what_was_written_is_read(tmp_path_factory, entries):
    lexicon, file = Lexicon(entries), io.BytesIO()
    write_lexicon(lexicon, file)
    back = read_lexicon(written(tmp_path_factory.mktemp("lexicon"), file.getvalue()))
    assert (back.words, back.phones) == (lexicon.words, lexicon.phones)
    for word in lexicon.words:
        for own, other in zip(lexicon.pronunciations(word), back.pronunciations(word), strict=True):
            assert own.phones == other.phones
            assert own.log_prob == pytest.approx(other.log_prob, abs=1e-12)


@pytest.mark.parametrize("entries", [{"a(2)": [["X"]]}, {";;;": [["X"]]}, {"a": [["X", "#"]]}], ids=str)
def test_what_the_format_cannot_hold_is_not_written(entries):
    with pytest.raises(ArgumentError, match="another meaning"):
        write_lexicon(Lexicon(entries), io.BytesIO())


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_files_raise_documented_errors_alone(tmp_path_factory, data):
    content = bytearray((SPHINX + "B 0.5 X\n\u00e9 0.25 SIL\n").encode())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
        content = content or bytearray(b" ")
    try:
        lexicon = read_lexicon(written(tmp_path_factory.mktemp("lexicon"), bytes(content)))
    except DataError:
        return
    assert all(lexicon.pronunciations(word) for word in lexicon.words)
