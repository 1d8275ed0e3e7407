"""Problems whose gradient at one example touches few weights: logistic regression, SVM, matrix factorisation.

These are those of Recht, Ré, Wright and Niu (2011), section 2. A training step takes a few microseconds, so it is
written as one plain loop over examples: at this size, a graph, a batch or an optimizer would cost more than the
arithmetic. The penalty on a weight is divided by the number of examples that touch it, so that it stays sparse too.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import Any

import numpy as np

from ...data.ratings import Ratings
from ...data.sparse import SparseRows
from ...errors import ArgumentError


class Problem:
    """A sum over examples; a step of example i is ``w[index] += change``.

    Attributes
    ----------
    shape : tuple
        Of the weights `w`, float32. The first axis is what a lock stands for.
    """

    shape: tuple[int, ...]

    def __len__(self) -> int:
        """Examples."""
        raise NotImplementedError

    def start(self, seed: int) -> np.ndarray:
        """Weights to begin with."""
        return np.zeros(self.shape, np.float32)

    def run(self, w: np.ndarray, order: Sequence[int], step: float) -> None:
        """One step of each example in `order`, in place: reads what is there and writes back only what it touched."""
        raise NotImplementedError

    def change(self, w: np.ndarray, i: int, step: float) -> tuple[Any, Any]:
        """Index and change of example i's step, not applied: for those who wait, or lock, in between."""
        raise NotImplementedError

    def loss(self, w: np.ndarray) -> float:
        """Mean over examples, with the penalty."""
        raise NotImplementedError


class Linear(Problem):
    """Two classes told apart by the sign of ``x @ w``; a subclass names the loss.

    Parameters
    ----------
    rows : SparseRows
    penalty : float
        Factor of ``|w|**2 / 2`` in the sum over all examples.
    """

    def __init__(self, rows: SparseRows, penalty: float = 0.0) -> None:
        _check_penalty(penalty)
        self.rows, self.penalty, self.shape = rows, penalty, (rows.n_features,)
        self._starts, self._labels = rows.starts.tolist(), rows.labels.tolist()  # Python numbers: faster one by one
        self._shrink = None
        if penalty:
            self._shrink = (penalty / np.maximum(rows.counts(), 1)).astype(np.float32)[rows.features]

    def __len__(self) -> int:
        return len(self.rows)

    @staticmethod
    def pull(margin: float) -> float:
        """Minus the derivative of the loss with respect to the margin ``y * (x @ w)``."""
        raise NotImplementedError

    def run(self, w: np.ndarray, order: Sequence[int], step: float) -> None:
        starts, labels, shrink, pull = self._starts, self._labels, self._shrink, self.pull
        features, values, take = self.rows.features, self.rows.values, w.take
        for i in order:
            a, b = starts[i], starts[i + 1]
            index, x, y = features[a:b], values[a:b], labels[i]
            u = take(index)
            force = pull(y * float(u.dot(x)))
            if shrink is not None:
                u -= step * shrink[a:b] * u
            elif not force:
                continue
            u += x * (step * y * force)
            w[index] = u

    def change(self, w: np.ndarray, i: int, step: float) -> tuple[Any, Any]:
        a, b = self._starts[i], self._starts[i + 1]
        index, x, y = self.rows.features[a:b], self.rows.values[a:b], self._labels[i]
        u = w.take(index)
        change = x * (step * y * self.pull(y * float(u.dot(x))))
        if self._shrink is not None:
            change -= step * self._shrink[a:b] * u
        return index, change

    def loss(self, w: np.ndarray) -> float:
        penalty = self.penalty / 2 * float(np.square(w, dtype=np.float64).sum()) / len(self)
        return float(self.losses(self.rows.labels * self.rows.dot(w)).mean()) + penalty

    def losses(self, margins: np.ndarray) -> np.ndarray:
        """The loss of each margin."""
        raise NotImplementedError

    def accuracy(self, w: np.ndarray, rows: SparseRows | None = None) -> float:
        """Share of rows on the right side."""
        rows = rows or self.rows
        return float((rows.labels * rows.dot(w) > 0).mean())


class Logistic(Linear):
    """Logistic regression, ``log(1 + exp(-y x.w))`` (Deep Learning, section 5.7.1)."""

    @staticmethod
    def pull(margin: float) -> float:
        return 1 / (1 + exp(margin)) if margin < 80 else 0.0

    def losses(self, margins: np.ndarray) -> np.ndarray:
        return np.logaddexp(0, -margins)


class SVM(Linear):
    """Support vector machine, ``max(0, 1 - y x.w)`` (Recht and others, equation 2.2)."""

    @staticmethod
    def pull(margin: float) -> float:
        return 1.0 if margin < 1 else 0.0

    def losses(self, margins: np.ndarray) -> np.ndarray:
        return np.maximum(0, 1 - margins)


class Factorisation(Problem):
    """Matrix completion, ``(l_user . r_item + mean - stars)**2 / 2`` (Recht and others, equation 2.4).

    Parameters
    ----------
    ratings : Ratings
    rank : int
        Length of the vectors l and r, the rows of `w`: users first, then items.
    penalty : float
        Factor of ``(|l|**2 + |r|**2) / 2`` for each rating of theirs.
    """

    def __init__(self, ratings: Ratings, rank: int = 10, penalty: float = 0.05) -> None:
        _check_penalty(penalty)
        if rank < 1:
            raise ArgumentError(f"Factorisation: rank must be at least 1, got {rank}")
        self.ratings, self.rank, self.penalty = ratings, rank, penalty
        self.shape = (ratings.n_users + ratings.n_items, rank)
        self.mean = float(ratings.stars.mean())
        pairs = np.stack([ratings.users, ratings.items + ratings.n_users], 1)
        self._pairs = pairs.astype(np.int64)
        self._wanted = (ratings.stars - self.mean).tolist()

    def __len__(self) -> int:
        return len(self.ratings)

    def start(self, seed: int) -> np.ndarray:
        scale = 0.3 / np.sqrt(self.rank)
        return np.random.default_rng(seed).normal(0, scale, self.shape).astype(np.float32)

    def run(self, w: np.ndarray, order: Sequence[int], step: float) -> None:
        pairs, wanted, keep = self._pairs, self._wanted, 1 - step * self.penalty
        for i in order:
            index = pairs[i]
            rows = w[index]
            error = step * (wanted[i] - float(rows[0].dot(rows[1])))
            change = rows[::-1] * error
            rows *= keep
            rows += change
            w[index] = rows

    def change(self, w: np.ndarray, i: int, step: float) -> tuple[Any, Any]:
        index = self._pairs[i]
        rows = w[index]
        error = step * (self._wanted[i] - float(rows[0].dot(rows[1])))
        return index, rows[::-1] * error - step * self.penalty * rows

    def loss(self, w: np.ndarray) -> float:
        """Root of the mean squared error over the ratings, without the penalty, as usual."""
        return self.rmse(w, self.ratings)

    def rmse(self, w: np.ndarray, ratings: Ratings) -> float:
        """Root of the mean squared error on some ratings; predictions are cut to what people gave here."""
        predicted = (w[ratings.users] * w[ratings.items + ratings.n_users]).sum(1) + self.mean
        low, high = self.ratings.stars.min(), self.ratings.stars.max()
        return float(np.sqrt(np.square(predicted.clip(low, high) - ratings.stars, dtype=np.float64).mean()))


def _check_penalty(penalty: float) -> None:
    if not 0 <= penalty < np.inf:
        raise ArgumentError(f"the penalty must not be negative, got {penalty}")
