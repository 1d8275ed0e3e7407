"""Resampling: the same sound at another number of samples per second."""

from __future__ import annotations

import operator
from fractions import Fraction

import numpy as np

from ...errors import ArgumentError, DataError
from .clip import MOST_SAMPLES, RATES, as_dtype, checked_samples


def resample(samples: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    """The samples (N,) of `rate` at `new_rate` instead, ceil(N * new_rate / rate) of them; dtype stays.

    Sound above half the lower rate is filtered out, as it would come back as another. int16 is rounded and clipped.

    Raises
    ------
    ArgumentError
        A rate outside 2 kHz to 384 kHz; samples that are not int16, float32 or float64 of one axis.
    DataError
        The result would be too long.
    """
    for value in (rate, new_rate):
        if not RATES[0] <= operator.index(value) <= RATES[1]:
            raise ArgumentError(f"resample: rates must be {RATES[0]} to {RATES[1]} Hz, got {rate} and {new_rate}")
    return by_fraction(checked_samples(samples, "resample"), Fraction(int(new_rate), int(rate)))


def by_fraction(samples: np.ndarray, ratio: Fraction) -> np.ndarray:
    """Checked samples (N,) made `ratio` times as many, by a polyphase filter.

    In principle zeros are put between the samples, so that there are `ratio.numerator` times as many; a low-pass filter
    fills them, and each `ratio.denominator`-th is kept. The filter is SciPy's: ten zero crossings on each side under a
    Kaiser window. Only what is kept is computed.
    """
    if ratio == 1:
        return samples.copy()
    if len(samples) * ratio > MOST_SAMPLES:
        raise DataError(f"resample: {len(samples)} samples would become {float(len(samples) * ratio):.3g}; cut the clip")
    if not samples.size:
        return samples.copy()
    from scipy.signal import resample_poly  # takes half a second to import

    values = samples.astype(np.float32) if samples.dtype == np.int16 else samples
    return as_dtype(resample_poly(values, ratio.numerator, ratio.denominator), samples.dtype)
