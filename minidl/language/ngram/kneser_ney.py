"""Interpolated Kneser-Ney smoothing with modified discounts (Kneser and Ney 1995; Chen and Goodman 1999).

Each count gives up a discount; what a context's words gave up is shared out by the model of one word less, which
counts not how often a word occurs but after how many different words. Deep Learning, section 12.4.1. Details that the
papers leave open are those of KenLM (Heafield and others 2013), so that models are equal to ``lmplz``'s.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import ArgumentError, DataError
from ..vocabulary import Vocabulary
from .backoff import BackoffModel
from .counts import Counts
from .interpolate import interpolate

FALLBACK = (0.5, 1.0, 1.5)  # discounts that KenLM takes on request where they cannot be estimated


def kneser_ney(
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
    prune, interpolate_unigrams : see :func:`.interpolate.interpolate`
    fallback : three float, optional
        Discounts of counts 1, 2 and more, for orders where they cannot be estimated; :data:`FALLBACK` is a usual choice.

    Raises
    ------
    ArgumentError
        Thresholds other than above, or another vocabulary.
    DataError
        The text is too small, or was cut, so that discounts cannot be estimated; says for which order and why.
    """

    def gives(order: int, c: np.ndarray, context: np.ndarray) -> np.ndarray:
        return discounts(c, order, fallback)[np.minimum(c, 3).astype(np.int64)]

    return interpolate(counts, vocabulary, counts.adjusted, gives, prune, interpolate_unigrams)


def discounts(c: np.ndarray, order: int, fallback: tuple[float, float, float] | None = None) -> np.ndarray:
    """What counts of 0, 1, 2, and 3 or more give up, (4,): Chen and Goodman's estimates from n1 ... n4.

    Raises
    ------
    DataError
        See :func:`kneser_ney`.
    """
    if fallback is not None and not all(0 < d <= j for j, d in enumerate(fallback, 1)):
        raise ArgumentError(f"kneser-ney: fallback must be discounts above 0 and at most 1, 2 and 3, got {fallback}")
    n = np.bincount(np.minimum(c, 5).astype(np.int64), minlength=6)
    if (n[1:4] > 0).all():
        y = n[1] / (n[1] + 2 * n[2])
        found = np.array([j - (j + 1) * y * n[j + 1] / n[j] for j in (1, 2, 3)])
        if (found > 0).all():  # a context that gives up nothing could not back off
            return np.array([0.0, *found])
    if fallback is not None:
        return np.array([0.0, *fallback])
    seen = ", ".join(f"n{j} = {n[j]}" for j in (1, 2, 3, 4))
    raise DataError(
        f"kneser-ney: no discounts for order {order}: {seen} n-grams have a count of 1, 2, 3, 4, and they are estimated "
        "from all of these; take more text, a lower order, or fixed discounts (fallback=, --discount-fallback)"
    )
