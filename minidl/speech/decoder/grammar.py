"""Which word may follow, and how likely: grammars are automata whose states are numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ...errors import ArgumentError


class Grammar(Protocol):
    """What a decoder asks of word sequences; all probabilities are natural logarithms.

    Attributes
    ----------
    words : tuple of str
    """

    words: tuple[str, ...]

    def start(self) -> int:
        """The state at a sentence's start."""

    def log_probs(self, state: int) -> np.ndarray:
        """Of each word as the next one, (words,); minus infinity where one cannot follow."""

    def advance(self, state: int, word: int) -> int:
        """The state after a word."""

    def end(self, state: int) -> float:
        """Of the sentence ending here."""


class _Uniform:
    """Words that are equally likely; state 0 is the start.

    Parameters
    ----------
    words : sequence of str

    Raises
    ------
    ArgumentError
        No words, or a word twice.
    """

    def __init__(self, words: Sequence[str]) -> None:
        if not words or len(set(words)) < len(words):
            raise ArgumentError("grammar: there must be words, and no word twice")
        self.words = tuple(words)

    def start(self) -> int:
        return 0


class Loop(_Uniform):
    """Any number of words, each as likely as another; that the sentence ends is one choice more."""

    def log_probs(self, state: int) -> np.ndarray:
        return np.full(len(self.words), self.end(state))

    def advance(self, state: int, word: int) -> int:
        return 0

    def end(self, state: int) -> float:
        return -float(np.log(len(self.words) + 1))


class OneOf(_Uniform):
    """Exactly one word, each as likely as another: isolated words."""

    def log_probs(self, state: int) -> np.ndarray:
        return np.full(len(self.words), -np.inf if state else -np.log(len(self.words)))

    def advance(self, state: int, word: int) -> int:
        return 1

    def end(self, state: int) -> float:
        return 0.0 if state else -np.inf


def typical_log_probs(grammar: Grammar, n_states: int = 50) -> np.ndarray:
    """The probability of each word, averaged over the sentence's start and what follows some words; (words,), all finite.

    A word that has none there takes the least of the others.
    """
    n, start = len(grammar.words), grammar.start()
    some = np.unique(np.linspace(0, n - 1, min(n, n_states)).astype(int))
    likely = grammar.log_probs(start) > -np.inf
    states = [start, *sorted({grammar.advance(start, int(word)) for word in some if likely[word]})]
    rows = np.stack([grammar.log_probs(state) for state in states])
    average = np.logaddexp.reduce(rows, axis=0) - np.log(len(states))
    least = average.min(where=average > -np.inf, initial=0.0)
    return np.maximum(average, least)
