"""Matrix products and the linear algebra whose gradients are matrix products again (Giles 2008)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.op import Array, op
from ..autograd.tensor import with_shape
from ..errors import ArgumentError, DTypeError, ShapeError
from .elementwise import exp
from .index import diagonal
from .reduce import sum as reduce_sum
from .shape import _places, ravel, reshape, swapaxes, transpose

# -- products --------------------------------------------------------------------------------------------


def matmul(x: Any, z: Any) -> Any:
    """Matrix product over the last two axes, with broadcasting before them; 1-D operands as in NumPy.

    Raises
    ------
    ShapeError
        Inner lengths that differ, naming both shapes and axes.
    """
    x, z = with_shape(x), with_shape(z)
    if x.ndim == 0 or z.ndim == 0:
        raise ShapeError(f"matmul: operands need at least one axis, got shapes {x.shape} and {z.shape}")
    inner = -2 if z.ndim > 1 else -1
    if x.shape[-1] != z.shape[inner]:
        raise ShapeError(
            f"matmul: {x.shape} @ {z.shape}: axis -1 of the first has {x.shape[-1]}, "
            f"axis {inner} of the second has {z.shape[inner]}"
        )
    if x.ndim == z.ndim == 2:
        return _matmul(x, z)
    left, right = x.shape[:-1], z.shape[-1:] if z.ndim > 1 else ()
    if z.ndim <= 2:  # one matrix for all: a single large product, and so is each gradient
        rows = reshape(x, (math.prod(left), x.shape[-1]))
        return reshape(_matmul(rows, z if right else reshape(z, (-1, 1))), left + right)
    y = _matmul(reshape(x, (1, -1)) if x.ndim == 1 else x, z)
    return reshape(y, y.shape[:-2] + right) if x.ndim == 1 else y


@op
def _matmul(x: Array, z: Array):
    return x @ z


_matmul.name = "matmul"  # what errors call it
_matmul.rules(
    x=lambda g, z: _matmul(g, swapaxes(z, -1, -2)),
    z=lambda g, x: _matmul(swapaxes(x, -1, -2), g),
)


def dot(x: Any, z: Any) -> Any:
    """``numpy.dot``: inner product of vectors, matrix product, or the sum over axis -1 of `x` and -2 of `z`."""
    x, z = with_shape(x), with_shape(z)
    if x.ndim == 0 or z.ndim == 0:
        return x * z
    return matmul(x, z) if x.ndim <= 2 and z.ndim <= 2 else tensordot(x, z, (-1, -2 if z.ndim > 1 else -1))


def vdot(x: Any, z: Any) -> Any:
    """Inner product of all elements."""
    return matmul(ravel(x), ravel(z))


def inner(x: Any, z: Any) -> Any:
    """Sum over the last axis of both."""
    x, z = with_shape(x), with_shape(z)
    return x * z if x.ndim == 0 or z.ndim == 0 else tensordot(x, z, (-1, -1))


def outer(x: Any, z: Any) -> Any:
    """All products of two vectors: (N, M)."""
    return reshape(x, (-1, 1)) * reshape(z, (1, -1))


def tensordot(x: Any, z: Any, axes: Any = 2) -> Any:
    """Sum of products over pairs of axes, as ``numpy.tensordot``."""
    x, z = with_shape(x), with_shape(z)
    if isinstance(axes, int | np.integer):
        axes = range(x.ndim - axes, x.ndim), range(axes)
    left, right = _places("tensordot", axes[0], x.ndim), _places("tensordot", axes[1], z.ndim)
    if len(left) != len(right):
        raise ShapeError(f"tensordot: {len(left)} axes of the first against {len(right)} of the second")
    for a, b in zip(left, right, strict=True):
        if x.shape[a] != z.shape[b]:
            raise ShapeError(
                f"tensordot: axis {a} of {x.shape} has {x.shape[a]}, axis {b} of {z.shape} has {z.shape[b]}"
            )
    free_x = tuple(a for a in range(x.ndim) if a not in left)
    free_z = tuple(a for a in range(z.ndim) if a not in right)
    n_inner = math.prod(x.shape[a] for a in left)
    rows_shape, columns_shape = tuple(x.shape[a] for a in free_x), tuple(z.shape[a] for a in free_z)
    rows = reshape(transpose(x, free_x + left), (math.prod(rows_shape), n_inner))
    columns = reshape(transpose(z, right + free_z), (n_inner, math.prod(columns_shape)))
    return reshape(_matmul(rows, columns), rows_shape + columns_shape)


# -- parts of matrices -----------------------------------------------------------------------------------


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Sum of the diagonal of two axes."""
    return reduce_sum(diagonal(x, offset, axis1, axis2), axis=-1)


@op
def triu(x: Array, k: int = 0, *, xp: Any):
    """The last two axes above the k-th diagonal, zeros below."""
    _needs_matrices("triu", x)
    return xp.triu(x, k)


