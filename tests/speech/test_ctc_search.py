"""Prefix beam search equals the enumeration of all label and word sequences where nothing is pruned."""

import itertools
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speech.ctc_enumeration import by_labels, meaning, normalised

from minidl.errors import ArgumentError, DataError
from minidl.speech.ctc import EXACT, Width, WordDecoder, best_path, likeliest_labels
from minidl.speech.decoder import Loop, OneOf
from minidl.speech.lexicon import Lexicon, Pronunciation, digits


def random_log_probs(seed, frames, classes):
    return normalised(np.random.default_rng(seed).standard_normal((frames, classes)) * 2)


def sharp(path, classes, certainty=0.9):
    """Log probabilities that make one path likely."""
    p = np.full((len(path), classes), (1 - certainty) / (classes - 1))
    p[range(len(path)), path] = certainty
    return np.log(p)


seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(0, 5), st.integers(1, 3), st.data())
def test_all_label_sequences(seed, frames, classes, data):
    blank = data.draw(st.integers(0, classes - 1))
    log_probs = random_log_probs(seed, frames, classes)
    found = dict(likeliest_labels(log_probs, 1000, blank, EXACT))
    expected = by_labels(log_probs, blank)
    assert found.keys() == expected.keys()
    for labels, p in expected.items():
        assert found[labels] == pytest.approx(np.log(p), rel=1e-9, abs=1e-9)
    ((best, log_p),) = likeliest_labels(log_probs, 1, blank, EXACT)
    assert log_p == pytest.approx(np.log(max(expected.values())), rel=1e-9, abs=1e-9)
    assert found[best] == log_p


def test_best_path_and_best_labels_differ():
    """Graves and others' example: the path of blanks has .36, the three paths of ``a`` .64 together."""
    log_probs = np.log([[0.6, 0.4], [0.6, 0.4]])
    assert best_path(log_probs) == []
    ((labels, log_p),) = likeliest_labels(log_probs)
    assert labels == (1,) and np.exp(log_p) == pytest.approx(0.64, rel=1e-12)


@pytest.mark.parametrize("blank", [0, 2])
def test_best_path(blank):
    path = [blank, 1, 1, blank, 1, 3, 3, 1, blank]
    assert best_path(sharp(path, 4), blank) == [1, 1, 3, 1]
    assert best_path(np.zeros((0, 3)), blank) == []


def test_a_narrow_beam_finds_what_is_clear():
    path = [0, 1, 1, 0, 0, 1, 2, 2, 0, 3] * 20
    ((labels, _),) = likeliest_labels(sharp(path, 30), width=Width(hypotheses=4))
    assert labels == meaning(path)


class Bigrams:
    """A grammar with states of its own: after each word others are likely, and some are not allowed."""

    words = ("x", "y", "z")

    def __init__(self, seed):
        table = np.random.default_rng(seed).random((4, 4)) + 0.05
        table[1, 1] = 0
        with np.errstate(divide="ignore"):
            self._table = np.log(table / table.sum(1, keepdims=True))

    def start(self):
        return 3

    def log_probs(self, state):
        return self._table[state, :3]

    def advance(self, state, word):
        return word

    def end(self, state):
        return float(self._table[state, 3])


LEXICON = Lexicon({"x": [["a"], Pronunciation(("a", "b"), -0.4)], "y": [["b"]], "z": [["a", "b", "b"]]}, silence_prob=0.3)


