"""What each state of each phone is like between each pair of neighbours: the sums that decision trees are grown from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .alignment import Alignment, frames_of
from .phone_set import PhoneSet


@dataclass(frozen=True)
class ContextStatistics:
    """Sums over the frames of each state in context that was seen; those of parts add up to those of all.

    Attributes
    ----------
    keys : (n, 4) int array
        Phone, state, left and right neighbour; sorted, each once.
    counts : (n,) array
    first, second : (n, D) arrays
        Of frames and of their squares.
    """

    keys: np.ndarray
    counts: np.ndarray
    first: np.ndarray
    second: np.ndarray

    def __add__(self, other: ContextStatistics) -> ContextStatistics:
        parts = (self, other)
        keys, where = np.unique(np.concatenate([p.keys for p in parts]), axis=0, return_inverse=True)
        where = where.reshape(-1)
        sums = []
        for name in ("counts", "first", "second"):
            values = np.concatenate([getattr(p, name) for p in parts])
            total = np.zeros((len(keys), *values.shape[1:]))
            np.add.at(total, where, values)
            sums.append(total)
        return ContextStatistics(keys, *sums)


def accumulate_contexts(
    alignments: Mapping[str, Alignment], features: Mapping[str, np.ndarray], phones: PhoneSet
) -> ContextStatistics:
    """Sums over aligned utterances; silence is the same whatever its neighbours, and counts as its own.

    Raises
    ------
    DataError
        See :func:`.frames_of`.
    """
    width = next((np.shape(f)[-1] for f in features.values()), 0)
    keys, frames = [np.zeros((0, 4), np.int64)], [np.zeros((0, width)), *frames_of(alignments, features)]
    for alignment in alignments.values():
        lefts, rights = (np.where(alignment.phones == phones.silence, phones.silence, side)
                         for side in alignment.neighbours(phones.silence))  # fmt: skip
        keys.append(np.stack([alignment.phones, alignment.states, lefts, rights], axis=1))
    every, where = np.unique(np.concatenate(keys), axis=0, return_inverse=True)
    order, x = np.argsort(where.reshape(-1), kind="stable"), np.concatenate(frames)
    counts = np.bincount(where.reshape(-1), minlength=len(every))
    begins = np.cumsum(counts) - counts
    sums = (np.add.reduceat(values[order], begins) for values in (x, x * x))
    return ContextStatistics(every, counts.astype(np.float64), *sums)
