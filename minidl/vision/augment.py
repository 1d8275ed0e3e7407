"""Random changes to training images that leave the class alone: shifts and flips (section 7.4).

Every number drawn is a function of (seed, epoch, index of the image) alone. So the images do not depend on how
they are split into batches, over processes, or on where a run was interrupted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def uniforms(seed: int, epoch: int, index: Any, n: int) -> np.ndarray:
    """Numbers in [0, 1), shape (len(index), n): SplitMix64 (Steele and others, 2014) at a counter.

    Parameters
    ----------
    seed, epoch : int
    index : integers (N,)
        Number of each sample in the dataset.
    n : int
        Draws for each sample.
    """
    key = _mix(np.array([seed % 2**64], np.uint64))
    key = _mix(key ^ np.array([epoch % 2**64], np.uint64) * _GOLDEN)
    key = _mix(key ^ np.asarray(index).astype(np.uint64) * _GOLDEN)
    bits = _mix(key[:, None] + np.arange(1, n + 1, dtype=np.uint64) * _GOLDEN)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


class ShiftFlip:
    """Move each image by up to `shift` pixels along both axes, and mirror half of them.

    The same as a random crop of the image padded with `fill` (He and others, 2015).

    Parameters
    ----------
    shift : int
        Largest shift in pixels.
    flip : bool
        Mirror left and right with probability 1/2; not for digits or letters.
    seed : int
    fill : float
        What comes in at the edges.
    """

    def __init__(self, shift: int = 2, flip: bool = False, seed: int = 0, fill: float = 0.0) -> None:
        if shift < 0:
            raise ArgumentError(f"ShiftFlip: shift must not be negative, got {shift}")
        self.shift, self.flip, self.seed, self.fill = shift, flip, seed, fill

    def __call__(self, images: np.ndarray, index: Any, epoch: int) -> np.ndarray:
        """Changed copies of `images` (N, H, W, C), which are number `index` (N,) in their dataset."""
        if images.ndim != 4:
            raise ShapeError(f"ShiftFlip: expected images (N, H, W, C), got shape {images.shape}")
        n, height, width, _ = images.shape
        draws = uniforms(self.seed, epoch, index, 3)
        down, right = (draws[:, :2] * (2 * self.shift + 1)).astype(np.int64).T
        rows = down[:, None] + np.arange(height)
        columns = right[:, None] + np.arange(width)
        if self.flip:
            columns = np.where(draws[:, 2:] < 0.5, columns[:, ::-1], columns)
        edge = (self.shift, self.shift)
        padded = np.pad(images, ((0, 0), edge, edge, (0, 0)), constant_values=self.fill)
        return padded[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]
