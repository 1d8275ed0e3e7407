"""Utterances of different length, frame by frame side by side: no padding, and one matrix product a time step.

The frames of time 0 of all utterances come first, then those of time 1, and so on. Longer utterances stand before shorter
ones, so those that still go on at a time are the first of those a time before.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ...errors import ArgumentError, DataError


class Packing:
    """The order of the frames of some utterances.

    Attributes
    ----------
    order : (N,) int array
        Utterances, longest first.
    active : (T,) int array
        How many go on at each time.
    begins : (T,) int array
        The row of each time's first frame.
    rows : (frames,) int array
        Of each packed frame, its place among the utterances' frames one after the other.
    last : (N,) int array
        The row of the last frame of each utterance in `order`.
    """

    def __init__(self, lengths: Sequence[int]) -> None:
        n = self._given = np.asarray(lengths, np.int64)
        self.order = np.argsort(-n, kind="stable")
        self._lengths = n[self.order]
        self.active = (self._lengths[:, None] > np.arange(n.max())).sum(0)
        self.begins = np.cumsum(self.active) - self.active
        offsets = (np.cumsum(n) - n)[self.order]
        time = np.repeat(np.arange(len(self.active)), self.active)
        place = np.arange(len(time)) - self.begins[time]
        self.rows = offsets[place] + time
        self.last = self.begins[self._lengths - 1] + np.arange(len(n))
        self.earlier = np.flatnonzero(time + 1 < self._lengths[place])  # the frames that another follows
        self.later = self.begins[time[self.earlier] + 1] + place[self.earlier]

    def steps(self) -> list[slice]:
        """The rows of each time."""
        return [slice(begin, begin + n) for begin, n in zip(self.begins, self.active, strict=True)]

    def unpack(self, packed: np.ndarray) -> list[np.ndarray]:
        """The rows of each utterance, utterances as they were given."""
        flat = np.empty_like(packed)
        flat[self.rows] = packed
        return pieces(flat, self._given)

    def over_frames(self, ufunc: np.ufunc, packed: np.ndarray) -> np.ndarray:
        """Numbers of packed frames (frames,) joined for each utterance, such as by np.add; (N,), as they were given."""
        flat = np.empty_like(packed)
        flat[self.rows] = packed
        return ufunc.reduceat(flat, np.cumsum(self._given) - self._given)


def pieces(rows: np.ndarray, lengths: Sequence[int] | np.ndarray) -> list[np.ndarray]:
    """Views of rows that belong together, so many each; what np.split does slowly."""
    return [rows[start:end] for start, end in pairwise(np.cumsum([0, *lengths]).tolist())]


def checked_scores(scores: Sequence[np.ndarray], n_states: int, names: Sequence[str] | None = None) -> list[np.ndarray]:
    """Log-likelihoods of utterances, each (frames, states) float64.

    Raises
    ------
    ArgumentError
        No utterances, another shape, no frames.
    DataError
        NaN or positive infinity; -inf says that a state cannot be.
    """
    if not len(scores):
        raise ArgumentError("hmm: there are no utterances")
    checked = [np.asarray(s, np.float64) for s in scores]
    for i, s in enumerate(checked):
        name = f"utterance {i if names is None else names[i]}"
        if s.ndim != 2 or not len(s) or s.shape[1] != n_states:
            raise ArgumentError(f"hmm: {name}: scores must be (frames, {n_states}) with at least a frame, got {s.shape}")
        if not (s < np.inf).all():  # NaN is not either
            frame, state = np.argwhere(np.isnan(s) | np.isposinf(s))[0]
            raise DataError(f"hmm: {name}: the score of state {state} at frame {frame} is {s[frame, state]}; mend it")
    return checked
