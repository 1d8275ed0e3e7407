"""A back-off model: the probability of the longest n-gram that is there, times a weight for each context that was not.

Katz (1987); every smoothing ends in this form, which is also that of ARPA files.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...backend.threads import parallel_blocks
from ..model import LanguageModel, checked_contexts
from ..vocabulary import START_ID, Vocabulary
from .counts import Table
from .hashing import HashIndex

_NOT_THERE = -np.inf
_MANY = 1 << 15  # tokens that pay for hash tables
_BLOCK = 1 << 16  # tokens that a thread takes at a time


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
    _indices: list[HashIndex] | None = field(default=None, init=False, repr=False, compare=False)

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
        size = len(self.vocabulary)
        contexts = checked_contexts(contexts, size)
        weights = np.zeros(len(contexts))  # of the contexts that are longer
        steps = list[tuple[int, np.ndarray, np.ndarray, np.ndarray]]()
        for length in range(min(self.order - 1, contexts.shape[1]), 0, -1):
            rows = self.rows_of(contexts[:, -length:])
            lines = np.flatnonzero(rows >= 0)
            steps.append((length, lines, rows[lines], weights[lines]))
            weights[lines] += self.backoffs[length - 1][rows[lines]]
        out = self.log_probs[0] + weights[:, None].astype(np.float32)
        for length, lines, rows, longer in reversed(steps):
            keys, log_probs = self.tables[length].keys, self.log_probs[length]
            first, last = (np.searchsorted(keys, (rows + i) * size) for i in (0, 1))
            for line, row, a, b, weight in zip(lines, rows, first, last, longer.astype(np.float32), strict=True):
                # a subtraction, as a division would take longest; clipped, so that a damaged file gives no IndexError
                out[line].put(keys[a:b] - row * size, log_probs[a:b] + weight, mode="clip")
        out[:, START_ID] = _NOT_THERE
        return out

    def rows_of(self, ngrams: np.ndarray) -> np.ndarray:
        """Rows of n-grams, (n, k) numbers of words, in the table of order k; -1 for those that are not there."""
        rows = ngrams[:, 0].copy()
        for table, words in zip(self.tables[1 : ngrams.shape[1]], ngrams.T[1:], strict=True):
            there = np.flatnonzero(rows >= 0)
            rows[there] = table.find(rows[there] * len(self.vocabulary) + words[there])
        return rows

    def last_log_prob(self, ngrams: np.ndarray) -> np.ndarray:
        """Log probabilities of the last words of n-grams, (n, k), given the others; (n,) float64."""
        log_probs = self.log_probs[0][ngrams[:, -1]].astype(np.float64)
        for length in range(1, min(self.order, ngrams.shape[1])):
            before, rows = self.rows_of(ngrams[:, -length - 1 : -1]), self.rows_of(ngrams[:, -length - 1 :])
            weighed, there = before >= 0, rows >= 0
            log_probs[weighed] += self.backoffs[length - 1][before[weighed]]
            log_probs[there] = self.log_probs[length][rows[there]]
        return log_probs

    def score_tokens(self, ids: np.ndarray) -> np.ndarray:
        return self.look_up(ids)[0]

    def look_up(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What :meth:`score_tokens` says, and the length of the n-gram that was found for each token, (n,) int."""
        ids = np.asarray(ids, np.int64)
        if ids.size < _MANY:
            return self._look_up(ids)
        self.index()
        cuts = _cuts(ids)
        log_probs, found = np.empty(ids.size), np.empty(ids.size, np.int64)

        def block(first: int, last: int) -> None:
            part = slice(cuts[first], cuts[last])
            log_probs[part], found[part] = self._look_up(ids[part])

        parallel_blocks(block, len(cuts) - 1, 1)
        return log_probs, found

    def _look_up(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_probs, found = self.log_probs[0][ids].astype(np.float64), np.ones(ids.size, np.int64)
        no_start = np.append(ids != START_ID, False)  # nothing follows the last token
        places, rows = np.arange(ids.size), ids  # where n-grams of the present length end, and which
        for length in range(1, self.order):
            places = places + 1
            goes_on = no_start[places]
            places, rows = places[goes_on], rows[goes_on]
            log_probs[places] += self.backoffs[length - 1][rows]
            rows = (self._indices or self.tables)[length].find(rows * len(self.vocabulary) + ids[places])
            there = np.flatnonzero(rows >= 0)
            places, rows = places[there], rows[there]
            log_probs[places] = self.log_probs[length][rows]
            found[places] = length + 1
        log_probs[ids == START_ID] = 0.0
        return log_probs, found

    def index(self) -> None:
        """Make hash tables, which find n-grams three times as fast, in 8 to 16 bytes and some 50 ns for each.

        A long text has them made; who scores many short ones may do so before.
        """
        if self._indices is None:
            self._indices = [HashIndex(table.keys) for table in self.tables]


def _cuts(ids: np.ndarray) -> np.ndarray:
    """Bounds of blocks of whole sentences, from 0 to the text's length."""
    starts = np.flatnonzero(ids == START_ID)
    nearest = np.searchsorted(starts, np.arange(_BLOCK, ids.size, _BLOCK))
    return np.unique([0, *starts[nearest[nearest < len(starts)]], ids.size])
