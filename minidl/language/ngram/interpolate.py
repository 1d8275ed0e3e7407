"""Interpolated models: a longer context's words give something up, which a shorter context shares out.

What they give up is the smoothing's rule; all else is here: sums over contexts, pruning, and the back-off form of the
result. Deep Learning, section 12.4.1; Chen and Goodman (1999), sections 2.4 to 2.8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from ...errors import ArgumentError
from ..vocabulary import START_ID, Vocabulary
from .backoff import BackoffModel
from .counts import Counts, Table, table_above


def interpolate(
    counts: Counts,
    vocabulary: Vocabulary,
    counts_of: Callable[[int], np.ndarray],
    gives: Callable[[int, np.ndarray, np.ndarray], np.ndarray],
    prune: Sequence[int] = (),
    interpolate_unigrams: bool = True,
) -> BackoffModel:
    """A model of the counts.

    Parameters
    ----------
    counts : Counts
    vocabulary : Vocabulary
        With which they were made.
    counts_of : function
        ``counts_of(order)``: the (n,) counts that the probabilities come from.
    gives : function
        ``gives(order, c, context)``: how much of its count c each n-gram gives up, (n,); 0 for those that have none.
        `context` is the row of its first words.
    prune : sequence of int
        By order: n-grams that occur at most so often are left out; the last number is also that of all higher orders.
        The first must be 0, and none may be lower than the one before it.
    interpolate_unigrams : bool
        Share out what single words gave up evenly; otherwise all of it goes to the unknown word, as SRILM does.

    Raises
    ------
    ArgumentError
        Thresholds other than above, or another vocabulary.
    """
    check_vocabulary(counts, vocabulary)
    limits = thresholds(prune, counts.order)
    tables, log_probs, backoffs = list[Table](), list[np.ndarray](), list[np.ndarray]()
    kept_below, new_row = np.ones(1, bool), np.zeros(1, np.int64)
    below = np.full(1, 1.0 / (counts.size - 1))  # the even distribution, over all words but a sentence's start
    for k, table in enumerate(counts.tables, 1):
        c = counts_of(k).astype(np.float64)
        if k == 1:
            c[START_ID] = 0.0  # never next
        kept = (counts.raw[k - 1] > limits[k - 1]) if k > 1 else np.ones(len(table), bool)
        own, gamma = _shares(c, np.where(kept, gives(k, c, table.context), c), table.context, len(below))
        if k > 1:
            shared = gamma[table.context] * below[table.suffix]
        elif interpolate_unigrams:
            shared = np.full(len(table), gamma[0] * below[0])
        else:
            shared = np.where(np.arange(len(table)) == 0, gamma[0], 0.0)
        below = own + shared
        if k == 1:
            below[START_ID] = 1.0  # it is always there
        else:
            backoffs.append(np.log(gamma[kept_below]).astype(np.float32))
        with np.errstate(divide="ignore"):
            log_probs.append(np.log(below[kept]).astype(np.float32))
        tables.append(cut(tables, table, kept, new_row, counts.size))
        kept_below, new_row = kept, np.cumsum(kept) - 1
    return BackoffModel(vocabulary, tables, log_probs, backoffs)


def check_vocabulary(counts: Counts, vocabulary: Vocabulary) -> None:
    """Refuse counts that were made with another vocabulary."""
    if len(vocabulary) != counts.size:
        raise ArgumentError(f"n-grams: the counts are of {counts.size} words, the vocabulary has {len(vocabulary)}")


def thresholds(prune: Sequence[int], order: int) -> list[int]:
    """The numbers of `prune` for all orders."""
    given = [int(p) for p in prune] or [0]
    limits = (given + [given[-1]] * order)[:order]
    if len(given) > order or given[0] != 0 or any(b < a for a, b in pairwise(limits)):
        raise ArgumentError(
            f"n-grams: prune must be at most {order} numbers that begin with 0 and do not fall, got {list(prune)}"
        )
    return limits


def _shares(c: np.ndarray, gives: np.ndarray, context: np.ndarray, n_contexts: int) -> tuple[np.ndarray, np.ndarray]:
    """What is left to each n-gram, and of each context what is to be shared out; of one without words, all."""
    total = np.bincount(context, c, n_contexts)
    given = np.bincount(context, gives, n_contexts)
    with np.errstate(divide="ignore", invalid="ignore"):
        gamma = np.where(total > 0, given / total, 1.0)
        own = np.where(c > 0, (c - gives) / total[context], 0.0)
    return own, gamma


def cut(below: list[Table], table: Table, kept: np.ndarray, new_row: np.ndarray, size: int) -> Table:
    """The table without what is left out, over tables that were cut already."""
    if not below or (kept.all() and len(new_row) == len(below[-1])):
        return table
    return table_above(below, new_row[table.context[kept]] * size + table.keys[kept] % size)
