"""A language model as the grammar of a decoder: n-gram, neural, or both (the chapter's swap; Deep Learning, 12.4)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ..errors import ArgumentError, DataError
from ..language.model import LanguageModel
from ..language.ngram.backoff import BackoffModel
from ..language.vocabulary import END_ID, START_ID, UNKNOWN_ID

_ROWS = 256  # distributions that are kept
_NOTHING = -200.0  # read_arpa gives an unknown word that the file lacks a probability of 1e-100


class NGramGrammar:
    """Words as likely as a language model says; a state is the words before the next one that matter to the model.

    Parameters
    ----------
    model : LanguageModel
    words : sequence of str
        Those that can be recognised.
    allow_unknown : bool
        Let each word that the model does not know have the probability of its unknown word.

    Raises
    ------
    ArgumentError
        No words, or a word twice.
    DataError
        Words that the model does not know, if they are not allowed, or if it gives an unknown word no probability.
    """

    def __init__(self, model: LanguageModel, words: Sequence[str], allow_unknown: bool = False) -> None:
        self.words, self._model = tuple(words), model
        if not words or len(set(words)) < len(words):
            raise ArgumentError("grammar: there must be words, and no word twice")
        self._ids = model.vocabulary.encode(words).astype(np.int64)
        self._contexts = list[tuple[int, ...]]()
        self._numbers = dict[tuple[int, ...], int]()
        self._row = lru_cache(_ROWS)(self._computed)
        self._start = self._number((START_ID,))
        self._check_known(allow_unknown)

    def start(self) -> int:
        return self._start

    def log_probs(self, state: int) -> np.ndarray:
        return self._row(state)[self._ids]

    def advance(self, state: int, word: int) -> int:
        return self._number((*self._contexts[state], int(self._ids[word])))

    def end(self, state: int) -> float:
        return float(self._row(state)[END_ID])

    def _computed(self, state: int) -> np.ndarray:
        context = np.array(self._contexts[state], np.int64)
        return self._model.log_prob(context[None])[0].astype(np.float64)

    def _number(self, words: tuple[int, ...]) -> int:
        """The state after words: those that differ only in what the model does not look at are one."""
        words = words[max(0, len(words) - self._model.memory) :]
        if isinstance(self._model, BackoffModel):
            while words and self._model.rows_of(np.array([words]))[0] < 0:  # the model backs off to fewer words
                words = words[1:]
        number = self._numbers.setdefault(words, len(self._contexts))
        if number == len(self._contexts):
            self._contexts.append(words)
        return number

    def _check_known(self, allow_unknown: bool) -> None:
        unknown = [word for word in self.words if word not in self._model.vocabulary]
        if unknown and not (allow_unknown and self._row(self._start)[UNKNOWN_ID] > _NOTHING):
            some = ", ".join(unknown[:5]) + (", ..." if len(unknown) > 5 else "")
            remedy = "its unknown word has no probability" if allow_unknown else "leave them out or set allow_unknown"
            raise DataError(f"grammar: the model lacks {len(unknown)} of {len(self.words)} words ({some}); {remedy}")
