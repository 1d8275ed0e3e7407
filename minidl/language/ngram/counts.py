"""Counts of n-grams of all orders, as sorted tables of integers: no dictionary, no Python loop over n-grams.

A table of order k names an n-gram by the row of its first k - 1 words in the table of order k - 1, and its last word;
both in one integer, ``row * V + word``. Sorted by it, n-grams stand in the order of their words, and those that share
a context stand together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import ArgumentError, DataError
from ..vocabulary import START_ID


@dataclass
class Table:
    """The n-grams of one order.

    Attributes
    ----------
    keys : (n,) int64
        Ascending.
    context : (n,) int64
        Row of the first words in the table of the order below.
    suffix : (n,) int64
        Row of the last words there.
    """

    keys: np.ndarray
    context: np.ndarray
    suffix: np.ndarray

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Rows of keys, -1 for those that are not there."""
        if not len(self.keys):
            return np.full(keys.shape, -1)
        rows = np.searchsorted(self.keys, keys)
        rows[rows == len(self.keys)] = 0
        rows[self.keys[rows] != keys] = -1
        return rows


@dataclass
class Counts:
    """How often each n-gram stands in a text.

    Attributes
    ----------
    size : int
        Of the vocabulary, V.
    tables : list of Table
        Of the orders 1, 2, ...; a word's row in the first is its number.
    raw : list of (n,) int64
        Occurrences. A sentence's start is counted as a word too.
    begins : list of (n,) bool
        Whether the n-gram begins with a sentence's start.
    """

    size: int
    tables: list[Table]
    raw: list[np.ndarray]
    begins: list[np.ndarray]

    @property
    def order(self) -> int:
        """Of the longest n-grams."""
        return len(self.tables)

    def adjusted(self, order: int) -> np.ndarray:
        """Kneser and Ney's counts: in how many different contexts an n-gram stands, one word to the left.

        Of the highest order, and of what begins a sentence and so has nothing to its left, the occurrences.
        """
        if order == self.order:
            return self.raw[order - 1]
        left = np.bincount(self.tables[order].suffix, minlength=len(self.tables[order - 1]))
        return np.where(self.begins[order - 1], self.raw[order - 1], left)


def count(ids: np.ndarray, size: int, order: int) -> Counts:
    """Count the n-grams of a text.

    Parameters
    ----------
    ids : (n,) int array
        Sentences one after the other, as :meth:`.Vocabulary.encode_sentences` gives them.
    size : int
        Of the vocabulary.
    order : int
        Of the longest n-grams.

    Raises
    ------
    ArgumentError
        An order below 1, or not the form above.
    DataError
        An empty text, or one whose sentences are all too short for this order.
    """
    if order < 1:
        raise ArgumentError(f"n-grams: the order must be at least 1, got {order}")
    ids = checked_text(ids, size)
    starts = np.maximum.accumulate(np.where(ids == START_ID, np.arange(ids.size), 0))
    depth = np.arange(ids.size) - starts  # words before this one in its sentence
    counts = Counts(size, [unigrams(size)], [np.bincount(ids, minlength=size)], [np.arange(size) == START_ID])
    rows, at = ids, np.arange(ids.size)  # of the n-gram that ends at each place `at`
    for k in range(2, order + 1):
        before = np.full(ids.size, -1)
        before[at] = rows
        at = at[depth[at] >= k - 1]
        if not at.size:
            raise DataError(f"n-grams: no sentence has {k} words with its start and end; take an order of at most {k - 1}")
        keys, rows, n = np.unique(before[at - 1] * size + ids[at], return_inverse=True, return_counts=True)
        counts.tables.append(table_above(counts.tables, keys))
        counts.begins.append(counts.begins[-1][counts.tables[-1].context])
        counts.raw.append(n)
    return counts


def checked_text(ids: np.ndarray, size: int) -> np.ndarray:
    """A text as int64, if it is one of a vocabulary of so many words; see :func:`count`."""
    ids = np.asarray(ids, np.int64)
    if not ids.size:
        raise DataError("n-grams: the text is empty")
    if ids[0] != START_ID or ids.min() < 0 or ids.max() >= size:
        raise ArgumentError(f"n-grams: ids must begin with {START_ID} and lie in [0, {size})")
    return ids


def unigrams(size: int) -> Table:
    """The table of order 1: every word of the vocabulary."""
    none = np.zeros(size, np.int64)
    return Table(np.arange(size), none, none)


def table_above(below: list[Table], keys: np.ndarray) -> Table:
    """The table of ascending `keys` over those of all orders below; a suffix is -1 where it is not there."""
    size = len(below[0])
    context, word = np.divmod(keys, size)
    if len(below) == 1:
        return Table(keys, context, word)
    suffix = below[-1].suffix[context]
    return Table(keys, context, np.where(suffix < 0, -1, below[-1].find(suffix * size + word)))


def words_of(tables: list[Table], rows: np.ndarray) -> np.ndarray:
    """The numbers of the words of some n-grams of the last table, (n, order)."""
    columns = list[np.ndarray]()
    for table in reversed(tables):
        columns.append(table.keys[rows] % len(tables[0]))
        rows = table.context[rows]
    return np.stack(columns[::-1], 1)
