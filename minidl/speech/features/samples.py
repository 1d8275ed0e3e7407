"""Samples: checks of a clip before anything is computed of it, and its scale."""

from __future__ import annotations

import numpy as np

from ...errors import ArgumentError, DataError
from .profiles import Profile

_TOO_LOUD = 16.0  # floats beyond this are certainly 16-bit samples that nobody divided


def checked_samples(samples: np.ndarray, rate: int, profile: Profile, which: str = "the clip") -> np.ndarray:
    """The clip (..., N) as floats in the profile's scale: float64 stays float64, all else becomes float32.

    16-bit integers have full scale 32768, floats have full scale 1. `which` names the
    clip in errors.

    Raises
    ------
    ArgumentError
        Another rate than the profile's; other dtypes; floats in the scale of integers.
    DataError
        A sample that is not finite.
    """
    samples = np.asarray(samples)
    if rate != profile.sample_rate:
        raise ArgumentError(
            f"features: profile {profile.name} is for {profile.sample_rate} Hz, {which} has {rate} Hz; "
            f"resample it or replace(profile, sample_rate={rate})"
        )
    if samples.dtype == np.int16:
        scaled = samples.astype(np.float32)
        return scaled if profile.full_scale == 32768 else scaled * np.float32(profile.full_scale / 32768)
    if samples.dtype not in (np.float32, np.float64):
        raise ArgumentError(f"features: {which} must be int16, or float32 or float64 in -1 to 1; got {samples.dtype}")
    if samples.size and not (samples.min() > -_TOO_LOUD and samples.max() < _TOO_LOUD):  # nan is neither
        _refuse(samples, which)
    return samples * samples.dtype.type(profile.full_scale)


def _refuse(samples: np.ndarray, which: str) -> None:
    bad = np.flatnonzero(~np.isfinite(samples))
    if bad.size:
        first = f"sample {bad[0]} of {which} is {samples.flat[bad[0]]}"
        raise DataError(f"features: {first} ({bad.size} of {samples.size} are not finite); repair it")
    loudest = float(np.abs(samples).max())
    raise ArgumentError(
        f"features: floats must be in -1 to 1, {which} goes up to {loudest:g}; divide 16-bit values by 32768"
    )
