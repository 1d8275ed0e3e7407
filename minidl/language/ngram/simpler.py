"""Smoothings before Kneser and Ney's, of plain counts: additive, Witten and Bell's, and absolute discounting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import ArgumentError, DataError
from ..vocabulary import Vocabulary
from .backoff import BackoffModel
from .counts import Counts
from .interpolate import interpolate


def additive(counts: Counts, vocabulary: Vocabulary, *, alpha: float = 1.0, prune: Sequence[int] = ()) -> BackoffModel:
    """Every word is taken to have followed each context `alpha` times more often (Chen and Goodman 1999, section 2.1).

    Laplace's rule with 1, Jeffreys's with 0.5, Lidstone's with any other number. Shorter contexts play no part: after a
    context that the text does not have, all words are equally likely. It is here because books begin with it.

    Parameters
    ----------
    counts, vocabulary, prune : see :func:`.interpolate.interpolate`
    alpha : float

    Raises
    ------
    ArgumentError
        An alpha that is not above 0.
    """
    if not 0 < alpha < np.inf:
        raise ArgumentError(f"additive smoothing: alpha must be a number above 0, got {alpha}")

    def gives(order: int, c: np.ndarray, context: np.ndarray) -> np.ndarray:
        if order < counts.order:
            return c  # all of it, and the even distribution is left
        added = alpha * (counts.size - 1)
        return c * (added / (np.bincount(context, c) + added))[context]

    return interpolate(counts, vocabulary, lambda order: counts.raw[order - 1], gives, prune)


def witten_bell(counts: Counts, vocabulary: Vocabulary, *, prune: Sequence[int] = ()) -> BackoffModel:
    """Witten and Bell (1991), method C: what is new is as likely as it was so far.

    A context of N words of which T were different leaves T / (N + T) to the shorter one, each time.

    Parameters
    ----------
    counts, vocabulary, prune : see :func:`.interpolate.interpolate`
    """

    def gives(order: int, c: np.ndarray, context: np.ndarray) -> np.ndarray:
        n, different = np.bincount(context, c), np.bincount(context, c > 0)
        return c * (different / np.maximum(n + different, 1))[context]

    return interpolate(counts, vocabulary, lambda order: counts.raw[order - 1], gives, prune)


def absolute(
    counts: Counts, vocabulary: Vocabulary, *, discount: float | None = None, prune: Sequence[int] = ()
) -> BackoffModel:
    """Absolute discounting (Ney, Essen and Kneser 1994): every count gives up the same.

    Parameters
    ----------
    counts, vocabulary, prune : see :func:`.interpolate.interpolate`
    discount : float, optional
        Above 0 and at most 1; otherwise estimated for each order as n1 / (n1 + 2 n2).

    Raises
    ------
    ArgumentError
        Another discount; with 0, nothing would be left for other words.
    DataError
        No n-gram of an order occurs once, or none twice, so that there is no estimate.
    """
    if discount is not None and not 0 < discount <= 1:
        raise ArgumentError(f"absolute discounting: the discount must lie in [0, 1] and be above 0, got {discount}")

    def gives(order: int, c: np.ndarray, context: np.ndarray) -> np.ndarray:
        return np.minimum(c, _discount(c, order) if discount is None else discount)

    return interpolate(counts, vocabulary, lambda order: counts.raw[order - 1], gives, prune)


def _discount(c: np.ndarray, order: int) -> float:
    once, twice = int((c == 1).sum()), int((c == 2).sum())
    if not once or not twice:
        raise DataError(
            f"absolute discounting: order {order} has {once} n-grams that occur once and {twice} that occur twice; "
            "take more text, a lower order, or give discount="
        )
    return once / (once + 2 * twice)
