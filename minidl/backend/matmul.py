"""Matrix products on our own threads, so that BLAS's threads do not wait in a loop beside them (see :mod:`.blas`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import namespace_of
from .blas import blas_threads, one_blas_thread
from .threads import n_threads, parallel_blocks

_BLAS_ALONE = 250_000  # multiply-adds up to which OpenBLAS takes one thread of its own accord
_BLAS_ALONE_VECTOR = 36_000  # the same for a vector times a matrix
WORTH_SPLITTING = 10_000_000  # multiply-adds, about 0.3 ms on one thread: what handing over costs on a slow machine


def matmul(a: Any, b: Any, out: Any = None) -> Any:
    """``a @ b`` of two matrices, a large one split along its longer side over the threads.

    Parameters
    ----------
    a : array (M, K)
    b : array (K, N)
    out : array (M, N), optional
    """
    if type(a) is not np.ndarray:
        return namespace_of(a).matmul(a, b, out=out)
    m, k = a.shape
    n = b.shape[1]
    size = m * k * n
    if size < (_BLAS_ALONE if m > 1 < n else _BLAS_ALONE_VECTOR) or not blas_threads():
        if out is None:
            return a.dot(b)  # the same product as matmul, of two matrices; 0.5 us less for the call
        return np.dot(a, b, out) if out.flags.c_contiguous else np.matmul(a, b, out)
    y = np.empty((m, n), np.result_type(a, b)) if out is None else out
    parts = n_threads() if size >= WORTH_SPLITTING else 1
    if parts == 1:
        with one_blas_thread():
            return np.matmul(a, b, out=y)
    step = -(-max(m, n) // (16 * parts)) * 16  # whole cache lines
    if m >= n:
        parallel_blocks(lambda start, stop: np.matmul(a[start:stop], b, out=y[start:stop]), m, step)
    else:  # the longer side: what both parts need of the other side is packed twice
        parallel_blocks(lambda start, stop: np.matmul(a, b[:, start:stop], out=y[:, start:stop]), n, step)
    return y
