"""Recognisers of both kinds find the words of a toy problem; weights that are chosen afterwards put sentences in order."""

import math

import numpy as np
import pytest
from speech.phone_cases import LEXICON, PHONES, some_model, some_speech

from minidl.errors import ArgumentError, DataError
from minidl.speech import recognition
from minidl.speech.ctc import CtcNetwork, WordDecoder
from minidl.speech.decoder import Decoder, Hypothesis, Loop
from minidl.speech.hmm import GivenScores
from minidl.speech.phones import AcousticModel
from minidl.speech.recognition import Recognised, Sentences, recognise

GRAMMAR = Loop(LEXICON.words)


def test_a_hybrid_finds_the_words():
    model = some_model(10.0)
    features, transcripts, _ = some_speech(model, 12, 6)
    found = recognise(recognition.hybrid(model, LEXICON, GRAMMAR, lm_weight=1.0), features, shift=0.02)
    assert found.words(1.0, 0.0) == {name: tuple(words) for name, words in transcripts.items()}
    assert found.speech == pytest.approx(0.02 * sum(map(len, features.values())), rel=1e-12)
    decoder = Decoder(PHONES, model.tying, LEXICON, GRAMMAR, lm_weight=1.0)
    for name, x in features.items():
        own, other = found.found[name].best(0.5, 0.3), decoder.decode(model.emission.log_likelihood(x)).best(0.5, 0.3)
        assert own == other


def test_anything_that_scores_frames_will_do():
    """What makes the scores is exchanged, all else stays."""
    model = some_model(10.0)
    features, _, _ = some_speech(model, 4, 6)
    other = AcousticModel(PHONES, model.tying, GivenScores(9))
    scores = {name: model.emission.log_likelihood(x) for name, x in features.items()}
    found = [recognise(recognition.hybrid(m, LEXICON, GRAMMAR), f) for m, f in ((model, features), (other, scores))]
    for name in features:
        assert found[0].found[name].best() == found[1].found[name].best()
    with pytest.raises(ArgumentError, match=r"the utterance: scores must be \(frames, 9\)"):
        recognition.hybrid(other, LEXICON, GRAMMAR)(np.zeros((4, 2)))
    with pytest.raises(DataError, match="the utterance: feature 0 of frame 0 is nan"):
        recognition.hybrid(model, LEXICON, GRAMMAR)(np.full((4, 2), np.nan))


class Spelled(CtcNetwork):
    """Features are the scores of blank and labels."""

    def log_probs(self, features):
        return features - np.logaddexp.reduce(features, axis=1, keepdims=True)


def spelled(labels):
    """Scores of a path of labels with blanks between them, none of them certain."""
    scores = np.random.default_rng(len(labels)).standard_normal((2 * len(labels) + 1, 5))
    scores[::2, 0] += 6
    scores[np.arange(1, len(scores), 2), labels] += 6
    return scores


def test_a_ctc_recogniser_finds_the_words():
    network = Spelled(5, ("SIL", "A", "B", "C"), rng=0)
    features = {"one": spelled([4, 2, 3]), "two": spelled([1, 3, 2, 3, 1]), "three": spelled([3, 1, 4, 2, 3])}
    found = recognise(recognition.ctc(network, LEXICON, GRAMMAR, n_best=5, lm_weight=0.5), features)
    assert found.words(0.5, 0.0) == {"one": ("cab",), "two": ("b", "ab"), "three": ("b", "cab")}
    decoder = WordDecoder(network.labels, LEXICON, GRAMMAR, lm_weight=0.5)
    for name, x in features.items():
        best, *others = decoder.n_best(network.log_probs(x), 5)
        assert len(others) == 4
        own = found.found[name].best()
        assert own.words == best.words
        assert own.score == pytest.approx(best.score, rel=1e-9)
        assert [h.words for h in found.found[name].hypotheses] == [h.words for h in (best, *others)]


def sentence(words, acoustic, lm):
    return Hypothesis(tuple(words.split()), (), 0.0, acoustic, lm)


def test_weights_choose_among_sentences():
    found = Sentences([sentence("a b c", -10.0, -4.0), sentence("a", -14.0, -1.0), sentence("", -30.0, 0.0)], 1.0, 0.0)
    assert found.best() == Hypothesis(("a", "b", "c"), (), -14.0, -10.0, -4.0)
    assert found.best(2.0).words == ("a",) and found.best(2.0).score == -16.0
    assert found.best(insertion_penalty=1.0).words == ("a",)
    assert found.best(insertion_penalty=1.0).score == -14.0 + 1.0 * (-1.0 - 1.0)
    assert found.best(0.0, 5.0).words == ("a", "b", "c") and found.best(0.0, 5.0).score == -10.0
    assert found.best(20.0, 0.0).words == ()
    assert Sentences(found.hypotheses, 20.0, 0.0).best().words == ()
    assert Sentences(found.hypotheses, 1.0, 1.0).best().words == ("a",)
    assert Recognised({"u": found}, 1.0, 2.0).words(2.0, 0.0) == {"u": ("a",)}


def test_the_clock(monkeypatch):
    times = iter([100.0, 103.0])
    monkeypatch.setattr(recognition, "perf_counter", lambda: next(times))
    empty = Sentences([sentence("", 0.0, 0.0)], 1.0, 0.0)
    found = recognise(lambda features: empty, {"a": np.zeros((150, 2)), "b": np.zeros((450, 2))})
    assert (found.seconds, found.speech) == (3.0, pytest.approx(6.0, rel=1e-12))
    assert found.real_time_factor == pytest.approx(0.5, rel=1e-12)
    assert list(found.found) == ["a", "b"]
    assert math.isnan(Recognised({}, 1.0, 0.0).real_time_factor)
