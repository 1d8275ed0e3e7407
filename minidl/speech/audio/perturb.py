"""Perturbation: a recording a little faster, louder or noisier, as if it were another one.

Speed after Ko et al., "Audio augmentation for speech recognition" (2015), who train on each recording at 0.9, 1 and 1.1
times its speed and scale the volume by a random factor (0.125 to 2 in Kaldi's recipes).
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ...errors import ArgumentError, DataError
from .clip import as_dtype, checked_samples
from .resampling import by_fraction

_LARGEST_PART = 1000  # of the fraction that stands for a factor
_FASTEST = 10


def change_speed(samples: np.ndarray, factor: float) -> np.ndarray:
    """The samples (N,) played `factor` times as fast: ceil(N / factor) at the same rate, pitch and formants too.

    `factor` is taken as the nearest fraction with a denominator up to 1000; the dtype stays.

    Raises
    ------
    ArgumentError
        A factor outside 0.1 to 10; other samples than int16, float32 or float64.
    """
    samples = checked_samples(samples, "change_speed")
    if not 1 / _FASTEST <= factor <= _FASTEST:
        raise ArgumentError(f"change_speed: the factor must be {1 / _FASTEST} to {_FASTEST}, got {factor}")
    return by_fraction(samples, 1 / Fraction(float(factor)).limit_denominator(_LARGEST_PART))


def change_volume(samples: np.ndarray, factor: float) -> np.ndarray:
    """The samples (N,) times `factor`; the dtype stays, int16 is rounded and clipped.

    Raises
    ------
    ArgumentError
        A factor that is not a finite number of at least 0; other samples than int16, float32 or float64.
    """
    samples = checked_samples(samples, "change_volume")
    if not (np.isfinite(factor) and factor >= 0):
        raise ArgumentError(f"change_volume: the factor must be at least 0 and finite, got {factor}")
    return as_dtype(samples * np.float64(factor), samples.dtype)


def add_noise(
    samples: np.ndarray, snr_db: float, rng: np.random.Generator | int, noise: np.ndarray | None = None
) -> np.ndarray:
    """The samples (N,) with noise whose energy in this clip is exactly `snr_db` decibels below theirs.

    Parameters
    ----------
    samples : (N,) array
        int16, float32 or float64; the dtype stays. int16 is rounded, and clipped where the sum is too loud.
    snr_db : float
        Ten times the decimal logarithm of signal energy over noise energy; negative for more noise than signal.
    rng : numpy.random.Generator or int
        Draws the noise, or where in `noise` to begin.
    noise : (M,) array, optional
        A recording of noise at the same rate and of any loudness, repeated where it is too short; white noise
        otherwise.

    Raises
    ------
    ArgumentError
        An SNR outside -200 to 200 dB; noise that is empty or silent; other samples than int16, float32 or float64.
    DataError
        The clip is silent, so that no noise has a ratio to it.
    """
    samples = checked_samples(samples, "add_noise")
    if not -200 <= snr_db <= 200:
        raise ArgumentError(f"add_noise: the SNR must be -200 to 200 dB, got {snr_db}")
    rng = np.random.default_rng(rng)
    clean = samples.astype(np.float64)
    if noise is None:
        added = rng.standard_normal(len(clean))
    else:
        noise = checked_samples(noise, "add_noise").astype(np.float64)
        if not noise.any():
            raise ArgumentError("add_noise: the noise is silent; give a recording of noise")
        start = rng.integers(max(1, len(noise) - len(clean) + 1))
        added = np.resize(noise[start:], len(clean))
    if not clean.any():
        raise DataError("add_noise: the clip is silent, so that no noise has a ratio to it; leave it out")
    if not added.any():
        raise ArgumentError("add_noise: the noise is silent where it was taken from; give noise without pauses")
    scale = np.sqrt(clean @ clean / (added @ added) * 10 ** (-snr_db / 10))
    return as_dtype(clean + scale * added, samples.dtype)
