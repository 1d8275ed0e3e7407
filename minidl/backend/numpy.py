"""The CPU: NumPy arrays. SciPy is imported only when the error function is first asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Backend
from .scatter import add_at

CACHE_LINE = 64  # bytes


class NumpyBackend(Backend):
    """NumPy on the CPU."""

    name = "cpu"
    xp = np
    array_type = np.ndarray
    block_elems = 32_768  # 128 kB of float32: three such blocks fit a core's L2 cache

    def flat(self, n: int, dtype: Any) -> np.ndarray:
        dtype = np.dtype(dtype)
        raw = np.zeros(n * dtype.itemsize + CACHE_LINE, np.uint8)
        start = -raw.ctypes.data % CACHE_LINE
        return raw[start : start + n * dtype.itemsize].view(dtype)

    def from_host(self, array: np.ndarray) -> np.ndarray:
        return array

    def to_host(self, array: np.ndarray) -> np.ndarray:
        return array

    def scatter_add(self, target: np.ndarray, index: Any, values: Any) -> None:
        add_at(target, index, values)

    def rng(self, seed: Any) -> np.random.Generator:
        return np.random.default_rng(seed)

    def erf(self, x: np.ndarray) -> np.ndarray:
        from scipy.special import erf

        return erf(x)
