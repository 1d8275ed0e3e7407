"""Examples with few features each: for every row, the numbers of its features and their values, and a label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import ShapeError


@dataclass(frozen=True)
class SparseRows:
    """Rows of a sparse matrix (compressed, "CSR") with labels.

    Attributes
    ----------
    starts : int64 (N + 1,)
        Row i has the entries from ``starts[i]`` to ``starts[i + 1]``.
    features : int64 (number of entries,)
        Ascending within a row. (NumPy gathers by int64; from a shorter type it would convert for every example.)
    values : float32 (number of entries,)
    labels : float32 (N,)
    n_features : int
    """

    starts: np.ndarray
    features: np.ndarray
    values: np.ndarray
    labels: np.ndarray
    n_features: int

    def __post_init__(self) -> None:
        if len(self.starts) != len(self.labels) + 1 or len(self.features) != len(self.values):
            raise ShapeError(
                f"SparseRows: {len(self.starts)} starts for {len(self.labels)} labels, "
                f"{len(self.features)} features for {len(self.values)} values"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def dot(self, w: np.ndarray) -> np.ndarray:
        """The product of every row with `w` (n_features,), float64 (N,)."""
        running = np.concatenate([[0.0], np.cumsum(self.values * w[self.features], dtype=np.float64)])
        return running[self.starts[1:]] - running[self.starts[:-1]]

    def counts(self) -> np.ndarray:
        """In how many rows each feature occurs, int64 (n_features,)."""
        return np.bincount(self.features, minlength=self.n_features)


def rcv1_like(
    n: int = 20_000, n_features: int = 47_236, per_row: int = 75, seed: int = 0, noise: float = 0.05
) -> SparseRows:
    """Made-up text: documents of `per_row` words out of `n_features`, in two classes, as sparse as RCV1.

    Words are drawn as in a language, the k-th most frequent in proportion to 1 / (k + 100); rows have length 1. The
    classes are the two sides of a random plane, `noise` of the labels turned round.
    """
    rng = np.random.default_rng(seed)
    share = np.cumsum(1 / (np.arange(n_features) + 100.0))
    drawn = np.searchsorted(share, rng.random((n, per_row)) * share[-1]).astype(np.int64)
    drawn.sort(1)
    fresh = np.ones(drawn.shape, bool)  # a word that a row has twice counts once
    fresh[:, 1:] = drawn[:, 1:] != drawn[:, :-1]
    lengths = fresh.sum(1)
    values = rng.gamma(2.0, size=drawn.shape) * fresh
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    features = rng.permutation(n_features).astype(np.int64)[drawn]
    features[~fresh] = n_features  # sorted to the end of the row, and left out
    order = features.argsort(1)
    features, values = np.take_along_axis(features, order, 1), np.take_along_axis(values, order, 1)
    kept = features < n_features
    rows = SparseRows(
        np.concatenate([[0], np.cumsum(lengths)]), features[kept], values[kept].astype(np.float32),
        np.zeros(n, np.float32), n_features,
    )  # fmt: skip
    labels = np.where(rows.dot(rng.standard_normal(n_features)) > 0, 1.0, -1.0)
    labels[rng.random(n) < noise] *= -1
    rows.labels[:] = labels
    return rows
