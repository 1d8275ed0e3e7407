"""Katz's smoothing: rare n-grams give up what Good and Turing's estimate takes from them (Good 1953; Katz 1987).

An n-gram that occurred r times is taken to occur r* = (r + 1) n_{r+1} / n_r times, where n_r is how many n-grams occurred
r times. Unlike interpolated models, what is given up goes to the words that were not seen after the context, alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from ...errors import ArgumentError, DataError
from ..vocabulary import START_ID, Vocabulary
from .backoff import BackoffModel
from .counts import Counts, Table
from .interpolate import check_vocabulary, cut, thresholds
from .normalise import normalised, rounded

_LEAST_K = 2

Fallback = Literal["lower-k"] | float | None


def katz(
    counts: Counts, vocabulary: Vocabulary, *, k: int = 5, prune: Sequence[int] = (), fallback: Fallback = None
) -> BackoffModel:
    """A model of the counts.

    A context whose words all occurred more than k times would leave nothing for others; it is taken to have been seen
    once more, with another word. What single words give up is shared evenly by those that the text does not have; where
    it has all, their probabilities are their shares.

    Parameters
    ----------
    counts : Counts
    vocabulary : Vocabulary
        With which they were made.
    k : int
        Counts above are trusted as they are; at least 2, as with 1 what was seen once would give up everything.
    prune : see :func:`.interpolate.interpolate`
    fallback : "lower-k" or float, optional
        For orders where discounts cannot be estimated: the highest k below for which they can, or absolute discounting
        by so much (between 0 and 1).

    Raises
    ------
    ArgumentError
        A k below 2, another fallback, thresholds or vocabulary.
    DataError
        Discounts cannot be estimated from these counts; says for which order and why.
    """
    check_vocabulary(counts, vocabulary)
    if k < _LEAST_K:
        raise ArgumentError(f"katz: k must be at least {_LEAST_K}, got {k}")
    if not (fallback is None or fallback == "lower-k" or (isinstance(fallback, float) and 0 < fallback < 1)):
        raise ArgumentError(f"katz: fallback must be 'lower-k' or a discount between 0 and 1, got {fallback!r}")
    tables, probs = list[Table](), list[np.ndarray]()
    new_row = np.zeros(1, np.int64)
    for (order, table), limit in zip(enumerate(counts.tables, 1), thresholds(prune, counts.order), strict=True):
        c = counts.raw[order - 1].astype(np.float64)
        if order == 1:
            c[START_ID] = 0.0  # never next
            kept, p = np.ones(len(table), bool), _single(c, k, fallback)
        else:
            kept = counts.raw[order - 1] > limit
            p = _following(c, np.where(kept, _discounted(c, order, k, fallback), 0.0), table.context)
        probs.append(p[kept])
        tables.append(cut(tables, table, kept, new_row, counts.size))
        new_row = np.cumsum(kept) - 1
    return rounded(normalised(vocabulary, tables, probs))


def _single(c: np.ndarray, k: int, fallback: Fallback) -> np.ndarray:
    """Probabilities of single words."""
    unseen = c == 0
    unseen[START_ID] = False
    if not unseen.any():
        return c / c.sum()
    p = _following(c, _discounted(c, 1, k, fallback), np.zeros(len(c), np.int64))
    return np.where(unseen, (1 - p.sum()) / unseen.sum(), p)


def _following(c: np.ndarray, discounted: np.ndarray, context: np.ndarray) -> np.ndarray:
    """Discounted counts as shares of their contexts' counts; something is always left."""
    total, keeps = (np.bincount(context, weights) for weights in (c, discounted))
    total = np.where(keeps < total, total, total + 1)
    return discounted / total[context]


def _discounted(c: np.ndarray, order: int, k: int, fallback: Fallback) -> np.ndarray:
    """The counts less what they give up, (n,)."""
    n = np.bincount(np.minimum(c, k + 2).astype(np.int64), minlength=k + 3)
    for highest in range(k, _LEAST_K - 1 if fallback == "lower-k" else k - 1, -1):
        ratios = good_turing(n, highest)
        if ratios is not None:
            return c * np.append(ratios, 1.0)[np.minimum(c, highest + 1).astype(np.int64)]
    if isinstance(fallback, float):
        return np.maximum(c - fallback, 0.0)
    seen = ", ".join(f"n{r} = {n[r]}" for r in range(1, k + 2))
    lower = "fallback='lower-k' (for this order, a k below), or " if fallback is None else ""
    raise DataError(
        f"katz: no discounts for order {order}: {seen} n-grams have a count of 1 to {k + 1}, and what each count keeps must "
        f"come out between 0 and 1; take more text, a lower order, {lower}fallback=0.5 (absolute discounting by so much)"
    )


def good_turing(n: np.ndarray, k: int) -> np.ndarray | None:
    """What is left of counts of 0, 1, ..., k, as ratios (k + 1,); None if that cannot be estimated.

    Counts above k stay, and the rest is scaled so that in all as much is given up as there are n-grams seen once:
    Katz's equation 12.

    Parameters
    ----------
    n : int array
        How many n-grams occurred 0, 1, ..., at least k + 1 times.
    k : int
    """
    if not (n[1 : k + 2] > 0).all():
        return None
    r = np.arange(1, k + 1)
    kept = (k + 1) * n[k + 1] / n[1]
    if kept >= 1:
        return None
    ratios = ((r + 1) * n[2 : k + 2] / (r * n[1 : k + 1]) - kept) / (1 - kept)
    return np.append(1.0, ratios) if ((ratios > 0) & (ratios <= 1)).all() else None
