"""Reductions over axes. Deep Learning, chapter 4, for why logsumexp subtracts the maximum."""

from __future__ import annotations

import math
from typing import Any

from ..autograd.op import Array, op
from ..autograd.tensor import array_of, with_shape
from ..backend import namespace_of
from ..errors import ArgumentError, ShapeError
from .elementwise import abs as absolute
from .elementwise import exp, where
from .shape import _places, broadcast_to, concatenate, flip, reshape

Axis = int | tuple[int, ...] | None


def kept_shape(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """`shape` with the reduced axes as length one."""
    if axis is None:
        return (1,) * len(shape)
    axes = {a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))} if shape else set()
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _spread(g: Any, shape: tuple[int, ...], axis: Axis) -> Any:
    """A reduction's gradient, back along the axes that were reduced."""
    return broadcast_to(reshape(g, kept_shape(shape, axis)), shape)


def _count(shape: tuple[int, ...], axis: Axis) -> int:
    return math.prod(n for n, kept in zip(shape, kept_shape(shape, axis), strict=True) if kept == 1)


@op
def sum(x: Array, axis: Axis = None, keepdims: bool = False):  # NumPy's names, here and below
    """Sum over `axis` (all axes if None)."""
    return x.sum(axis=axis, keepdims=keepdims)


sum.rules(x=lambda g, x_shape, axis: _spread(g, x_shape, axis))


@op
def mean(x: Array, axis: Axis = None, keepdims: bool = False):
    """Mean over `axis`; an empty one is an error."""
    if not x.size and not _count(x.shape, axis):
        raise ShapeError(f"mean: nothing to average, x has shape {x.shape}")
    return x.mean(axis=axis, keepdims=keepdims)


@mean.rule("x")
def _(g: Any, x_shape: tuple, axis: Axis) -> Any:
    return _spread(g * (1 / (_count(x_shape, axis) or 1)), x_shape, axis)


