"""ARPA files: what is written is read again, every fault is named with its line, damage gives nothing but DataError."""

import gzip
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import language
from minidl.errors import DataError
from minidl.language.ngram.kneser_ney import FALLBACK

GOOD = """some remark
\\data\\
ngram 1=5
ngram  2 = 3

\\1-grams:
-99\t<s>\t-0.3
-1\t</s>
-2\t<unk>
-0.5\ta\t-0.2
-0.6\tb\t-0.1

\\2-grams:
-0.2\t<s> a
-0.4\ta b
-0.3 b </s>

\\end\\
"""


def read(tmp_path, content):
    path = tmp_path / "a.arpa"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return language.read_arpa(path)


@pytest.mark.parametrize("pack", [str, lambda text: gzip.compress(text.encode()), lambda text: text.replace("\n", "\r\n")])
def test_a_file_plain_or_packed(tmp_path, pack):
    model = read(tmp_path, pack(GOOD))
    assert model.order == 2 and model.vocabulary.words[3:] == ["a", "b"]
    log10 = np.log(10)
    assert model.score(["a", "b"]) / log10 == pytest.approx(-0.2 - 0.4 - 0.3, abs=1e-6)
    assert model.score(["b", "a"]) / log10 == pytest.approx(-0.3 - 0.6 - 0.1 - 0.5 - 0.2 - 1, abs=1e-6)
    assert model.score(["q"]) / log10 == pytest.approx(-0.3 - 2 - 1, abs=1e-6)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_what_is_written_is_read_again(tmp_path, order):
    sentences = [line.split() for line in ("a b ä", "a c", "b a b", "d")]
    vocabulary = language.Vocabulary.from_sentences(sentences)
    counts = language.count(vocabulary.encode_sentences(sentences), len(vocabulary), order)
    model = language.kneser_ney(counts, vocabulary, fallback=FALLBACK)
    out = io.BytesIO()
    language.write_arpa(model, out)
    again = read(tmp_path, out.getvalue())
    assert again.vocabulary.words == vocabulary.words
    for one, two in zip(model.tables, again.tables, strict=True):
        np.testing.assert_array_equal(one.keys, two.keys)
    for one, two in zip(model.log_probs + model.backoffs, again.log_probs + again.backoffs, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-6)


def test_without_an_unknown_word(tmp_path):
    model = read(tmp_path, GOOD.replace("1=5", "1=4").replace("-2\t<unk>\n", ""))
    assert model.log_prob(np.array([[3]]))[0, 0] == pytest.approx((-100 - 0.2) * np.log(10), rel=1e-5)


@pytest.mark.parametrize(
    "old, new, says",
    [
        ("\\data\\", "data", r"no \\data\\|ends here"),
        ("ngram 1=5\n", "", "line 3: 'ngram 1=...' should stand here"),
        ("ngram  2 = 3", "ngram 3=3", "line 4: 'ngram 2=...' should stand here"),
        ("1=5", "1=4", r"line 11: \\2-grams: should stand here; does 'ngram 1=' give the right number"),
        ("1=5", "1=6", "line 12: not a number, 1 word"),
        ("2 = 3", "2 = 2", r"line 16: \\end\\ should stand here"),
        ("2 = 3", "2 = 9", "line 17: not a number"),
        ("-0.5\ta", "0.5\ta", "line 10: 0.5: a positive log probability"),
        ("-0.5\ta", "nan\ta", "line 10: nan: no possible value"),
        ("-0.5\ta", "x\ta", "line 10: 'x' is no number"),
        ("-0.1\n", "inf\n", "line 11: inf: no possible value"),
        ("-0.4\ta b", "-0.4\ta b\t-1\t2", "line 15: not a number, 2 word"),
        ("-0.4\ta b", "-0.4\ta c", "line 15: 'c' is no unigram"),
        ("-0.4\ta b", "-0.4\t<s> a", "line 15: this n-gram stands in the file twice"),
        ("b </s>\n", "b </s> 1\n", "line 16: 1: a back-off weight at the highest order"),
        ("\ta\t", "\tb\t", "'b' stands twice"),
        ("-1\t</s>", "-1\tx", "no unigram </s>"),
        ("\\end\\\n", "", r"ends with \\end\\, so this one was cut off"),
    ],
)
def test_every_fault_has_a_line_and_a_reason(tmp_path, old, new, says):
    assert old in GOOD
    with pytest.raises(DataError, match=says) as caught:
        read(tmp_path, GOOD.replace(old, new, 1))
    assert "\n" not in str(caught.value) and "a.arpa, line " in str(caught.value)


def test_an_ngram_needs_its_first_words(tmp_path):
    longer = GOOD.replace("2 = 3", "2 = 3\nngram 3=1").replace("\\end\\", "\\3-grams:\n-0.1\tb a b\n\n\\end\\")
    with pytest.raises(DataError, match="line 20: the first words are no 2-gram of this file"):
        read(tmp_path, longer)


@given(st.data())
def test_damage_gives_nothing_but_its_error(tmp_path_factory, data):
    content = bytearray(data.draw(st.sampled_from([GOOD.encode(), gzip.compress(GOOD.encode(), mtime=0)])))
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(0, len(content))) :]
    try:
        model = read(tmp_path_factory.mktemp("arpa"), bytes(content))
    except DataError:
        return
    assert model.order >= 1
