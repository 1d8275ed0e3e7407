"""Framing: where the short overlapping pieces of a clip begin, and what stands beyond its ends."""

from __future__ import annotations

import numpy as np

from .profiles import Profile


def n_frames(n_samples: int, profile: Profile) -> int:
    """How many frames a clip of that many samples has."""
    length, shift = profile.frame_samples, profile.shift_samples
    if n_samples == 0:
        return 0
    if profile.edges == "whole frames":
        return max(0, 1 + (n_samples - length) // shift)
    if profile.edges == "zeros after":
        return 1 + max(0, -((length - n_samples) // shift))
    if profile.edges == "zeros around":
        return max(0, 1 + (n_samples + 2 * (length // 2) - length) // shift)
    return (n_samples + shift // 2) // shift


def samples_before(profile: Profile) -> int:
    """How many samples the first frame begins before the clip."""
    if profile.edges == "zeros around":
        return profile.frame_samples // 2
    return profile.frame_samples // 2 - profile.shift_samples // 2 if profile.edges == "mirrored" else 0


def samples_after(n_samples: int, profile: Profile) -> int:
    """How many samples the last frame ends after a clip of that many samples; 0 if it ends within."""
    end = (n_frames(n_samples, profile) - 1) * profile.shift_samples + profile.frame_samples - samples_before(profile)
    return max(0, end - n_samples)


def extended(clip: np.ndarray, before: int, after: int, profile: Profile) -> np.ndarray:
    """The clip (N,) with what the profile says stands beyond its ends, (before + N + after,).

    Mirrored, sample -1 is sample 0 again, sample -2 is sample 1.
    """
    if not before and not after:
        return clip
    return np.pad(clip, (before, after), mode="symmetric" if profile.edges == "mirrored" else "constant")


def preemphasised(signal: np.ndarray, share: float, previous: float | None = None) -> np.ndarray:
    """x_t - share * x_{t-1} along the last axis; the first sample stays unless the one before it is given."""
    out = np.empty_like(signal)
    np.multiply(signal[..., :-1], signal.dtype.type(-share), out=out[..., 1:])
    out[..., :1] = 0 if previous is None else signal.dtype.type(-share) * signal.dtype.type(previous)
    out += signal
    return out