def var(x: Any, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Any:
    """Variance over `axis`: mean squared distance from the mean, ``n - ddof`` in the denominator.

    Raises
    ------
    ArgumentError
        No more than `ddof` values to take it of.
    """
    centred, n = _centred("var", x, axis, ddof)
    return sum(centred * centred, axis, keepdims) * (1 / n)


def std(x: Any, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Any:
    """Standard deviation over `axis`; where all values are equal its gradient is 0, as that of :func:`norm`."""
    centred, n = _centred("std", x, axis, ddof)
    return _euclidean(centred, axis, keepdims) * (1 / math.sqrt(n))


def _centred(name: str, x: Any, axis: Axis, ddof: int) -> tuple[Any, int]:
    """`x` less its mean, and the number of degrees of freedom."""
    x = with_shape(x)
    if axis is not None:
        axis = _places(name, axis, len(x.shape))
    n = _count(x.shape, axis)
    if n <= ddof:
        raise ArgumentError(f"{name}: needs more than ddof={ddof} values, shape {x.shape} has {n} over axis {axis}")
    return x - mean(x, axis, True), n - ddof


@op
def max(x: Array, axis: Axis = None, keepdims: bool = False):
    """Largest value over `axis`; values that share it share the gradient equally."""
    return x.max(axis=axis, keepdims=keepdims)


@op
def min(x: Array, axis: Axis = None, keepdims: bool = False):
    """Smallest value over `axis`; values that share it share the gradient equally."""
    return x.min(axis=axis, keepdims=keepdims)


def _extreme_rule(g: Any, x: Any, y: Any, axis: Axis) -> Any:
    return _spread(g, x.shape, axis) * _extreme_share(x, reshape(y, kept_shape(x.shape, axis)), axis)


max.rules(x=_extreme_rule)
min.rules(x=_extreme_rule)


@op(differentiable=False)
def _extreme_share(x: Array, extreme: Array, axis: Axis):
    hit = (x == extreme).astype(x.dtype)
    return hit / hit.sum(axis=axis, keepdims=True)


@op
def prod(x: Array, axis: Axis = None, keepdims: bool = False):
    """Product over `axis`; zeros are no trouble for its gradient."""
    return x.prod(axis=axis, keepdims=keepdims)


@prod.rule("x")
def _(g: Any, x: Any, axis: Axis) -> Any:
    kept, g = kept_shape(x.shape, axis), _spread(g, x.shape, axis)
    for a in (a for a, n in enumerate(kept) if n == 1):
        g = g * _others(x, a)  # the product of all but each value, one axis at a time
        x = prod(x, a, True)
    return g


def _others(x: Any, axis: int) -> Any:
    """For every value the product of all the others along `axis`: from the left times from the right."""
    return _products_before(x, axis) * flip(_products_before(flip(x, axis), axis), axis)


def _products_before(x: Any, axis: int) -> Any:
    """For every value the product of those before it.

    A cumulative product by doubling (Hillis and Steele 1986): log2(n) steps of multiplications, so that every order
    of derivative follows by itself; unlike quotients it does not mind zeros.
    """
    n, front = x.shape[axis], (slice(None),) * axis
    if n == 0:
        return x
    one = namespace_of(array_of(x)).ones(kept_shape(x.shape, axis), x.dtype)
    y, step = concatenate([one, x[(*front, slice(n - 1))]], axis), 1
    while step < n:
        later = y[(*front, slice(step, None))] * y[(*front, slice(n - step))]
        y, step = concatenate([y[(*front, slice(step))], later], axis), 2 * step
    return y


@op
def logsumexp(x: Array, axis: Axis = None, keepdims: bool = False, *, xp: Any):
    """``log(sum(exp(x)))`` without overflow (Deep Learning, section 4.1); minus infinity of only those."""
    top = x.max(axis=axis, keepdims=True)
    top = xp.where(xp.isfinite(top), top, 0)
    total = xp.exp(x - top).sum(axis=axis, keepdims=True)
    y = xp.where(total > 0, xp.log(xp.where(total > 0, total, 1)) + top, -xp.inf).astype(x.dtype)
    return y if keepdims else y.squeeze(axis)


@logsumexp.rule("x")
def _(g: Any, x: Any, y: Any, axis: Axis) -> Any:
    kept = kept_shape(x.shape, axis)
    y = where(array_of(y) == -math.inf, 0, y)  # no NaN where all are minus infinity: they get 0
    return reshape(g, kept) * exp(x - reshape(y, kept))


def norm(x: Any, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> Any:
    """Vector norm over `axis`, of order 1, 2, infinity or any p > 0; its gradient at the zero vector is 0."""
    if isinstance(ord, str) or not ord > 0:
        raise ArgumentError(f"norm: ord must be positive, got {ord!r}")
    if ord == 1:
        return sum(absolute(x), axis, keepdims)
    if ord == math.inf:
        return max(absolute(x), axis, keepdims)
    if ord != 2:
        total = sum(absolute(x) ** ord, axis, keepdims)
        is_zero = array_of(total) == 0
        return where(is_zero, total, where(is_zero, 1, total) ** (1 / ord))
    return _euclidean(x, axis, keepdims)


@op
def _euclidean(x: Array, axis: Axis = None, keepdims: bool = False, *, xp: Any):
    """A primitive because the chain sqrt(sum(x*x)) has no gradient at zero."""
    return xp.sqrt((x * x).sum(axis=axis, keepdims=keepdims))


@_euclidean.rule("x")
def _(g: Any, x: Any, y: Any, axis: Axis) -> Any:
    kept = kept_shape(x.shape, axis)
    y = reshape(y, kept)
    return x * (reshape(g, kept) / where(y == 0, 1, y))


_euclidean.name = "norm"  # what errors call it


@op
def cumsum(x: Array, axis: int | None = None, *, xp: Any):
    """Running sums along `axis` (of the flattened array if None); of booleans and small integers, as int64."""
    return xp.cumsum(x, axis=axis)


@cumsum.rule("x")
def _(g: Any, x_shape: tuple, axis: int | None) -> Any:
    return reshape(flip(cumsum(flip(g, axis), axis), axis), x_shape)


@op(differentiable=False)
def argmax(x: Array, axis: int | None = None, keepdims: bool = False):
    """Place of the (first) largest value."""
    y = x.argmax(axis=axis)
    return y.reshape(kept_shape(x.shape, axis)) if keepdims else y


@op(differentiable=False)
def argmin(x: Array, axis: int | None = None, keepdims: bool = False):
    """Place of the (first) smallest value."""
    y = x.argmin(axis=axis)
    return y.reshape(kept_shape(x.shape, axis)) if keepdims else y


@op(differentiable=False)
def any(x: Array, axis: Axis = None, keepdims: bool = False):
    """Whether one value is true."""
    return x.any(axis=axis, keepdims=keepdims)


@op(differentiable=False)
def all(x: Array, axis: Axis = None, keepdims: bool = False):
    """Whether every value is true."""
    return x.all(axis=axis, keepdims=keepdims)
