"""Context: what the neighbours of a frame tell, as differences (deltas) or as the neighbours themselves (splicing)."""

from __future__ import annotations

import numpy as np

from ...errors import ArgumentError


def deltas(features: np.ndarray, window: int = 2, order: int = 2) -> np.ndarray:
    """The features (T, D) and their derivatives in time up to `order`, (T, D * (order + 1)).

    The first derivative is the slope of a straight line through 2 * window + 1 frames, sum_j j x_{t+j} / sum_j j^2 (HTK
    Book, equation 5.16). Its filter is applied again for each further order to the endlessly repeated first and last
    frame, as Kaldi's `feature-functions.cc` does; HTK repeats the ends of each derivative instead.

    Raises
    ------
    ArgumentError
        `window` below 1, `order` below 0; no frames.
    """
    features = _checked(features, "deltas")
    if window < 1 or order < 0:
        raise ArgumentError(f"deltas: window must be at least 1 and order at least 0; got {window}, {order}")
    slope = np.arange(window, -window - 1, -1.0)  # as np.convolve turns it round
    slope /= np.sum(slope**2)
    taps, parts = np.ones(1), [features]
    for _ in range(order):
        taps = np.convolve(taps, slope)
        reach = len(taps) // 2
        padded = np.pad(features, ((reach, reach), (0, 0)), mode="edge")
        derivative = np.zeros_like(features)
        for place, tap in enumerate(taps[::-1].astype(features.dtype)):
            derivative += tap * padded[place : place + len(features)]
        parts.append(derivative)
    return np.concatenate(parts, axis=1)


def splice(features: np.ndarray, left: int = 5, right: int = 5) -> np.ndarray:
    """Each frame of (T, D) between its neighbours, the earliest first, (T, (left + 1 + right) * D); the ends repeat.

    Raises
    ------
    ArgumentError
        A negative number of neighbours; no frames.
    """
    features = _checked(features, "splice")
    if left < 0 or right < 0:
        raise ArgumentError(f"splice: left and right must be at least 0; got {left}, {right}")
    padded = np.pad(features, ((left, right), (0, 0)), mode="edge")
    return np.concatenate([padded[i : i + len(features)] for i in range(left + 1 + right)], axis=1)


def _checked(features: np.ndarray, what: str) -> np.ndarray:
    features = np.asarray(features)
    if features.ndim != 2 or not len(features) or features.dtype.kind != "f":
        raise ArgumentError(
            f"{what}: features must be floats (T, D) of at least one frame; got {features.dtype} {features.shape}"
        )
    return features
