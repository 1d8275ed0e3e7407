"""A labelled stretch of an utterance: made from frames, and compared with where it truly is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...errors import ArgumentError, DataError


@dataclass(frozen=True)
class Segment:
    """A label, usually a phone or word, and where it starts and ends, in seconds."""

    label: str
    start: float
    end: float


def frames_to_segments(
    labels: Sequence[str], shift: float, offset: float = 0.0, units: Sequence[int] | np.ndarray | None = None
) -> tuple[Segment, ...]:
    """Runs of frames with equal labels, as segments.

    Parameters
    ----------
    labels : sequence of str
        One for each frame.
    shift : float
        Seconds from frame to frame.
    offset : float
        Where frame 0 starts. The middle of a frame of length L is L / 2 after its first sample, so that what is
        recognised in it belongs to the stretch from (L - shift) / 2 to (L + shift) / 2.
    units : (frames,) ints, optional
        A run ends where these change, too: so that a phone said twice in succession is two segments.

    Raises
    ------
    ArgumentError
        A shift that is not above 0; units of another length.
    """
    if not shift > 0:
        raise ArgumentError(f"segments: the shift must be above 0 seconds, got {shift}")
    units = np.zeros(len(labels), int) if units is None else np.asarray(units)
    if units.shape != (len(labels),):
        raise ArgumentError(f"segments: units must have the shape ({len(labels)},) of the labels, got {units.shape}")
    changes = [t for t in range(1, len(labels)) if labels[t] != labels[t - 1] or units[t] != units[t - 1]]
    bounds = [0, *changes, len(labels)] if len(labels) else []
    return tuple(Segment(labels[first], offset + first * shift, offset + end * shift) for first, end in pairwise(bounds))


def boundary_errors(found: Sequence[Segment], true: Sequence[Segment]) -> np.ndarray:
    """By how much each segment but the first starts too late, in seconds: (n - 1,) for n segments.

    Raises
    ------
    DataError
        Labels that are not the same in both.
    """
    for place, (own, other) in enumerate(zip(found, true, strict=False)):
        if own.label != other.label:
            raise DataError(f"segments: number {place} is {own.label!r} here and {other.label!r} in truth")
    if len(found) != len(true):
        raise DataError(f"segments: there are {len(found)} here and {len(true)} in truth")
    return np.array([own.start - other.start for own, other in zip(found[1:], true[1:], strict=True)], np.float64)


def checked(segments: Sequence[Segment]) -> Sequence[Segment]:
    """The same.

    Raises
    ------
    ArgumentError
        A time that is before 0 or no number, an end before the start.
    """
    for s in segments:
        if not 0 <= s.start <= s.end < math.inf:
            raise ArgumentError(
                f"segments: {s.label!r} must start at 0 or later and not end before, got {s.start} to {s.end}"
            )
    return segments
