"""A language model as a grammar: sentences have the probabilities that the model gives them."""

from itertools import product

import numpy as np
import pytest

from minidl.errors import ArgumentError, DataError
from minidl.language.ngram.counts import count
from minidl.language.ngram.kneser_ney import kneser_ney
from minidl.language.vocabulary import Vocabulary
from minidl.speech.decoder import Decoder
from minidl.speech.grammar import NGramGrammar
from minidl.speech.lexicon import Lexicon
from minidl.speech.phones import PhoneSet, monophones

TEXT = ["a b c", "a b b c", "c a", "b a b c", "c c a b", "a c"]


def model(order):
    sentences = [line.split() for line in TEXT]
    vocabulary = Vocabulary.from_sentences(sentences)
    ids = vocabulary.encode_sentences(sentences)
    return kneser_ney(count(ids, len(vocabulary), order), vocabulary, fallback=(0.5, 1.0, 1.5))


def log_prob(grammar, sentence):
    state, total = grammar.start(), 0.0
    for word in map(grammar.words.index, sentence):
        total += grammar.log_probs(state)[word]
        state = grammar.advance(state, word)
    return total + grammar.end(state)


class Plain:
    """A model of another kind: the same answers, and no word on what it looks up."""

    def __init__(self, model):
        self.vocabulary, self.memory, self.log_prob = model.vocabulary, model.memory, model.log_prob


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", [lambda m: m, Plain], ids=["backoff", "any"])
def test_sentences_are_as_likely_as_the_model_says(order, kind):
    n_gram = model(order)
    grammar = NGramGrammar(kind(n_gram), ["c", "b", "a"])
    for line in [*TEXT, "b b b b", "a a", "c b a c b a", ""]:
        assert log_prob(grammar, line.split()) == pytest.approx(n_gram.score(line.split()), rel=1e-5)


def test_states_that_the_model_does_not_tell_apart_are_one():
    known = {tuple(words[i:j]) for line in TEXT for words in [["<s>", *line.split()]] for i in range(9) for j in range(i, 9)}
    sentences = ["".join(words) for words in product("abc", repeat=4)]
    seen = {next(s[i:] for i in range(1, 5) if tuple(s[i:]) in known) for s in sentences}
    for kind, expected in ((lambda m: m, len(seen)), (Plain, 27)):
        grammar = NGramGrammar(kind(model(4)), ["a", "b", "c"])
        states = set()
        for sentence in sentences:
            state = grammar.start()
            for word in sentence:
                state = grammar.advance(state, "abc".index(word))
            states.add(state)
        assert len(states) == expected


def test_unknown_words_are_refused_or_take_what_the_model_has():
    known = model(2)
    with pytest.raises(DataError, match=r"lacks 2 of 3 words \(x, y\)"):
        NGramGrammar(known, ["x", "a", "y"])
    grammar = NGramGrammar(known, ["x", "a"], allow_unknown=True)
    row = known.log_prob(np.array([[1]]))[0]
    np.testing.assert_allclose(grammar.log_probs(grammar.start()), row[[0, known.vocabulary.number("a")]], rtol=1e-6)
    known.log_probs[0][0] = -230.0
    with pytest.raises(DataError, match="no probability"):
        NGramGrammar(known, ["x"], allow_unknown=True)


def test_refusals():
    for wrong in ([], ["a", "a"]):
        with pytest.raises(ArgumentError):
            NGramGrammar(model(2), wrong)


def test_words_that_sound_alike_are_told_apart():
    lexicon = Lexicon({word: [["P"]] for word in "abc"}, silence_prob=0.0)
    phones = PhoneSet.of(lexicon.phones, n_states=1)
    n_gram = model(3)
    decoder = Decoder(phones, monophones(phones), lexicon, NGramGrammar(n_gram, lexicon.words), lm_weight=1.0,
                      beam=np.inf, lattice_beam=np.inf)  # fmt: skip
    sentences = [(x, y, z) for x in "abc" for y in "abc" for z in "abc"]
    sentences += [(x, y) for x in "abc" for y in "abc"] + [(x,) for x in "abc"]
    stay, leave = np.log(0.75), np.log(0.25)
    truth = {s: n_gram.score(s) + (3 - len(s)) * stay + len(s) * leave for s in sentences}
    found = {h.words: h.score for h in decoder.decode(np.zeros((3, 6))).n_best(100)}
    best = max(truth, key=truth.get)
    assert next(iter(found)) == best
    assert found[best] == pytest.approx(truth[best], rel=1e-5)
