"""A back-off model: the probability of the longest n-gram that is there, times a weight for each context that was not.

Katz (1987); every smoothing ends in this form, which is also that of ARPA files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import ArgumentError
from ..vocabulary import Vocabulary
from .counts import START, Table

_NOT_THERE = -np.inf


@dataclass
class BackoffModel:
    """Log probabilities of n-grams, and log weights of contexts.

    Attributes
    ----------
    vocabulary : Vocabulary
    tables : list of Table
        Of the orders 1, 2, ...; all n-grams' first words are there too.
    log_probs : list of (n,) float32
        Natural logarithms.
    backoffs : list of (n,) float32
        Of the orders below the highest; 0 for n-grams that are no context.
    """

    vocabulary: Vocabulary
    tables: list[Table]
    log_probs: list[np.ndarray]
    backoffs: list[np.ndarray]

    @property
    def order(self) -> int:
        """Of the longest n-grams."""
        return len(self.tables)

    def __repr__(self) -> str:
        sizes = " / ".join(f"{len(table):,}" for table in self.tables)
        return f"BackoffModel(order {self.order}: {sizes} n-grams)"

    def log_prob(self, contexts: np.ndarray) -> np.ndarray:
        """Log probabilities of every next word.

        Parameters
        ----------
        contexts : (n, length) int array
            Numbers of the words before, the latest last; more than ``order - 1`` are not looked at.

        Returns
        -------
        (n, vocabulary) float32
            Of a sentence's start, which is never next, minus infinity.
        """
        contexts = np.asarray(contexts, np.int64)
        size = len(self.vocabulary)
        if contexts.ndim != 2 or (contexts.size and (contexts.min() < 0 or contexts.max() >= size)):
            raise ArgumentError(f"log_prob: contexts must be (n, length) of numbers in [0, {size}), got {contexts.shape}")
        out = np.repeat(self.log_probs[0][None], len(contexts), 0)
        for length in range(1, min(self.order - 1, contexts.shape[1]) + 1):
            self._extend(out, self._rows(contexts[:, -length:]), length)
        out[:, START] = _NOT_THERE
        return out

    def _rows(self, ngrams: np.ndarray) -> np.ndarray:
        """Rows of n-grams, (n, k), in the table of order k."""
        rows = ngrams[:, 0]
        for table, words in zip(self.tables[1 : ngrams.shape[1]], ngrams.T[1:], strict=True):
            rows = _follow(table, rows, words, len(self.vocabulary))
        return rows

    def _extend(self, out: np.ndarray, rows: np.ndarray, length: int) -> None:
        """From probabilities given one word less to those given the contexts at `rows`."""
        size, table = len(self.vocabulary), self.tables[length]
        first, last = (np.searchsorted(table.keys, (rows + i) * size) for i in (0, 1))
        for line, row, a, b in zip(out, rows, first, last, strict=True):
            if row >= 0:
                line += self.backoffs[length - 1][row]
                line[table.keys[a:b] % size] = self.log_probs[length][a:b]

    def score_tokens(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log probabilities of the tokens of a text, in one pass.

        Parameters
        ----------
        ids : (n,) int array
            Sentences as :meth:`.Vocabulary.encode_sentences` gives them.

        Returns
        -------
        log_probs : (n,) float64
            Of each word given those before it in its sentence; 0 for the starts.
        order : (n,) int
            Of the n-gram that was found.
        """
        ids = np.asarray(ids, np.int64)
        log_probs, found = self.log_probs[0][ids].astype(np.float64), np.ones(ids.size, np.int64)
        rows = ids
        for length in range(1, self.order):
            before = np.concatenate([[-1], rows[:-1]])
            before[ids == START] = -1
            rows = _follow(self.tables[length], before, ids, len(self.vocabulary))
            there = rows >= 0
            weighed = before >= 0
            log_probs[weighed] += self.backoffs[length - 1][before[weighed]]
            log_probs[there] = self.log_probs[length][rows[there]]
            found[there] = length + 1
        return np.where(ids == START, 0.0, log_probs), found

    def score(self, sentence: Sequence[str]) -> float:
        """Log probability of a sentence, with its end."""
        return float(self.score_tokens(self.vocabulary.encode_sentences([sentence]))[0].sum())


def _follow(table: Table, rows: np.ndarray, words: np.ndarray, size: int) -> np.ndarray:
    """Rows of the n-grams one word longer than those at `rows`; -1 where there are none."""
    found = np.full(rows.shape, -1)
    there = np.flatnonzero(rows >= 0)
    found[there] = table.find(rows[there] * size + words[there])
    return found
