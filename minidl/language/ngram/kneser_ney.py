"""Interpolated Kneser-Ney smoothing with modified discounts (Kneser and Ney 1995; Chen and Goodman 1999).

Each count gives up a discount; what a context's words gave up is shared out by the model of one word less, which
counts not how often a word occurs but after how many different words. Deep Learning, section 12.4.1. Details that the
papers leave open are those of KenLM (Heafield and others 2013), so that models are equal to ``lmplz``'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ...errors import ArgumentError, DataError
from ..vocabulary import Vocabulary
from .backoff import BackoffModel
from .counts import START, Counts, Table, table_above

FALLBACK = (0.5, 1.0, 1.5)  # discounts that KenLM takes on request where they cannot be estimated


def estimate(
    counts: Counts,
    vocabulary: Vocabulary,
    *,
    prune: Sequence[int] = (),
    interpolate_unigrams: bool = True,
    fallback: tuple[float, float, float] | None = None,
) -> BackoffModel:
    """A model of the counts.

    Parameters
    ----------
    counts : Counts
    vocabulary : Vocabulary
        With which they were made.
    prune : sequence of int
        By order: n-grams that occur at most so often are left out; the last number is also that of all higher orders.
        The first must be 0, and none may be lower than the one before it.
    interpolate_unigrams : bool
        Share out what single words gave up evenly; otherwise all of it goes to the unknown word, as SRILM does.
    fallback : three float, optional
        Discounts of counts 1, 2 and more, for orders where they cannot be estimated; :data:`FALLBACK` is a usual choice.

    Raises
    ------
    ArgumentError
        Thresholds other than above, or another vocabulary.
    DataError
        The text is too small, or was cut, so that discounts cannot be estimated; says for which order and why.
    """
    if len(vocabulary) != counts.size:
        raise ArgumentError(f"kneser-ney: the counts are of {counts.size} words, the vocabulary has {len(vocabulary)}")
    limits = _limits(prune, counts.order)
    tables, log_probs, backoffs = list[Table](), list[np.ndarray](), list[np.ndarray]()
    kept_below, new_row = np.ones(1, bool), np.zeros(1, np.int64)
    below = np.full(1, 1.0 / (counts.size - 1))  # the even distribution, over all words but a sentence's start
    for k, table in enumerate(counts.tables, 1):
        c = counts.adjusted(k).astype(np.float64)
        if k == 1:
            c[START] = 0.0
        kept = (counts.raw[k - 1] > limits[k - 1]) if k > 1 else np.ones(len(table), bool)
        own, gamma = _discounted(c, kept, table.context, len(below), discounts(c, k, fallback))
        if k > 1:
            shared = gamma[table.context] * below[table.suffix]
        elif interpolate_unigrams:
            shared = np.full(len(table), gamma[0] * below[0])
        else:
            shared = np.where(np.arange(len(table)) == 0, gamma[0], 0.0)
        below = own + shared
        if k == 1:
            below[START] = 1.0  # it is always there
        else:
            backoffs.append(np.log(gamma[kept_below]).astype(np.float32))
        with np.errstate(divide="ignore"):
            log_probs.append(np.log(below[kept]).astype(np.float32))
        tables.append(_cut(tables, table, kept, new_row, counts.size))
        kept_below, new_row = kept, np.cumsum(kept) - 1
    return BackoffModel(vocabulary, tables, log_probs, backoffs)


def _limits(prune: Sequence[int], order: int) -> list[int]:
    given = [int(p) for p in prune] or [0]
    limits = (given + [given[-1]] * order)[:order]
    if len(given) > order or given[0] != 0 or any(b < a for a, b in pairwise(limits)):
        raise ArgumentError(
            f"kneser-ney: prune must be at most {order} numbers that begin with 0 and do not fall, got {list(prune)}"
        )
    return limits


def discounts(c: np.ndarray, order: int, fallback: tuple[float, float, float] | None = None) -> np.ndarray:
    """What counts of 0, 1, 2, and 3 or more give up, (4,): Chen and Goodman's estimates from n1 ... n4.

    Raises
    ------
    DataError
        See :func:`estimate`.
    """
    n = np.bincount(np.minimum(c, 5).astype(np.int64), minlength=6)
    if (n[1:4] > 0).all():
        y = n[1] / (n[1] + 2 * n[2])
        found = np.array([j - (j + 1) * y * n[j + 1] / n[j] for j in (1, 2, 3)])
        if (found >= 0).all():
            return np.array([0.0, *found])
    if fallback is not None:
        return np.array([0.0, *fallback])
    seen = ", ".join(f"n{j} = {n[j]}" for j in (1, 2, 3, 4))
    raise DataError(
        f"kneser-ney: no discounts for order {order}: {seen} n-grams have a count of 1, 2, 3, 4, and they are estimated "
        "from all of these; take more text, a lower order, or fixed discounts (fallback=, --discount-fallback)"
    )


def _discounted(
    c: np.ndarray, kept: np.ndarray, context: np.ndarray, n_contexts: int, discount: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities after discounts, and of each context what is left to share out; of one without words, all."""
    gives = np.where(kept, discount[np.minimum(c, 3).astype(np.int64)], c)  # who is left out gives all
    total = np.bincount(context, c, n_contexts)
    given = np.bincount(context, gives, n_contexts)
    with np.errstate(divide="ignore", invalid="ignore"):
        gamma = np.where(total > 0, given / total, 1.0)
        own = np.where(c > 0, (c - gives) / total[context], 0.0)
    return own, gamma


def _cut(below: list[Table], table: Table, kept: np.ndarray, new_row: np.ndarray, size: int) -> Table:
    """The table without what is left out, over tables that were cut already."""
    if not below or (kept.all() and len(new_row) == len(below[-1])):
        return table
    return table_above(below, new_row[table.context[kept]] * size + table.keys[kept] % size)
