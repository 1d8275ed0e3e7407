"""What the row-by-row kernels share: how many rows make a block, sums by BLAS, and the exponentials of a softmax.

NumPy's reductions over a short last axis cost as much as an exponential; a product with ones costs a fifth of that.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..backend import backend_of, namespace_of
from ..backend.matmul import matmul
from ..backend.threads import parallel_blocks
from ..errors import ShapeError

_LONG = 1024  # elements from which on a row's own maximum costs little
_SMALL = 36_000  # elements up to which BLAS takes one thread for a vector times a matrix, so that nothing need be decided
_SAFE = 1e-6  # of a row's sum: a shift further off would cost digits of float32


def rows_per_block(rows: Any) -> int:
    """Rows of a 2-D array that make a block.

    A megabyte of float32: threads pay 50 us whenever they hand over the interpreter lock, so calls have to be long;
    shared cache is nearly as fast as a core's own for such simple passes (measured, 2-core EPYC).
    """
    return max(1, 8 * backend_of(rows).block_elems // max(1, rows.shape[-1]))


def row_sums(a: Any) -> Any:
    """Sum over the last axis, kept as an axis of length one."""
    xp = namespace_of(a)
    # dot, not matmul: OpenBLAS reads past short rows, and matmul warns of what it finds there (sums are right)
    return xp.dot(a, _ones(xp, a.shape[-1], a.dtype)[:, None])


def column_sums(a: Any, out: Any = None) -> Any:
    """Sum of a 2-D array over its rows."""
    xp = namespace_of(a)
    ones = _ones(xp, a.shape[0], a.dtype)
    if a.size < _SMALL:
        return xp.dot(ones, a, out=out)
    return matmul(ones[None], a, None if out is None else out[None])[0]


@functools.lru_cache(maxsize=32)
def _ones(xp: Any, n: int, dtype: Any) -> Any:
    """Ones to multiply with, kept: making them costs as much as a small product."""
    return xp.ones(n, dtype)


def shifted_exp(s: Any, out: Any) -> tuple[Any, Any]:
    """Write ``exp(s - top)`` to `out` such that it neither overflows nor loses a row.

    Short rows share one shift, the maximum of them all; where that is too far off for some row, each row gets its own.

    Parameters
    ----------
    s, out : float arrays (..., D)
        May be the same array if D is at least 1024; `s` is needed again otherwise.

    Returns
    -------
    top : float, or array (..., 1)
        The shift, or that of each row.
    total : array (..., 1)
        The row sums of `out`; a row of ``-inf`` has total 0.
    """
    xp = namespace_of(s)
    lowest = _lowest(s.dtype)  # in place of -inf: no NaN from inf - inf
    if s.shape[-1] < _LONG:
        top = max(float(s.max()), lowest)
        xp.subtract(s, top, out=out)
        xp.exp(out, out=out)
        total = row_sums(out)
        if bool(total.min() > _SAFE):
            return top, total
    top = xp.maximum(s.max(-1, keepdims=True), lowest)
    xp.subtract(s, top, out=out)
    xp.exp(out, out=out)
    return top, row_sums(out)


def shifted_exp_of_rows(x: Any, out: Any) -> tuple[Any, Any]:
    """:func:`shifted_exp` of a 2-D array, in blocks on several threads; `out` None: the sums alone."""
    xp, step = namespace_of(x), rows_per_block(x)
    if x.shape[0] <= step:
        return shifted_exp(x, xp.empty_like(x) if out is None else out)
    top, total = xp.empty((2, x.shape[0], 1), x.dtype)

    def block(start: int, stop: int) -> None:
        part = x[start:stop]
        shifts, sums = shifted_exp(part, xp.empty_like(part) if out is None else out[start:stop])
        top[start:stop], total[start:stop] = shifts, sums

    parallel_blocks(block, x.shape[0], step)
    return top, total


@functools.cache
def _lowest(dtype: Any) -> float:
    return float(np.finfo(dtype).min)


def as_rows(x: Any, axis: int, name: str) -> Any:
    """`x` as a contiguous 2-D array with `axis` last."""
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError(f"{name}: axis {axis} is not an axis of shape {x.shape}")
    if x.shape[axis] == 0:
        raise ShapeError(f"{name}: axis {axis} of shape {x.shape} is empty; there is nothing to normalise over")
    if axis not in (-1, x.ndim - 1):
        x = namespace_of(x).moveaxis(x, axis, -1)
    return namespace_of(x).ascontiguousarray(x.reshape(-1, x.shape[-1]))


def from_rows(rows: Any, shape: tuple[int, ...], axis: int) -> Any:
    """Undo :func:`as_rows` for an array of `shape`."""
    if axis in (-1, len(shape) - 1):
        return rows.reshape(shape)
    moved = [n for i, n in enumerate(shape) if i != axis % len(shape)] + [shape[axis]]
    return namespace_of(rows).moveaxis(rows.reshape(moved), -1, axis)
