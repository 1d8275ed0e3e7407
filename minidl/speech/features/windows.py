"""Windows: how much each sample of a frame counts, so that a frame has no sharp ends."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...errors import ArgumentError

_SHAPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # of the angle, 0 to 2 pi over the frame
    "rectangular": np.ones_like,
    "hamming": lambda a: 0.54 - 0.46 * np.cos(a),
    "hann": lambda a: 0.5 - 0.5 * np.cos(a),
    "hann periodic": lambda a: 0.5 - 0.5 * np.cos(a),
    "blackman": lambda a: 0.42 - 0.5 * np.cos(a) + 0.08 * np.cos(2 * a),
    "povey": lambda a: (0.5 - 0.5 * np.cos(a)) ** 0.85,
}
WINDOWS = tuple(_SHAPES)


def window(name: str, length: int) -> np.ndarray:
    """The window `name` of `length` samples, (length,) float64.

    All are symmetric, their last sample equal to the first, but for "hann periodic", whose period is its length. "povey" is
    Kaldi's own, a Hann window to the power 0.85 (Povey et al. 2011, "The Kaldi speech recognition toolkit").

    Raises
    ------
    ArgumentError
        An unknown name; a length below 1.
    """
    if name not in _SHAPES:
        raise ArgumentError(f"window: {name!r} is unknown; choose one of {', '.join(WINDOWS)}")
    if length < 1:
        raise ArgumentError(f"window: a length of at least 1 sample is needed, not {length}")
    period = length if name == "hann periodic" else max(length - 1, 1)
    return _SHAPES[name](2 * np.pi * np.arange(length) / period)
