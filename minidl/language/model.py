"""What every language model answers: n-gram, neural, and both together (the chapter's swap; Deep Learning, 12.4).

Whoever measures, samples, mixes or decodes asks these questions alone, and never knows which kind of model it has.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from ..errors import ArgumentError
from .vocabulary import END_ID, START_ID, Vocabulary

_AT_ONCE = 1 << 24  # probabilities that are in memory at the same time


class Reader(Protocol):
    """Reads a text word by word; before each, it says how likely every word is. It begins at a sentence's start."""

    def log_prob(self) -> np.ndarray:
        """Log probabilities of the next word, (vocabulary,) float32; minus infinity for a sentence's start."""

    def read(self, word: int) -> None:
        """Go one word on; after a sentence's end, the next sentence begins."""


class LanguageModel(ABC):
    """The probability of each word given those before it.

    Attributes
    ----------
    vocabulary : Vocabulary
    """

    vocabulary: Vocabulary

    @property
    @abstractmethod
    def memory(self) -> int:
        """How many words before the next one matter to :meth:`log_prob`, at most."""

    @property
    @abstractmethod
    def n_parameters(self) -> int:
        """How many numbers were estimated."""

    @abstractmethod
    def log_prob(self, contexts: np.ndarray) -> np.ndarray:
        """Log probabilities of every next word.

        Parameters
        ----------
        contexts : (n, length) int array
            Numbers of the words before, the latest last.

        Returns
        -------
        (n, vocabulary) float32
            Exactly normalised; of a sentence's start, which is never next, minus infinity.
        """

    @abstractmethod
    def score_tokens(self, ids: np.ndarray) -> np.ndarray:
        """Log probabilities of the tokens of a text, in one pass.

        Parameters
        ----------
        ids : (n,) int array
            Sentences as :meth:`.Vocabulary.encode_sentences` gives them.

        Returns
        -------
        (n,) float64
            Of each word and sentence end, given what stands before it; 0 for the starts. How far back a model looks is
            its own affair: n-grams to the sentence's start, recurrent networks and caches to that of the text.
        """

    def score(self, sentence: Sequence[str]) -> float:
        """Log probability of a sentence, with its end."""
        return float(self.score_tokens(self.vocabulary.encode_sentences([sentence])).sum())

    def distributions(self, ids: np.ndarray) -> Iterator[np.ndarray]:
        """All that :meth:`score_tokens` chooses from: log probabilities of every word at each token of a text.

        Yields
        ------
        (n, vocabulary) float32
            Of the next n tokens that are no starts, piece by piece.
        """
        contexts = contexts_of(ids, self.memory)
        step = max(1, _AT_ONCE // len(self.vocabulary))
        for start in range(0, len(contexts), step):
            yield self.log_prob(contexts[start : start + step])

    def reader(self) -> Reader:
        """Someone who reads a text word by word."""
        return _WindowReader(self)


class _WindowReader:
    """Remembers the last words, back to the sentence's start: all that an n-gram model needs."""

    def __init__(self, model: LanguageModel) -> None:
        self._model, self._words = model, [START_ID]

    def log_prob(self) -> np.ndarray:
        return self._model.log_prob(np.array([self._words]))[0]

    def read(self, word: int) -> None:
        words = [START_ID] if word == END_ID else [*self._words, word]
        self._words = words[-max(self._model.memory, 1) :]


def checked_contexts(contexts: np.ndarray, size: int) -> np.ndarray:
    """What :meth:`LanguageModel.log_prob` was given, (n, length) int64.

    Raises
    ------
    ArgumentError
        Another shape, or numbers that are no words.
    """
    contexts = np.asarray(contexts, np.int64)
    if contexts.ndim != 2 or (contexts.size and (contexts.min() < 0 or contexts.max() >= size)):
        raise ArgumentError(f"log_prob: contexts must be (n, length) of numbers in [0, {size}), got {contexts.shape}")
    return contexts


def contexts_of(ids: np.ndarray, length: int) -> np.ndarray:
    """The words before each token that is no start, (n, length); what would lie before a sentence is its start again."""
    ids = np.asarray(ids, np.int64)
    at = np.arange(ids.size)
    begins = np.maximum.accumulate(np.where(ids == START_ID, at, 0))
    tokens = ids != START_ID
    places = at[tokens, None] + np.arange(-length, 0)
    return ids[np.maximum(places, begins[tokens, None])]
