"""Smoothings before Kneser and Ney's, of plain counts: Witten and Bell's, and absolute discounting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import ArgumentError, DataError
from ..vocabulary import Vocabulary
from .backoff import BackoffModel
from .counts import Counts
from .interpolate import interpolate


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
        Between 0 and 1; otherwise estimated for each order as n1 / (n1 + 2 n2).

    Raises
    ------
    ArgumentError
        A discount outside [0, 1].
    DataError
        No n-gram of an order occurs once, or none twice, so that there is no estimate.
    """
    if discount is not None and not 0 <= discount <= 1:
        raise ArgumentError(f"absolute discounting: the discount must lie in [0, 1], got {discount}")

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
