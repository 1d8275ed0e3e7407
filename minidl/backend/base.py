"""The array swap: a registry that finds, from the type of an array, the library that owns it.

An operation never asks which device it runs on. It uses operators and methods (``x @ w``, ``x.sum(axis)``),
or the namespace ``xp`` that the registry hands it, or, for the few things the libraries do differently,
a method of :class:`Backend`. Deep Learning, section 12.1.2 (GPU implementations).
"""

from __future__ import annotations

import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..errors import ArgumentError, DeviceError
from .memory import keep_freed_memory


class Backend(ABC):
    """What truly differs between array libraries.

    Attributes
    ----------
    name : str
        The device as a user names it: ``"cpu"`` or ``"cuda"``.
    xp : module
        The namespace with NumPy's function names.
    array_type : type
        The array class; the key in the registry.
    block_elems : int
        How many elements an in-place loop should touch at a time, so that they stay in cache.
    """

    name: str
    xp: Any
    array_type: type
    block_elems: int

    @abstractmethod
    def flat(self, n: int, dtype: Any) -> Any:
        """Return a zeroed 1-D array of `n` elements that starts on a 64-byte boundary."""

    @abstractmethod
    def from_host(self, array: np.ndarray) -> Any:
        """Copy a NumPy array to this device."""

    @abstractmethod
    def to_host(self, array: Any) -> np.ndarray:
        """Copy (or, on the CPU, hand over) an array of this device as a NumPy array."""

    @abstractmethod
    def scatter_add(self, target: Any, index: Any, values: Any) -> None:
        """``target[index] += values`` in place, where duplicate indices accumulate."""

    @abstractmethod
    def rng(self, seed: Any) -> Any:
        """Return a random generator of this device for `seed` (``random``, ``standard_normal`` ...)."""

    @abstractmethod
    def erf(self, x: Any) -> Any:
        """The error function, element by element, in the dtype of `x`."""

    def synchronize(self) -> None:  # noqa: B027  (nothing to wait for is a sound default)
        """Wait until the device has finished what was asked of it."""

    def mpi_buffer(self, array: Any) -> Any:
        """Return a host array that MPI may read; a copy where the device has its own memory."""
        return self.to_host(array)

    def __repr__(self) -> str:
        return f"<Backend {self.name}>"


_BY_TYPE: dict[type, Backend] = {}
_NAMESPACE: dict[type, Any] = {}
_BY_NAME: dict[str, Backend] = {}
_state = threading.local()


def register(backend: Backend) -> None:
    """Make `backend` known, by the type of its arrays and by its name."""
    _BY_TYPE[backend.array_type] = backend
    _NAMESPACE[backend.array_type] = backend.xp
    _BY_NAME[backend.name] = backend


def backend_of(array: Any) -> Backend:
    """Return the backend that owns `array` (O(1): a look-up by type)."""
    backend = _BY_TYPE.get(type(array))
    return backend if backend is not None else _of_unknown(type(array))


def namespace_of(array: Any) -> Any:
    """Return the namespace (``numpy`` or ``cupy``) of `array`."""
    return namespace_of_type(type(array))


def namespace_of_type(kind: type) -> Any:
    """Return the namespace of arrays of type `kind`."""
    space = _NAMESPACE.get(kind)
    return space if space is not None else _of_unknown(kind).xp


def _of_unknown(kind: type) -> Backend:
    """NumPy's backend for scalars and for subclasses of its arrays."""
    if issubclass(kind, np.ndarray | np.generic | float | int | bool):
        return _BY_NAME["cpu"]
    raise DeviceError(
        f"no backend owns an array of type {kind.__name__}; known are {', '.join(t.__name__ for t in _BY_TYPE)}"
    )


def device(name: str) -> Backend:
    """Return the backend called `name` (``"cpu"`` or ``"cuda"``); CuPy is imported on first use."""
    if name == "cuda" and name not in _BY_NAME:
        from .cupy import load

        register(load())
    if name not in _BY_NAME:
        raise ArgumentError(f"device must be 'cpu' or 'cuda', not {name!r}")
    return _BY_NAME[name]


def current_backend() -> Backend:
    """Return the backend on which new arrays are made (``cpu`` unless :func:`use_device` says otherwise)."""
    return getattr(_state, "backend", None) or _BY_NAME["cpu"]


class _DeviceChoice(contextlib.AbstractContextManager["Backend"]):
    """Undoes the choice when used in a ``with`` statement; otherwise the choice stays."""

    def __init__(self, previous: Backend, chosen: Backend) -> None:
        self._previous, self._chosen = previous, chosen

    def __enter__(self) -> Backend:
        return self._chosen

    def __exit__(self, *exc: object) -> None:
        _state.backend = self._previous


def use_device(name: str) -> _DeviceChoice:
    """Make new arrays on device `name`; as a context manager, only inside the block.

    Raises
    ------
    DeviceError
        Where there is no GPU, or CuPy is not installed; says what to install.
    """
    choice = _DeviceChoice(current_backend(), device(name))
    _state.backend = choice._chosen
    return choice


def registered() -> Iterator[Backend]:
    """Iterate over the backends that are loaded."""
    return iter(_BY_TYPE.values())


from . import numpy as _numpy  # noqa: E402  (registers the CPU, which every process has)

register(_numpy.NumpyBackend())
keep_freed_memory()
