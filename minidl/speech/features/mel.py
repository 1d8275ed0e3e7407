"""Mel filters: the spectrum summed in bands as wide as the ear's, and the cosine transform from bands to cepstra."""

from __future__ import annotations

import numpy as np

from .profiles import Profile

_BREAK_HZ, _BREAK_MEL, _LOG_STEP = 1000.0, 15.0, np.log(6.4) / 27  # Slaney 1998, "Auditory Toolbox"


def to_mel(hz: np.ndarray | float, scale: str = "htk") -> np.ndarray:
    """Pitch in mel of frequencies in Hz.

    "htk" is 1127 ln(1 + f / 700), as in Kaldi and HTK (the HTK Book, equation 5.13); 2595 log10(1 + f / 700) is the same up
    to a factor of 1.00001, which moves no filter. "slaney" is straight up to 1000 Hz, which is 15 mel, and logarithmic
    above.
    """
    hz = np.asarray(hz, np.float64)
    if scale == "htk":
        return 1127 * np.log1p(hz / 700)
    above = _BREAK_MEL + np.log(np.maximum(hz, _BREAK_HZ) / _BREAK_HZ) / _LOG_STEP
    return np.where(hz < _BREAK_HZ, hz * (_BREAK_MEL / _BREAK_HZ), above)


def to_hz(mel: np.ndarray | float, scale: str = "htk") -> np.ndarray:
    """Frequencies in Hz of pitches in mel: undoes :func:`to_mel`."""
    mel = np.asarray(mel, np.float64)
    if scale == "htk":
        return 700 * np.expm1(mel / 1127)
    above = _BREAK_HZ * np.exp(_LOG_STEP * (np.maximum(mel, _BREAK_MEL) - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, mel * (_BREAK_HZ / _BREAK_MEL), above)


def mel_filters(profile: Profile) -> np.ndarray:
    """The weight of each bin of the spectrum in each filter, (fft_size // 2 + 1, n_filters) float64.

    Filter j is a triangle with corners j, j + 1, j + 2 of n_filters + 2 that are evenly spaced in mel.
    """
    scale, size, rate = profile.mel_scale, profile.fft_size, profile.sample_rate
    low, high = to_mel(profile.low_hz, scale), to_mel(profile.top_hz, scale)
    corners = np.linspace(low, high, profile.n_filters + 2)
    in_hz = to_hz(corners, scale)
    bins = np.arange(size // 2 + 1)
    if profile.triangles_in == "mel":
        places = to_mel(bins * (rate / size), scale)
    elif profile.triangles_in == "hertz":
        corners, places = in_hz, bins * (rate / size)
    else:
        corners, places = np.floor((size + 1) * in_hz / rate), bins.astype(np.float64)
    weights = _triangles(places[:, None], corners)
    return weights * (2 / (in_hz[2:] - in_hz[:-2])) if profile.equal_area else weights


def _triangles(places: np.ndarray, corners: np.ndarray) -> np.ndarray:
    left, peak, right = corners[:-2], corners[1:-1], corners[2:]
    with np.errstate(divide="ignore", invalid="ignore"):  # two corners in one bin: that side has no place, nan or inf
        rising, falling = (places - left) / (peak - left), (right - places) / (right - peak)
    return np.where((left < places) & (places < peak), rising, np.where((peak <= places) & (places < right), falling, 0.0))


def cepstral_transform(profile: Profile) -> np.ndarray:
    """From logarithms of filters to cepstral coefficients, (n_filters, n_ceps) float64: cosine transform and lifter.

    The transform is the discrete cosine transform of type II; lifter, scale of the zeroth and order are the profile's.
    """
    n = profile.n_filters
    k = np.arange(profile.n_ceps)
    transform = np.sqrt(2 / n) * np.cos(np.pi / n * (np.arange(n)[:, None] + 0.5) * k)
    if profile.dct == "orthonormal":
        transform[:, 0] *= np.sqrt(0.5)
    if profile.lifter:
        transform *= 1 + profile.lifter / 2 * np.sin(np.pi * k / profile.lifter)
    return np.roll(transform, -1, axis=1) if profile.zeroth_last else transform
