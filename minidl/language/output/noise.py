"""Words without context: how often each comes, and draws from that as noise for a network to tell from real words."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import ArgumentError
from ..vocabulary import START_ID


def unigram(counts: Any, size: int | None = None) -> np.ndarray:
    """Probabilities of the words without context, (V,) float64: one is added to each count, so that none is zero.

    Of a sentence's start, which is never next, it is zero.

    Raises
    ------
    ArgumentError
        Counts that are negative or no numbers, or not `size` of them.
    """
    counts = np.asarray(counts)
    if counts.ndim != 1 or counts.dtype.kind not in "iuf" or not np.all(counts >= 0):
        raise ArgumentError("output layer: counts must be one number for each word and not negative")
    if size is not None and counts.size != size:
        raise ArgumentError(f"output layer: {counts.size} counts for {size} words")
    smoothed = counts + 1.0
    smoothed[START_ID] = 0.0
    return smoothed / smoothed.sum()


def log_unigram(counts: Any, size: int) -> np.ndarray:
    """What a bias begins with, (V,) float32: the logarithm of :func:`unigram`; 0 for a sentence's start."""
    p = unigram(counts, size)
    p[START_ID] = 1.0
    return np.log(p).astype(np.float32)


class Noise:
    """Draws words with probability in proportion to ``count ** power``; never a sentence's start.

    Parameters
    ----------
    counts : (V,) ints
    power : float
        1 draws words as often as they come (Mnih and Teh, 2012), 0 all equally often; 0.75 is between.

    Attributes
    ----------
    p : (V,) float64
    log_p : (V,) float32
        Minus infinity for a sentence's start.
    """

    def __init__(self, counts: Any, power: float = 1.0) -> None:
        if not power >= 0:
            raise ArgumentError(f"Noise: power must not be negative, got {power!r}")
        p = unigram(counts)
        seen = p > 0
        p[seen] **= power
        self.p = p / p.sum()
        self.log_p = np.full(p.size, -np.inf, np.float32)
        self.log_p[seen] = np.log(self.p[seen])
        self._heap = np.cumsum(self.p)
        self._heap /= self._heap[-1]

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw `n` words with replacement; the cost follows n, not V.

        Returns
        -------
        words : (m,) int64
            Those that came, ascending, each once: with frequent words among them they are far fewer than n.
        times : (m,) float32
            How often each came; they sum to n.
        """
        at = np.sort(rng.random(n))  # neighbours in order are found in the same cache lines
        words = self._heap.searchsorted(at, side="right")
        first = np.flatnonzero(np.concatenate([[True], words[1:] != words[:-1]]))
        return words[first], np.diff(first, append=n).astype(np.float32)

    def log_inclusion(self, n: int) -> np.ndarray:
        """Log probability that a word is among `n` draws, (V,) float32: how often it is expected in the set of them."""
        with np.errstate(divide="ignore"):  # a sentence's start is never in it
            return np.log(-np.expm1(n * np.log1p(-self.p))).astype(np.float32)