triu.rules(x=lambda g, k: triu(g, k))


@op
def tril(x: Array, k: int = 0, *, xp: Any):
    """The last two axes below the k-th diagonal, zeros above."""
    _needs_matrices("tril", x)
    return xp.tril(x, k)


tril.rules(x=lambda g, k: tril(g, k))


# -- inverses --------------------------------------------------------------------------------------------


@op
def inverse(x: Array, *, xp: Any):
    """Inverse of square matrices (..., N, N)."""
    _needs_square("inverse", x)
    return _solved("inverse", "a matrix is singular", xp, xp.linalg.inv, x)


@inverse.rule("x")
def _(g: Any, y: Any) -> Any:
    t = swapaxes(y, -1, -2)
    return -_matmul(_matmul(t, g), t)


def solve(a: Any, b: Any) -> Any:
    """The x with ``a @ x = b``, for a (..., N, N) and b (..., N, K) or (N,)."""
    a, b = with_shape(a), with_shape(b)
    if b.ndim == 1:
        y = solve(a, reshape(b, (-1, 1)))
        return reshape(y, y.shape[:-1])
    return _solve(a, b)


@op
def _solve(a: Array, b: Array, *, xp: Any):
    _needs_square("solve", a)
    if b.ndim < 2 or b.shape[-2] != a.shape[-1]:
        raise ShapeError(f"solve: a has shape {a.shape}, b {b.shape}; axis -2 of b must have length {a.shape[-1]}")
    if a.shape[:-2] != b.shape[:-2]:  # CuPy does not broadcast them
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a, b = (xp.broadcast_to(m, batch + m.shape[-2:]) for m in (a, b))
    return _solved("solve", "a matrix is singular", xp, xp.linalg.solve, a, b)


_solve.name = "solve"
_solve.rules(b=lambda g, a: _solve(swapaxes(a, -1, -2), g))


@_solve.rule("a")
def _(g: Any, a: Any, y: Any) -> Any:
    return -_matmul(_solve(swapaxes(a, -1, -2), g), swapaxes(y, -1, -2))


@op
def cholesky(x: Array, *, xp: Any):
    """Lower triangular L with ``L @ L.T = x``, for symmetric positive definite x (..., N, N)."""
    _needs_square("cholesky", x)
    return _solved("cholesky", "a matrix is not positive definite", xp, xp.linalg.cholesky, x)


@cholesky.rule("x")
def _(g: Any, y: Any) -> Any:
    """Murray 2016, equation 10: symmetrised, as the argument is symmetric."""
    product = _matmul(swapaxes(y, -1, -2), g)
    half = (tril(product) + tril(product, -1)) * 0.5
    back = inverse(y)
    s = _matmul(_matmul(swapaxes(back, -1, -2), half), back)
    return (s + swapaxes(s, -1, -2)) * 0.5


@op
def slogdet(x: Array, *, xp: Any) -> tuple:
    """Sign and logarithm of the absolute determinant of (..., N, N); (0, -inf) where a matrix is singular."""
    _needs_square("slogdet", x)
    _refuse_half("slogdet", x)
    sign, logabs = xp.linalg.slogdet(x)
    return xp.asarray(sign, dtype=x.dtype), xp.asarray(logabs, dtype=x.dtype)


@slogdet.rule("x")
def _(g: tuple, x: Any) -> Any:
    if g[1] is None:  # the sign is constant
        return x * 0
    return reshape(g[1], (*g[1].shape, 1, 1)) * swapaxes(inverse(x), -1, -2)


def det(x: Any) -> Any:
    """Determinant of (..., N, N)."""
    sign, logabs = slogdet(x)
    return sign * exp(logabs)


# -- checks ----------------------------------------------------------------------------------------------


def _needs_matrices(name: str, x: Any) -> None:
    if x.ndim < 2:
        raise ShapeError(f"{name}: needs at least two axes, got shape {x.shape}")


def _needs_square(name: str, x: Any) -> None:
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"{name}: needs square matrices, got shape {x.shape}")


def _refuse_half(name: str, x: Any) -> None:
    if x.dtype.itemsize < 4:
        raise DTypeError(f"{name}: LAPACK knows no {x.dtype}; use .astype('float32')")


def _solved(name: str, fault: str, xp: Any, function: Callable, *args: Any) -> Any:
    """Call into LAPACK; what it refuses gets a line that says why.

    CuPy does not refuse: it returns NaN or infinity, so the result is looked at.
    """
    _refuse_half(name, args[0])
    advice = "add a small multiple of the identity, or check the data"
    try:
        y = function(*args)
    except np.linalg.LinAlgError as error:
        raise ArgumentError(f"{name}: {fault} (shape {args[0].shape}); {advice}") from error
    if not bool(xp.isfinite(y).all()) and all(bool(xp.isfinite(a).all()) for a in args):
        raise ArgumentError(f"{name}: {fault}, or overflows {y.dtype} (shape {args[0].shape}); {advice}")
    return y
