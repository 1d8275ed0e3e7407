"""Reductions over axes. Deep Learning, chapter 4, for why logsumexp subtracts the maximum."""

from __future__ import annotations

import math
from typing import Any

from ..autograd.op import Array, op
from .elementwise import abs as absolute
from .elementwise import exp, sqrt
from .shape import broadcast_to, flip, reshape

Axis = int | tuple[int, ...] | None


def kept_shape(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """`shape` with the reduced axes as length one."""
    if axis is None:
        return (1,) * len(shape)
    axes = {a % len(shape) for a in ((axis,) if isinstance(axis, int) else axis)} if shape else set()
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
    """Mean over `axis`."""
    return x.mean(axis=axis, keepdims=keepdims)


@mean.rule("x")
def _(g: Any, x_shape: tuple, axis: Axis) -> Any:
    return _spread(g * (1 / (_count(x_shape, axis) or 1)), x_shape, axis)


def var(x: Any, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Any:
    """Variance over `axis`: mean squared distance from the mean, ``n - ddof`` in the denominator."""
    centred = x - mean(x, axis, True)
    return sum(centred * centred, axis, keepdims) * (1 / (_count(x.shape, axis) - ddof))


def std(x: Any, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Any:
    """Standard deviation over `axis`."""
    return sqrt(var(x, axis, keepdims, ddof))


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
    axes = range(len(x.shape)) if axis is None else (axis,) if isinstance(axis, int) else axis
    others: Any = 1.0
    for a in reversed(sorted(a % len(x.shape) for a in axes)):
        others = _others(x, a) * others  # the product of all but each value, one axis at a time
        x = prod(x, a, True)
    return _spread(g, others.shape, axis) * others if axes else g


def _others(x: Any, axis: int) -> Any:
    """For every value the product of all the others along `axis`: from the left times from the right."""
    n = x.shape[axis]
    left, right = [None], [None]
    for i in range(n - 1):
        left.append(_times(left[-1], _at(x, axis, i)))
        right.append(_times(right[-1], _at(x, axis, n - 1 - i)))
    from .shape import concatenate

    parts = [_times(a, b) for a, b in zip(left, reversed(right), strict=True)]
    one = broadcast_to(x.sum() * 0 + 1, kept_shape(x.shape, axis))
    return concatenate([one if p is None else p for p in parts], axis) if n else x


def _times(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a * b


def _at(x: Any, axis: int, i: int) -> Any:
    key = [slice(None)] * len(x.shape)
    key[axis] = slice(i, i + 1)
    return x[tuple(key)]


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
    return reshape(g, kept) * exp(x - reshape(y, kept))


def norm(x: Any, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> Any:
    """Vector norm over `axis`, of order 1, 2, infinity or any p. At the zero vector the 2-norm has gradient 0."""
    if ord == 1:
        return sum(absolute(x), axis, keepdims)
    if ord == math.inf:
        return max(absolute(x), axis, keepdims)
    if ord != 2:
        return sum(absolute(x) ** ord, axis, keepdims) ** (1 / ord)
    return _euclidean(x, axis, keepdims)


@op
def _euclidean(x: Array, axis: Axis = None, keepdims: bool = False, *, xp: Any):
    """A primitive because the chain sqrt(sum(x*x)) has no gradient at zero."""
    return xp.sqrt((x * x).sum(axis=axis, keepdims=keepdims))


@_euclidean.rule("x")
def _(g: Any, x: Any, y: Any, axis: Axis) -> Any:
    from .elementwise import where

    kept = kept_shape(x.shape, axis)
    y = reshape(y, kept)
    return x * (reshape(g, kept) / where(y == 0, 1, y))


@op
def cumsum(x: Array, axis: int | None = None, *, xp: Any):
    """Running sums along `axis` (of the flattened array if None)."""
    return xp.cumsum(x, axis=axis, dtype=x.dtype)


@cumsum.rule("x")
def _(g: Any, x_shape: tuple, axis: int | None) -> Any:
    return reshape(flip(cumsum(flip(g, axis), axis), axis), x_shape)


@op(differentiable=False)
def argmax(x: Array, axis: int | None = None):
    """Place of the (first) largest value."""
    return x.argmax(axis=axis)


@op(differentiable=False)
def argmin(x: Array, axis: int | None = None):
    """Place of the (first) smallest value."""
    return x.argmin(axis=axis)


@op(differentiable=False)
def any(x: Array, axis: Axis = None, keepdims: bool = False):
    """Whether one value is true."""
    return x.any(axis=axis, keepdims=keepdims)


@op(differentiable=False)
def all(x: Array, axis: Axis = None, keepdims: bool = False):
    """Whether every value is true."""
    return x.all(axis=axis, keepdims=keepdims)
