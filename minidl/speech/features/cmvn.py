"""Cepstral mean and variance normalisation: takes out what a microphone, a room or a voice adds to every frame."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import ArgumentError, DataError

_LEAST_VARIANCE = 1e-20  # Kaldi's, `transform/cmvn.cc`
_LEAST_SHARE = 1e-12  # of the mean's square: a smaller variance is rounding


@dataclass(frozen=True)
class Moments:
    """Count, sum (D,) and sum of squares (D,) of frames in float64; those of two sets of frames add."""

    count: int
    total: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> Moments:
        """Of the frames (T, D). DataError for values that are not finite, ArgumentError for another shape."""
        features = np.asarray(features, np.float64)
        if features.ndim != 2:
            raise ArgumentError(f"cmvn: features must be (T, D), got shape {features.shape}")
        if not np.isfinite(features).all():
            raise DataError(f"cmvn: frame {np.flatnonzero(~np.isfinite(features).all(1))[0]} is not finite; leave it out")
        return cls(len(features), features.sum(0), np.square(features).sum(0))

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.count + other.count, self.total + other.total, self.squares + other.squares)

    def normalise(self, features: np.ndarray, variance: bool = False) -> np.ndarray:
        """The features (T, D) less the mean of these moments, and with `variance` over their deviation; dtype stays.

        What does not vary becomes 0. ArgumentError for moments of no frames or of another width.
        """
        features = np.asarray(features)
        if self.count == 0 or features.shape[1:] != self.total.shape:
            raise ArgumentError(
                f"cmvn: moments of {self.count} frames of {self.total.size} do not fit features {features.shape}"
            )
        mean = self.total / self.count
        scale = np.ones_like(mean)
        if variance:
            least = np.maximum(_LEAST_VARIANCE, _LEAST_SHARE * mean**2)
            scale = np.maximum(self.squares / self.count - mean**2, least) ** -0.5
        return ((features - mean) * scale).astype(features.dtype)


def cmvn_utterance(features: Sequence[np.ndarray], variance: bool = False) -> list[np.ndarray]:
    """Each utterance (T_i, D) normalised by itself; see :class:`Moments`."""
    return [Moments.of(f).normalise(f, variance) for f in features]


def cmvn_speaker(features: Sequence[np.ndarray], speakers: Sequence[Hashable], variance: bool = False) -> list[np.ndarray]:
    """Each utterance (T_i, D) normalised by all of its speaker's; ArgumentError unless each has a speaker."""
    if len(features) != len(speakers):
        raise ArgumentError(f"cmvn: {len(features)} utterances but {len(speakers)} speakers; name one speaker for each")
    moments: dict[Hashable, Moments] = {}
    for f, speaker in zip(features, speakers, strict=True):
        own = Moments.of(f)
        moments[speaker] = moments[speaker] + own if speaker in moments else own
    return [moments[speaker].normalise(f, variance) for f, speaker in zip(features, speakers, strict=True)]


def cmvn_global(features: Sequence[np.ndarray], variance: bool = False) -> list[np.ndarray]:
    """Each utterance (T_i, D) normalised by all of them."""
    return cmvn_speaker(features, ["all"] * len(features), variance)
