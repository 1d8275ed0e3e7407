"""A back-off model: the probability of the longest n-gram that is there, times a weight for each context that was not.

Katz (1987); every smoothing ends in this form, which is also that of ARPA files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import ArgumentError
from ..model import LanguageModel
from ..vocabulary import START_ID, Vocabulary
from .counts import Table

_NOT_THERE = -np.inf


@dataclass
class BackoffModel(LanguageModel):
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

    @property
    def memory(self) -> int:
        return self.order - 1

    @property
    def n_parameters(self) -> int:
        return sum(a.size for a in (*self.log_probs, *self.backoffs))

    def __repr__(self) -> str:
        sizes = " / ".join(f"{len(table):,}" for table in self.tables)
        return f"BackoffModel(order {self.order}: {sizes} n-grams)"

    def log_prob(self, contexts: np.ndarray) -> np.ndarray:
        contexts = np.asarray(contexts, np.int64)
        size = len(self.vocabulary)
        if contexts.ndim != 2 or (contexts.size and (contexts.min() < 0 or contexts.max() >= size)):
            raise ArgumentError(f"log_prob: contexts must be (n, length) of numbers in [0, {size}), got {contexts.shape}")
        out = np.repeat(self.log_probs[0][None], len(contexts), 0)
        for length in range(1, min(self.order - 1, contexts.shape[1]) + 1):
            self._extend(out, self._rows(contexts[:, -length:]), length)
        out[:, START_ID] = _NOT_THERE
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

    def score_tokens(self, ids: np.ndarray) -> np.ndarray:
        return self.look_up(ids)[0]

    def look_up(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What :meth:`score_tokens` says, and the length of the n-gram that was found for each token, (n,) int."""
        ids = np.asarray(ids, np.int64)
        log_probs, found = self.log_probs[0][ids].astype(np.float64), np.ones(ids.size, np.int64)
        rows = ids
        for length in range(1, self.order):
            before = np.concatenate([[-1], rows[:-1]])
            before[ids == START_ID] = -1
            rows = _follow(self.tables[length], before, ids, len(self.vocabulary))
            there = rows >= 0
            weighed = before >= 0
            log_probs[weighed] += self.backoffs[length - 1][before[weighed]]
            log_probs[there] = self.log_probs[length][rows[there]]
            found[there] = length + 1
        return np.where(ids == START_ID, 0.0, log_probs), found


def _follow(table: Table, rows: np.ndarray, words: np.ndarray, size: int) -> np.ndarray:
    """Rows of the n-grams one word longer than those at `rows`; -1 where there are none."""
    found = np.full(rows.shape, -1)
    there = np.flatnonzero(rows >= 0)
    found[there] = table.find(rows[there] * size + words[there])
    return found
