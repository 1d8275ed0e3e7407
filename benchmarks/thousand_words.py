"""A recogniser made of chance: a lexicon of random words, a bigram, and scores of frames for what was drawn from it."""

from __future__ import annotations

import numpy as np

from minidl.speech.decoder import Decoder
from minidl.speech.lexicon import Lexicon
from minidl.speech.phones import PhoneSet, Tying, monophones

_PHONES, _FEATURES, _FRAMES_A_STATE = 40, 13, 5


class Bigram:
    """A grammar: of each word after each, and of the sentence's end, a few are likely and all are possible.

    Parameters
    ----------
    words : sequence of str
    rng : Generator
    """

    def __init__(self, words: tuple[str, ...], rng: np.random.Generator) -> None:
        self.words = words
        n = len(words) + 1
        self.table = np.log(rng.dirichlet(np.full(n, 0.1), n) + 1e-6)  # rows from the start's on; the last column: the end

    def start(self) -> int:
        return 0

    def log_probs(self, state: int) -> np.ndarray:
        return self.table[state, :-1]

    def advance(self, state: int, word: int) -> int:
        return word + 1

    def end(self, state: int) -> float:
        return float(self.table[state, -1])

    def sentence(self, rng: np.random.Generator, length: int) -> list[int]:
        """Words drawn from it, as if no sentence ended before."""
        state, words = self.start(), list[int]()
        for _ in range(length):
            p = np.exp(self.log_probs(state))
            words.append(int(rng.choice(len(self.words), p=p / p.sum())))
            state = self.advance(state, words[-1])
        return words


def make(n_words: int, n_sentences: int, seed: int = 0) -> tuple[Decoder, list[list[str]], list[np.ndarray]]:
    """A decoder for words of 3 to 8 phones, sentences of 8 words, and scores (frames, pdfs) for each."""
    rng = np.random.default_rng(seed)
    names = np.array([f"P{i}" for i in range(_PHONES)])
    spoken = {f"w{i}": [tuple(names[rng.integers(_PHONES, size=rng.integers(3, 9))])] for i in range(n_words)}
    lexicon = Lexicon(spoken)
    phones = PhoneSet.of(lexicon.phones, lexicon.silence)
    tying, grammar = monophones(phones), Bigram(lexicon.words, rng)
    means = 1.5 * rng.standard_normal((tying.n_pdfs, _FEATURES))
    said = [[grammar.words[w] for w in grammar.sentence(rng, 8)] for _ in range(n_sentences)]
    scores = [_scores(words, phones, tying, lexicon, means, rng) for words in said]
    return Decoder(phones, tying, lexicon, grammar), said, scores


def _scores(
    words: list[str], phones: PhoneSet, tying: Tying, lexicon: Lexicon, means: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Log-likelihoods of frames about the means of the words' states, one after the other, under unit variances."""
    sequence = phones.indices(p for word in words for p in lexicon.pronunciations(word)[0].phones)
    pdfs = np.concatenate([tying.pdfs(phones.silence, phone, phones.silence) for phone in sequence])
    path = np.repeat(pdfs, rng.integers(1, 2 * _FRAMES_A_STATE, len(pdfs)))
    frames = means[path] + rng.standard_normal((len(path), _FEATURES))
    return -0.5 * ((frames[:, None] - means) ** 2).sum(2)
