"""Classes of words that stand between the same neighbours: Brown and others (1992), by merging.

At first each of the most frequent words is a class of its own; then the next word comes in as one more, and those two
classes are merged that lose least of the mutual information between neighbours; and so on to the rarest word. This is
the windowed algorithm of Liang (2005, section 3.1): V words and C classes take V C^2 steps, here on arrays.
Deep Learning, section 12.4.2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...errors import ArgumentError
from ..vocabulary import SPECIAL, START_ID
from .counts import checked_text

_N_SPECIAL = len(SPECIAL)


def brown_clusters(ids: np.ndarray, size: int, n_classes: int) -> np.ndarray:
    """A class for every word.

    Parameters
    ----------
    ids : (n,) int array
        Sentences as :meth:`.Vocabulary.encode_sentences` gives them.
    size : int
        Of the vocabulary, whose words are in order, the most frequent first.
    n_classes : int
        Of words. The unknown word, and the start and end of a sentence, are classes of their own beside them.

    Returns
    -------
    (size,) int64
        By word: 0, 1 and 2 for the three special ones, from 3 to ``n_classes + 2`` for the others; so that a text of
        classes is again one that :func:`.counts.count` takes.

    Raises
    ------
    ArgumentError
        No classes, or more than there are words; ids that are no text of this size.
    DataError
        An empty text.
    """
    ids = checked_text(ids, size)
    if not 1 <= n_classes <= size - _N_SPECIAL:
        raise ArgumentError(
            f"brown_clusters: n_classes must be 1 to the {size - _N_SPECIAL} words that there are, got {n_classes}"
        )
    neighbours = ids[1:] != START_ID
    first, second = ids[:-1][neighbours], ids[1:][neighbours]
    before, after = _neighbours(second, first, size), _neighbours(first, second, size)
    n_first, n_second = np.bincount(first, minlength=size), np.bincount(second, minlength=size)
    newest = n_classes + _N_SPECIAL  # the place of the class that comes in
    window, classes = _Window(newest + 1), np.full(size, -1)
    for word in range(size):
        place = min(word, newest)
        classes[word] = place
        n_before, n_after = (
            np.bincount(classes[others] + 1, n, newest + 2)[1:] for others, n in (before(word), after(word))
        )  # without those that are not in yet
        window.put(place, n_before, n_after, n_second[word], n_first[word])
        if place == newest:
            a, b = window.cheapest()
            window.merge(a, b)
            classes[classes == b] = a
            classes[classes == newest] = b
    return classes


def _neighbours(words: np.ndarray, others: np.ndarray, size: int) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    """A function that gives a word's neighbours, and how often each stands there."""
    keys, counts = np.unique(words * size + others, return_counts=True)
    starts, others = np.searchsorted(keys, np.arange(size + 1) * size), keys % size
    return lambda word: (others[starts[word] : starts[word + 1]], counts[starts[word] : starts[word + 1]])


def _f(x: np.ndarray) -> np.ndarray:
    """x log x of whole numbers."""
    return x * np.log(np.maximum(x, 1.0))


def _of_pairs(x: np.ndarray) -> np.ndarray:
    return _f(x[:, None] + x)


class _Window:
    """Classes that may be merged, how often each stands before each, and what each merger would cost.

    The mutual information of neighbours, times their number, is the sum of f(n_ij) - n_ij (log l_i + log r_j) and a
    constant, where f(x) = x log x, n_ij is how often class j follows i, and l_i and r_j are how often they stand on
    the left and on the right at all. What a merger changes in the f of other classes' counts is a sum over those;
    it is kept, and corrected for the classes that change.

    Parameters
    ----------
    size : int
        How many, with the newest.
    """

    def __init__(self, size: int) -> None:
        self.n = np.zeros((size, size))
        self.left, self.right = np.zeros(size), np.zeros(size)
        self.sums = np.zeros((size, size))  # over k: f(n_ik + n_jk) + f(n_ki + n_kj)
        self._possible = np.triu(np.ones((size, size), bool), 1)
        self._possible[:_N_SPECIAL] = False

    def put(self, i: int, before: np.ndarray, after: np.ndarray, n_right: float, n_left: float) -> None:
        """A class in an empty place.

        Parameters
        ----------
        i : int
        before, after : (size,) array
            How often each class stands before it, and after it; itself in both.
        n_right, n_left : float
            How often it has something before it, and after it.
        """
        self.n[:, i], self.n[i] = before, after
        self.left[i], self.right[i] = n_left, n_right
        self._add(i)

    def _add(self, i: int) -> None:
        n, sums = self.n, self.sums
        sums += _of_pairs(n[:, i]) + _of_pairs(n[i])
        sums[i] = sums[:, i] = _f(n[i] + n).sum(1) + _f(n[:, i] + n.T).sum(1)

    def losses(self) -> np.ndarray:
        """What merging i and j loses of the mutual information, times the number of neighbours; (size, size)."""
        n, own, f = self.n, np.diag(self.n), _f(self.n)
        alone = f.sum(0) + f.sum(1)
        # In the sums the two themselves are among the others: their four counts are to become one.
        to, back = n + own[:, None], n.T + own[:, None]  # n_ii + n_ij, n_ii + n_ji
        twice = _f(to) + _f(back)
        inner = twice + twice.T - f - f.T - np.diag(f)[:, None] - np.diag(f) - _f(own[:, None] + own + n + n.T)
        marginal = self._marginal(n.sum(1), self.left) + self._marginal(n.sum(0), self.right)
        return alone[:, None] + alone - self.sums + inner + marginal

    @staticmethod
    def _marginal(inside: np.ndarray, total: np.ndarray) -> np.ndarray:
        both = (inside[:, None] + inside) * np.log(np.maximum(total[:, None] + total, 1.0))
        alone = inside * np.log(np.maximum(total, 1.0))
        return both - alone[:, None] - alone

    def cheapest(self) -> tuple[int, int]:
        """The two classes whose merger loses least, the lower place first."""
        losses = np.where(self._possible, self.losses(), np.inf)
        a, b = divmod(int(losses.argmin()), len(losses))
        return a, b

    def merge(self, a: int, b: int) -> None:
        """Make b part of a, and the newest class the new b."""
        n, sums = self.n, self.sums
        for i in (a, b):
            sums -= _of_pairs(n[:, i]) + _of_pairs(n[i])
        for counts in (n, n.T, self.left, self.right):
            counts[a] += counts[b]
            counts[b] = 0
        self._add(a)
        swapped = np.arange(len(n))
        swapped[[b, -1]] = swapped[[-1, b]]
        self.n, self.sums = n[np.ix_(swapped, swapped)], sums[np.ix_(swapped, swapped)]
        self.left, self.right = self.left[swapped], self.right[swapped]
