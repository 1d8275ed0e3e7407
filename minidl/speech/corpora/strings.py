"""Connected speech made of isolated words: recordings one after the other, with pauses and without clicks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import scipy.signal

from ..audio.clip import as_dtype

T = TypeVar("T")

LENGTHS = (3, 7)  # words of a string, at least and at most
_PAUSES = (0.05, 0.35)  # seconds before, between and after the words
_FADE = 0.005  # seconds
_QUIET = 0.02  # seconds: the stretch whose noise is taken for the pauses


def deal(recordings: Sequence[T], rng: np.random.Generator, n_strings: int | None = None) -> list[list[T]]:
    """Strings of 3 to 7 recordings; none comes again before all others have come.

    Parameters
    ----------
    recordings : sequence
    rng : numpy.random.Generator
    n_strings : int, optional
        By default so many that each recording comes about once.
    """
    if n_strings is None:
        n_strings = len(recordings) * 2 // sum(LENGTHS)
    lengths = rng.integers(LENGTHS[0], LENGTHS[1] + 1, n_strings)
    passes = math.ceil(lengths.sum() / max(1, len(recordings)))
    deck = [recordings[i] for _ in range(passes) for i in rng.permutation(len(recordings))]
    ends = np.cumsum(lengths)
    return [deck[end - length : end] for length, end in zip(lengths, ends, strict=True)]


def join(recordings: Sequence[np.ndarray], rate: int, rng: np.random.Generator) -> np.ndarray:
    """One recording of several: pauses of random length before, between and after them, with the noise that they have.

    Only the recordings' constant offset is taken away; their levels stay.

    Parameters
    ----------
    recordings : sequence of (N,) int16 arrays
    rate : int
    rng : numpy.random.Generator

    Returns
    -------
    (M,) int16 array
    """
    pieces = [samples - samples.mean() for samples in recordings]
    pauses = (rate * rng.uniform(*_PAUSES, len(pieces) + 1)).astype(int)
    starts = np.cumsum(pauses)[:-1] + np.cumsum([0, *map(len, pieces[:-1])])
    joined, inside = np.zeros((2, pauses.sum() + sum(map(len, pieces))))
    for start, piece in zip(starts, pieces, strict=True):
        envelope = _envelope(len(piece), int(_FADE * rate))
        joined[start : start + len(piece)] = piece * envelope
        inside[start : start + len(piece)] = envelope
    joined += (1 - inside) * _noise_like(_quietest(pieces, int(_QUIET * rate)), len(joined), rng)
    return as_dtype(joined, np.dtype(np.int16))


def _envelope(n: int, fade: int) -> np.ndarray:
    """1, and from 0 and back to 0 at the ends."""
    ramp = np.arange(1, n + 1) / (fade + 1)
    return np.minimum(1, np.minimum(ramp, ramp[::-1]))


def _quietest(pieces: Sequence[np.ndarray], n: int) -> np.ndarray:
    """The `n` samples in a row with the least energy, of those that begin at multiples of n / 2."""
    windows = [piece[i : i + n] for piece in pieces for i in range(0, max(1, len(piece) - n + 1), max(1, n // 2))]
    return min(windows, key=lambda window: window.var())


def _noise_like(example: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Noise with the power spectrum of an example: what comes of white noise when the example is used as a filter."""
    taps = (example - example.mean()) / math.sqrt(len(example))
    return scipy.signal.fftconvolve(rng.standard_normal(n + len(taps) - 1), taps, "valid")
