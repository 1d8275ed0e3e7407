"""A clip: the samples of one channel and their rate."""

from __future__ import annotations

import operator
from dataclasses import dataclass

import numpy as np

from ...errors import ArgumentError

RATES = 2_000, 384_000  # Hz: less holds no speech, more no sound card delivers
MOST_SAMPLES = 2**28  # more than four hours at 16 kHz, 1 GiB as float32


@dataclass(frozen=True, eq=False)
class Audio:
    """A recording of one channel.

    Attributes
    ----------
    samples : (N,) array
        int16, or float32 with full scale at -1 and 1.
    rate : int
        Samples per second.

    Raises
    ------
    ArgumentError
        Samples of another kind or shape; a rate below 1.
    """

    samples: np.ndarray
    rate: int

    def __post_init__(self) -> None:
        samples = self.samples
        if not isinstance(samples, np.ndarray) or samples.ndim != 1 or samples.dtype not in (np.int16, np.float32):
            raise ArgumentError(f"audio: samples must be an int16 or float32 array (N,), got {describe(samples)}")
        object.__setattr__(self, "rate", operator.index(self.rate))
        if self.rate < 1:
            raise ArgumentError(f"audio: the rate must be at least 1 Hz, got {self.rate}")

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


def checked_samples(samples: np.ndarray, what: str) -> np.ndarray:
    """The samples (N,), which must be int16, float32 or float64; ArgumentError for all else names `what`."""
    samples = np.asarray(samples)
    if samples.ndim != 1 or samples.dtype not in (np.int16, np.float32, np.float64):
        raise ArgumentError(f"{what}: samples must be int16, float32 or float64 (N,), got {describe(samples)}")
    return samples


def describe(samples: object) -> str:
    return f"{samples.dtype} {samples.shape}" if isinstance(samples, np.ndarray) else type(samples).__name__


def as_dtype(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Floats as samples of `dtype`; for int16 they are rounded, and clipped, as wrapping round would be a loud click."""
    if dtype == np.int16:
        return np.clip(np.rint(values), -32768, 32767).astype(np.int16)
    return values.astype(dtype, copy=False)
