"""The tract: a filter that changes with time, applied to the source moment by moment.

Resonators are those of Klatt (1980), equations 1 to 3. His program runs them sample by sample; here each 10 ms of
source, faded in and out and overlapping by half, pass through the filter of their middle by multiplication of spectra,
all at once. A filter is then only its frequency response, and a change of filters is a fade from the one to the other.
"""

from __future__ import annotations

import numpy as np
import scipy.fft

from .tracks import Shapes

RATE = 16000
HOP = 80  # samples: a filter every 5 ms, as Klatt's
_SIZE = 12 * HOP  # a source of 10 ms and 50 ms of ringing
_UPPER = ((3300, 250), (3750, 200), (4900, 1000), (5900, 1000), (6900, 1000))  # Hz; fixed formants, and a pole every 1000 Hz
_HIGHEST = 0.47 * RATE
_NASAL = 270.0  # Hz
_NASAL_BANDWIDTH = 100.0


def resonator(frequency: np.ndarray, bandwidth: np.ndarray) -> np.ndarray:
    """The denominators 1 - B/z - C/z^2 (..., 3) of resonators; Klatt (1980), equation 2. Their sum is his A."""
    radius = np.exp(-np.pi * np.asarray(bandwidth) / RATE)
    b = 2 * radius * np.cos(2 * np.pi * np.asarray(frequency) / RATE)
    return np.stack([np.ones_like(b), -b, radius**2], axis=-1)


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Products of polynomials, row by row: (T, n) and (T, m) give (T, n + m - 1)."""
    found = np.zeros((len(a), a.shape[1] + b.shape[1] - 1))
    for k in range(b.shape[1]):
        found[:, k : k + a.shape[1]] += b[:, k, None] * a
    return found


def voice_responses(shapes: Shapes, tract: float) -> np.ndarray:
    """From the glottis to the lips (T, bins): formants one after the other, a nasal resonance and anti-resonance.

    Every resonator passes a constant unchanged.
    """
    upper = np.array([(f / tract, b) for f, b in _UPPER if f / tract < _HIGHEST])
    zero = resonator(shapes.nasal_zero, np.full_like(shapes.nasal_zero, _NASAL_BANDWIDTH))
    below = resonator(np.full_like(shapes.nasal_zero, _NASAL / tract), np.full_like(shapes.nasal_zero, _NASAL_BANDWIDTH))
    for denominators in np.moveaxis(resonator(np.minimum(shapes.formants, _HIGHEST), shapes.bandwidths), 1, 0):
        below = _product(below, denominators)
    fixed = np.ones((1, 1))
    for denominator in resonator(*upper.T):
        fixed = _product(fixed, denominator[None])
    gains = below.sum(1) * fixed.sum(1) / zero.sum(1)
    above = scipy.fft.rfft(zero * gains[:, None], _SIZE)
    return above / (scipy.fft.rfft(below, _SIZE) * scipy.fft.rfft(fixed, _SIZE))


def noise_responses(shapes: Shapes) -> np.ndarray:
    """From a constriction to the lips (T, bins): one resonance and a zero at 0 Hz; white noise keeps its power."""
    denominators = resonator(np.minimum(shapes.noise, _HIGHEST), shapes.noise_bandwidth)
    found = scipy.fft.rfft([[1.0, -1.0]], _SIZE) / scipy.fft.rfft(denominators, _SIZE)
    return found / np.sqrt((found.real**2 + found.imag**2).mean(1, keepdims=True))


def n_moments(n_samples: int) -> int:
    """How many filters that many samples need: one every `HOP`, the first at sample 0."""
    return -(-n_samples // HOP) + 1


def filtered(pairs: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The sum (N,) of sources (N,), each through its own filters (n_moments(N), bins)."""
    n_samples = len(pairs[0][0])
    count = n_moments(n_samples)
    fade = 0.5 - 0.5 * np.cos(np.pi * np.arange(2 * HOP) / HOP)  # with its copy `HOP` later it sums to 1
    spectra = 0
    for source, responses in pairs:
        padded = np.zeros((count + 1) * HOP)
        padded[HOP : HOP + n_samples] = source
        pieces = np.lib.stride_tricks.sliding_window_view(padded, 2 * HOP)[::HOP] * fade
        spectra = spectra + scipy.fft.rfft(pieces, _SIZE) * responses
    pieces = scipy.fft.irfft(spectra, _SIZE).reshape(count, -1, HOP)
    total = np.zeros((count + pieces.shape[1], HOP))
    for k in range(pieces.shape[1]):
        total[k : k + count] += pieces[:, k]
    return total.reshape(-1)[HOP : HOP + n_samples]
