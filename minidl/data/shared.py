"""Arrays in memory that processes share.

The memory has no name in the file system (Python's :func:`multiprocessing.RawArray` unlinks its file at once and
hands its descriptor to the children), so it is gone with the last process that maps it, however that one ends:
nothing can leak, not even through SIGKILL.
"""

from __future__ import annotations

import ctypes
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError

Layout = list[tuple[int, tuple[int, ...], str]]  # (offset, shape, dtype) of each array in a block

ALIGNMENT = 64  # bytes: a cache line


def aligned(n: int) -> int:
    """`n` rounded up to the next cache line."""
    return -(-n // ALIGNMENT) * ALIGNMENT


def new_block(context: Any, n_bytes: int) -> Any:
    """Shared memory of `n_bytes`; it may be given to a child process as an argument."""
    try:
        return context.RawArray(ctypes.c_ubyte, max(n_bytes, 1))
    except (OSError, MemoryError) as error:
        raise ArgumentError(
            f"cannot get {n_bytes / 2**20:,.0f} MiB of shared memory for worker processes ({error}); use workers=0"
        ) from error


def flat_view(block: Any, n: int, dtype: Any) -> np.ndarray:
    """The first `n` elements of a block, which must have ALIGNMENT bytes more, from a cache line's start on.

    A block begins at the same place of its page in every process, so all of them see the same memory.
    """
    start = -ctypes.addressof(block) % ALIGNMENT
    return np.frombuffer(block, dtype, n, start)


def cannot_be_sent(what: str, error: BaseException, instead: str = "") -> ArgumentError:
    """The error of something that cannot be pickled."""
    return ArgumentError(
        f"{what} cannot be sent to worker processes ({' '.join(str(error).split())}); "
        f"use functions and classes defined in a module, not lambdas{instead}"
    )


def pack(arrays: Sequence[np.ndarray], block: memoryview) -> Layout | None:
    """Copy `arrays` into `block`, one after the other; None if they do not fit."""
    layout, offset = [], 0
    for a in arrays:
        layout.append((offset, a.shape, a.dtype.str))
        offset += aligned(a.nbytes)
    if offset > len(block):
        return None
    for a, (start, shape, dtype) in zip(arrays, layout, strict=True):
        np.ndarray(shape, dtype, block, start)[...] = a
    return layout


def unpack(block: memoryview, layout: Layout) -> tuple[np.ndarray, ...]:
    """Copies of the arrays that :func:`pack` put there.

    Copies, because the block is soon written again, and a user may well keep batches (``list(loader)``).
    """
    return tuple(np.ndarray(shape, dtype, block, start).copy() for start, shape, dtype in layout)


class SharedPickle:
    """An object for child processes, its contiguous NumPy arrays in shared memory: one copy for all of them.

    Pickle's out-of-band buffers (PEP 574) find the arrays wherever in the object they are.

    Parameters
    ----------
    value : object
    context : multiprocessing context
    what, instead : str
        For the error: what cannot be sent, and what else could be done about it.

    Raises
    ------
    ArgumentError
        The object cannot be pickled.
    """

    def __init__(self, value: Any, context: Any, what: str = "Loader: the dataset", instead: str = ", or workers=0") -> None:
        buffers: list[pickle.PickleBuffer] = []
        try:
            self.text = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        except Exception as error:  # pickling runs code of the object's own, which may raise anything
            raise cannot_be_sent(what, error, instead) from error
        raw = [b.raw() for b in buffers]
        self.spans, offset = [], 0
        for b in raw:
            self.spans.append((offset, offset + b.nbytes))
            offset += aligned(b.nbytes)
        self.block = new_block(context, offset)
        view = memoryview(self.block).cast("B")
        for b, (start, stop) in zip(raw, self.spans, strict=True):
            view[start:stop] = b

    def load(self) -> Any:
        """The object, its arrays read-only views of the shared memory."""
        view = memoryview(self.block).cast("B").toreadonly()
        return pickle.loads(self.text, buffers=[view[start:stop] for start, stop in self.spans])
