"""The GPU: CuPy arrays. Nothing here is imported before someone asks for ``cuda``."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DeviceError
from .base import Backend


def load() -> Backend:
    """Import CuPy and return its backend, or say in one line why that cannot be.

    Raises
    ------
    DeviceError
        CuPy is not installed, or there is no usable GPU.
    """
    try:
        import cupy
    except ImportError as error:
        raise DeviceError(
            "device 'cuda' needs CuPy, which is not installed; run: pip install 'minidl[gpu]'"
        ) from error
    if not cupy.is_available():
        raise DeviceError("device 'cuda' needs an NVIDIA GPU with its driver, and none was found; use 'cpu'")
    return CupyBackend(cupy)


class CupyBackend(Backend):
    """CuPy on an NVIDIA GPU. One in-place loop covers a whole array: a launch costs more than a cache miss."""

    name = "cuda"
    block_elems = 1 << 62

    def __init__(self, cupy: Any) -> None:
        self.xp = cupy
        self.array_type = cupy.ndarray

    def flat(self, n: int, dtype: Any) -> Any:
        return self.xp.zeros(n, dtype)  # CuPy's allocator aligns to 512 bytes

    def from_host(self, array: np.ndarray) -> Any:
        return self.xp.asarray(array)

    def to_host(self, array: Any) -> np.ndarray:
        return self.xp.asnumpy(array)

    def scatter_add(self, target: Any, index: Any, values: Any) -> None:
        self.xp.add.at(target, index, values)

    def rng(self, seed: Any) -> Any:
        return self.xp.random.default_rng(seed)

    def erf(self, x: Any) -> Any:
        from cupyx.scipy.special import erf

        return erf(x)

    def synchronize(self) -> None:
        self.xp.cuda.get_current_stream().synchronize()

    def mpi_buffer(self, array: Any) -> np.ndarray:
        self.synchronize()  # an unfinished kernel would hand MPI old numbers (mpi4py PR 60)
        return self.xp.asnumpy(array)