def by_words(log_probs, labels, grammar, lm_weight, penalty):
    """Score of every word sequence: the sum over all spellings and pauses, each with its paths and its weight."""
    of_labels = by_labels(log_probs)
    classes = {name: i for i, name in enumerate(labels, 1)}
    pauses = [((), 0.7), ((classes["SIL"],), 0.3)] if "SIL" in classes else [((), 1.0)]
    totals = defaultdict(float)
    for n in range(len(log_probs) + 1):
        for words in itertools.product(range(3), repeat=n):
            state, lm = grammar.start(), -penalty * n
            for word in words:
                lm, state = lm + grammar.log_probs(state)[word], grammar.advance(state, word)
            lm += grammar.end(state)
            if lm == -np.inf:
                continue
            names = [grammar.words[w] for w in words]
            for ways in itertools.product(*(LEXICON.pronunciations(name) for name in names)):
                for gaps in itertools.product(pauses, repeat=n + 1):
                    spelled, own = gaps[0][0], lm + sum(np.log(p) for _, p in gaps) + sum(w.log_prob for w in ways)
                    for way, gap in zip(ways, gaps[1:], strict=True):
                        spelled = (*spelled, *(classes[phone] for phone in way.phones), *gap[0])
                    totals[tuple(names)] += of_labels.get(spelled, 0.0) * np.exp(lm_weight * own)
    return {names: np.log(total) for names, total in totals.items() if total}


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(0, 4), st.booleans(), st.sampled_from([(1.0, 0.0), (0.0, 0.5), (2.5, -1.0)]))
def test_all_word_sequences(seed, frames, with_silence, weights):
    labels = ("SIL", "a", "b") if with_silence else ("a", "b")
    grammar, log_probs = Bigrams(seed), random_log_probs(seed, frames, len(labels) + 1)
    decoder = WordDecoder(labels, LEXICON, grammar, lm_weight=weights[0], insertion_penalty=weights[1], width=EXACT)
    found = decoder.n_best(log_probs, 1000)
    expected = by_words(log_probs, labels, grammar, *weights)
    assert {h.words for h in found} == expected.keys()
    for h in found:
        assert h.complete and h.score == pytest.approx(expected[h.words], rel=1e-9, abs=1e-9)
        assert h.acoustic + weights[0] * (h.lm - weights[1] * len(h.words)) == pytest.approx(h.score, rel=1e-9, abs=1e-9)
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)


def spelled_frames(words, lexicon, labels, rng):
    """Frames as a trained network has them: labels are short peaks among blanks."""
    path = [0, 0]
    for word in words:
        ways = lexicon.pronunciations(word)
        for phone in ways[rng.integers(len(ways))].phones:
            path += [labels.index(phone) + 1] * rng.integers(1, 3) + [0] * rng.integers(1, 3)
    return sharp(path, len(labels) + 1, 0.8)


def test_digits():
    lexicon = digits()
    labels, rng = lexicon.phones, np.random.default_rng(3)
    decoder = WordDecoder(labels, lexicon, Loop(lexicon.words))
    for n in (1, 5, 12):
        words = tuple(str(w) for w in rng.choice(lexicon.words, n))
        frames = spelled_frames(words, lexicon, labels, rng)
        assert decoder.decode(frames).words == words


def test_isolated_words():
    lexicon = digits()
    decoder = WordDecoder(lexicon.phones, lexicon, OneOf(lexicon.words))
    frames = spelled_frames(["seven"], lexicon, lexicon.phones, np.random.default_rng(0))
    found = decoder.n_best(frames, 3)
    assert found[0].words == ("seven",) and all(len(h.words) == 1 for h in found)


def test_the_grammar_decides_between_homophones():
    lexicon = Lexicon({"x": [["a"]], "y": [["a"]], "z": [["b"]]})
    grammar = Bigrams(0)
    frames = sharp([1, 0, 2], 3, 0.999)
    found = {h.words: h.score for h in WordDecoder(("a", "b"), lexicon, grammar).n_best(frames, 2)}
    lms = [grammar.log_probs(3)[w] + grammar.log_probs(w)[2] for w in (0, 1)]
    assert found.keys() == {("x", "z"), ("y", "z")}
    assert found["x", "z"] - found["y", "z"] == pytest.approx(lms[0] - lms[1], rel=1e-9)


def test_a_sentence_that_cannot_end():
    """The frames say half a word."""
    decoder = WordDecoder(("a", "b"), Lexicon({"x": [["a", "b"]]}), OneOf(["x"]))
    hypothesis = decoder.decode(np.log([[0.1, 0.9, 1e-9]]))
    assert not hypothesis.complete and hypothesis.words == ()


def test_what_is_refused():
    with pytest.raises(ArgumentError, match="no labels: b"):
        WordDecoder(("SIL", "a"), LEXICON, Bigrams(0))
    with pytest.raises(DataError, match="'w' is not among"):
        WordDecoder(("a", "b"), LEXICON, Loop(["w"]))
    with pytest.raises(ArgumentError, match=r"got shape \(3,\)"):
        likeliest_labels(np.zeros(3))
    with pytest.raises(ArgumentError, match="the blank"):
        likeliest_labels(np.zeros((3, 2)), blank=2)
    for value in (np.nan, 1.0):
        with pytest.raises(DataError, match="frame 1, class 0 is no log probability"):
            likeliest_labels(np.array([[-1.0, -1.0], [value, -1.0]]))
    with pytest.raises(ArgumentError, match="hypotheses and margin"):
        Width(hypotheses=0)
