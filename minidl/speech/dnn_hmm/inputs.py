"""What a network reads: each frame between its neighbours, gathered from the recordings a batch at a time.

Frames overlap in their windows, so that all windows at once would take (2 * context + 1) times the features' memory; they
are a view here, and only a batch of them is copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import ArgumentError, DataError
from .types import checked_states

IGNORED = -100  # target of a frame that counts for nothing, as :func:`minidl.nn.losses.cross_entropy` has it


def windows(features: np.ndarray, context: int) -> np.ndarray:
    """What :func:`~minidl.speech.features.splice` gives with `context` on both sides, as a view of padded features.

    Parameters
    ----------
    features : (T, D) array
        At least one frame.
    context : int

    Returns
    -------
    (T, (2 * context + 1) * D) array
        Read only.
    """
    return _runs(_padded(features, context), context)


def _padded(features: np.ndarray, context: int) -> np.ndarray:
    """First and last frame repeated `context` times, contiguous."""
    return np.ascontiguousarray(np.pad(features, ((context, context), (0, 0)), mode="edge"))


def _runs(frames: np.ndarray, context: int) -> np.ndarray:
    """Every run of 2 * context + 1 frames of contiguous (T, D), as one row of a view."""
    width = frames.shape[1]
    return np.lib.stride_tricks.sliding_window_view(frames.reshape(-1), (2 * context + 1) * width)[::width]


class Frames:
    """The frames of many utterances in one float32 array, with the state that each is aligned to.

    Parameters
    ----------
    features : {utterance: (T, D) floats}
    alignments : {utterance: (T,) ints}
        Of the same utterances.
    n_states : int
    context : int
        Neighbours on each side of a frame.

    Attributes
    ----------
    windows : (places, (2 * context + 1) * D) view
    places : (frames,) int array
        The row of `windows` that has each frame in its middle.
    targets : (frames,) int array
    starts : (utterances + 1,) int array
        The first frame of each utterance, and the number of all.
    """

    def __init__(
        self, features: Mapping[str, np.ndarray], alignments: Mapping[str, np.ndarray], n_states: int, context: int
    ) -> None:
        if context < 0:
            raise ArgumentError(f"context must be at least 0 frames, got {context}")
        pieces: list[np.ndarray] = []
        places, targets, starts = [], [], [0]
        row = 0
        for name, own in features.items():
            own = checked_features(own, name)
            states = checked_states(alignments[name], n_states, name)
            if len(states) != len(own):
                raise DataError(f"{name}: {len(own)} frames of features but {len(states)} of alignment; make both again")
            if not len(own):
                continue
            if pieces and own.shape[1] != pieces[0].shape[1]:
                raise DataError(f"{name}: {own.shape[1]} features a frame, where the others have {pieces[0].shape[1]}")
            pieces.append(_padded(own, context))
            places.append(np.arange(row, row + len(own)))
            targets.append(states)
            starts.append(starts[-1] + len(own))
            row += len(pieces[-1])
        if not pieces:
            raise DataError("there is no frame to learn from; give utterances that have features and an alignment")
        self.windows = _runs(np.concatenate(pieces), context)
        self.places, self.targets = np.concatenate(places), np.concatenate(targets)
        self.starts = np.array(starts)
        self._middle = slice(context * pieces[0].shape[1], (context + 1) * pieces[0].shape[1])

    def single(self) -> np.ndarray:
        """Each frame without its neighbours, (frames, D)."""
        return self.windows[self.places, self._middle]


class _Samples:
    """A dataset whose samples are made by the batch."""

    def __getitem__(self, i: int) -> tuple[np.ndarray, ...]:
        if not -len(self) <= i < len(self):
            raise IndexError(f"{type(self).__name__}: sample {i} of {len(self)}")  # iteration ends by it
        return tuple(a[0] for a in self.batch(np.array([i % len(self)])))

    def __len__(self) -> int:
        raise NotImplementedError

    def batch(self, index: np.ndarray, epoch: int = 0) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError


class FrameDataset(_Samples):
    """Single frames as samples, for :class:`minidl.data.Loader`: (window, state)."""

    def __init__(self, frames: Frames) -> None:
        self.frames = frames

    def __len__(self) -> int:
        return len(self.frames.targets)

    def batch(self, index: np.ndarray, epoch: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """(n, (2 * context + 1) * D) float32, (n,) int64."""
        return self.frames.windows[self.frames.places[index]], self.frames.targets[index]


class ChunkDataset(_Samples):
    """Pieces of utterances as samples, for recurrent networks.

    A piece has `length` frames that count, and before them up to `warm_up` that do not: on those the network finds the
    state that it would be in, had it read from the start. So pieces can come in any order.

    Parameters
    ----------
    frames : Frames
    length, warm_up : int
        In frames.
    delay : int
        Frames that are read beyond the last one that counts; see :class:`~.networks.RecurrentNetwork`.
    """

    def __init__(self, frames: Frames, length: int = 40, warm_up: int = 20, delay: int = 0) -> None:
        if length < 1 or warm_up < 0 or delay < 0:
            raise ArgumentError(f"ChunkDataset: needs length >= 1, warm_up and delay >= 0; got {length}, {warm_up}, {delay}")
        self.frames, self.length, self.warm_up, self.delay = frames, length, warm_up, delay
        chunks: list[Any] = []
        for begin, end in zip(frames.starts[:-1], frames.starts[1:], strict=True):
            first = np.arange(begin, end, length)
            chunks.append(np.stack([np.maximum(first - warm_up, begin), first, np.minimum(first + length, end)], 1))
            chunks[-1] = np.column_stack([chunks[-1], np.full(len(first), end - 1)])
        self._chunks = np.concatenate(chunks)  # where reading begins, what counts from and to, the utterance's last frame

    def __len__(self) -> int:
        return len(self._chunks)

    def batch(self, index: np.ndarray, epoch: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Windows (n, warm_up + length + delay, D'), states (n, warm_up + length), :data:`IGNORED` where none counts."""
        read, first, stop, last = (column[:, None] for column in self._chunks[index].T)
        at = read + np.arange(self.warm_up + self.length + self.delay)
        inside = np.minimum(at, last)
        counts = ((at >= first) & (at < stop))[:, : self.warm_up + self.length]
        targets = np.where(counts, self.frames.targets[inside[:, : counts.shape[1]]], IGNORED)
        return self.frames.windows[self.frames.places[inside]], targets


def checked_features(features: np.ndarray, name: str, n_features: int | None = None) -> np.ndarray:
    """One utterance's features as float32; errors begin with its name.

    Raises
    ------
    ArgumentError
        Not (T, D), or not of `n_features`.
    DataError
        NaN or infinity.
    """
    x = np.asarray(features, np.float32)
    if x.ndim != 2 or not x.shape[1] or (n_features is not None and x.shape[1] != n_features):
        raise ArgumentError(f"{name}: features must be (frames, {n_features or 'D'}), got {x.shape}")
    if not np.isfinite(x).all():
        raise DataError(f"{name}: frame {int((~np.isfinite(x)).any(1).argmax())} is not finite; leave the utterance out")
    return x


def paired(
    features: Mapping[str, np.ndarray], alignments: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Features of the utterances that are in both mappings, by name, and the names that are in one alone.

    Raises
    ------
    DataError
        None is in both.
    """
    common = sorted(features.keys() & alignments.keys())
    if not common:
        raise DataError(
            f"none of {len(features)} utterances with features is among the {len(alignments)} with an alignment; "
            "are they called by the same names?"
        )
    return {name: features[name] for name in common}, tuple(sorted(features.keys() ^ alignments.keys()))
