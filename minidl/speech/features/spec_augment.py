"""SpecAugment: hides bands and stretches of a spectrogram, and bends its time, so that a network learns not to rely on any.

Park et al., "SpecAugment: A Simple Data Augmentation Method for Automatic Speech Recognition" (2019), section 2 and table 1.
Their image warp moves points on a line through time, which is a piecewise-linear change of time; here it is written as one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import ArgumentError


@dataclass(frozen=True)
class SpecAugment:
    """How much is changed; the paper's letters in brackets.

    Attributes
    ----------
    warp : int
        How far a frame moves at most (W). 0 for frames with labels, which would have to move along.
    band_width, bands : int
        The widest mask over frequency (F), and how many of them (mF).
    stretch_width, stretches : int
        The longest mask over time in frames (T), and how many of them (mT).
    stretch_share : float
        No single mask over time is longer than this share of the clip (p).

    Raises
    ------
    ArgumentError
        A negative number, a share above 1.
    """

    warp: int
    band_width: int
    bands: int
    stretch_width: int
    stretches: int
    stretch_share: float = 1.0

    def __post_init__(self) -> None:
        counts = self.warp, self.band_width, self.bands, self.stretch_width, self.stretches
        if min(counts) < 0 or not 0 <= self.stretch_share <= 1:
            raise ArgumentError(f"spec_augment: numbers must be at least 0 and the share at most 1; got {self}")


# LibriSpeech basic and double, Switchboard mild and strong: table 1
POLICIES = {
    "LB": SpecAugment(80, 27, 1, 100, 1, 1.0),
    "LD": SpecAugment(80, 27, 2, 100, 2, 1.0),
    "SM": SpecAugment(40, 15, 2, 70, 2, 0.2),
    "SS": SpecAugment(40, 27, 2, 70, 2, 0.2),
}


def spec_augment(
    features: np.ndarray, policy: str | SpecAugment, rng: np.random.Generator | int, fill: str = "mean"
) -> np.ndarray:
    """A changed copy of a spectrogram: time bent, then bands and stretches hidden.

    Parameters
    ----------
    features : (T, D) float array
        D neighbouring bands, as log-mel features have. Cepstra are none.
    policy : str or SpecAugment
        A name in `POLICIES`, or one's own; ``dataclasses.replace(POLICIES["LD"], warp=0)`` changes one.
    rng : numpy.random.Generator or int
    fill : {"mean", "zero"}
        What stands in hidden places: the mean of each band over the clip, or 0; the same for features that are
        normalised over the clip.

    Returns
    -------
    (T, D) array
        Of the same dtype. A clip too short for the policy's warp is not bent.

    Raises
    ------
    ArgumentError
        No such policy or fill; other features; a policy that may hide all D bands at once.
    """
    features = np.asarray(features)
    if features.ndim != 2 or not len(features) or features.dtype.kind != "f":
        raise ArgumentError(f"spec_augment: features must be floats (T, D) of a frame or more; got {features.shape}")
    if isinstance(policy, str):
        if policy not in POLICIES:
            raise ArgumentError(f"spec_augment: there is no policy {policy!r}; there are {', '.join(POLICIES)}")
        policy = POLICIES[policy]
    n_frames, n_bands = features.shape
    if policy.bands and policy.band_width >= n_bands:
        raise ArgumentError(
            f"spec_augment: masks {policy.band_width} bands wide may hide all {n_bands}; replace(policy, band_width=...)"
        )
    if fill not in ("mean", "zero"):
        raise ArgumentError(f"spec_augment: fill must be 'mean' or 'zero', got {fill!r}")
    rng = np.random.default_rng(rng)
    value = features.mean(0) if fill == "mean" else np.zeros_like(features[0])
    changed = warped(features, *_draw_warp(n_frames, policy.warp, rng))
    for _ in range(policy.bands):
        hidden = _draw_mask(n_bands, policy.band_width, rng)
        changed[:, hidden] = value[hidden]
    longest = min(policy.stretch_width, int(policy.stretch_share * n_frames))
    for _ in range(policy.stretches):
        changed[_draw_mask(n_frames, longest, rng)] = value
    return changed


def warped(features: np.ndarray, source: int, target: int) -> np.ndarray:
    """A copy of (T, D) in which frame `source` lies at `target`, the first and the last stay, and those between spread."""
    last = len(features) - 1
    if source == target:
        return features.copy()
    times = np.interp(np.arange(last + 1), [0, target, last], [0, source, last])
    before = np.minimum(times.astype(int), last - 1)
    share = (times - before)[:, None].astype(features.dtype)
    return (1 - share) * features[before] + share * features[before + 1]


def _draw_warp(n_frames: int, most: int, rng: np.random.Generator) -> tuple[int, int]:
    """Which frame moves, and where to: one that is more than `most` frames from both ends, up to `most` either way."""
    if n_frames < 2 * most + 3:
        return 0, 0
    source = int(rng.integers(most + 1, n_frames - 1 - most))
    return source, source + int(rng.integers(-most, most + 1))


def _draw_mask(n: int, widest: int, rng: np.random.Generator) -> slice:
    """A stretch of n places: its width uniform from 0 to `widest`, then its start uniform where it fits."""
    width = int(rng.integers(min(widest, n) + 1))
    start = int(rng.integers(n - width + 1))
    return slice(start, start + width)
