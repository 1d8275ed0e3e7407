"""Who owns the cores: while our own threads work, each of their matrix products runs on one thread.

OpenBLAS keeps a pool of threads that, after a product, wait for the next one in a busy loop of tens of
milliseconds; next to our threads they take the cores away. So large products are split over our threads (see
:mod:`.matmul`, and docs/decisions/0005). This needs threadpoolctl (extra ``fast``); without it BLAS keeps its threads
and everything is merely slower.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any


@functools.cache
def _libraries() -> tuple[Any, ...]:
    """Controls of the BLAS libraries in this process; none without threadpoolctl."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return ()
    return tuple(lib for lib in ThreadpoolController().lib_controllers if lib.user_api == "blas")


def blas_threads() -> int | None:
    """Threads that a product would use now; None where that cannot be known."""
    return max((lib.get_num_threads() for lib in _libraries()), default=None)


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Products inside the block run on the thread that calls them."""
    before = [lib.get_num_threads() for lib in _libraries()]
    for lib in _libraries():
        lib.set_num_threads(1)
    try:
        yield
    finally:
        for lib, n in zip(_libraries(), before, strict=True):
            lib.set_num_threads(n)
