"""Gaussian mixtures: how likely each frame of features is in each state of a recogniser (Deep Learning, section 12.3).

Model, accumulator and update are three things: :class:`GMM` scores, :func:`accumulate` sums over frames, and sums of
parts add up to those of the whole; :func:`update` makes the next model of them.
"""

from .model import GMM
from .split import split, split_targets
from .start import flat_start, kmeans_start
from .statistics import GMMStatistics, Sums, accumulate, accumulate_aligned
from .update import floored, update

__all__ = [
    "GMM", "GMMStatistics", "Sums", "accumulate", "accumulate_aligned", "flat_start", "floored", "kmeans_start", "split",
    "split_targets", "update",
]  # fmt: skip
