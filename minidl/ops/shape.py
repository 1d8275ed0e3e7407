"""Changes of shape and order; most gradients are the change undone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd.op import Array, op
from ..errors import ArgumentError, ShapeError


@op
def reshape(x: Array, shape: Any):
    """The same values in another shape; one length may be -1."""
    return x.reshape(shape)


reshape.rules(x=lambda g, x_shape: g.reshape(x_shape))


@op
def transpose(x: Array, axes: Sequence[int] | None = None):
    """Permute the axes (reverse them if `axes` is None)."""
    return x.transpose(axes)


@transpose.rule("x")
def _(g: Any, axes: Sequence[int] | None) -> Any:
    if axes is None:
        return g.transpose(None)
    inverse = [0] * len(axes)
    for to, origin in enumerate(axes):
        inverse[origin % len(axes)] = to
    return g.transpose(tuple(inverse))


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Exchange two axes."""
    axes = list(range(x.ndim))
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return transpose(x, tuple(axes))


def moveaxis(x: Any, source: int, destination: int) -> Any:
    """Move one axis to another place."""
    axes = list(range(x.ndim))
    axis = axes.pop(source)
    axes.insert(destination % x.ndim, axis)
    return transpose(x, tuple(axes))


def expand_dims(x: Any, axis: int | tuple[int, ...]) -> Any:
    """Insert axes of length one."""
    axes = (axis,) if isinstance(axis, int) else axis
    ndim = x.ndim + len(axes)
    places = {a % ndim for a in axes}
    old = iter(x.shape)
    return reshape(x, tuple(1 if i in places else next(old) for i in range(ndim)))


def squeeze(x: Any, axis: int | tuple[int, ...] | None = None) -> Any:
    """Remove axes of length one (all of them, or those given)."""
    if axis is None:
        return reshape(x, tuple(n for n in x.shape if n != 1))
    places = {a % x.ndim for a in ((axis,) if isinstance(axis, int) else axis)}
    for a in places:
        if x.shape[a] != 1:
            raise ShapeError(f"squeeze: axis {a} of shape {x.shape} has length {x.shape[a]}, not 1")
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in places))


@op
def broadcast_to(x: Array, shape: Any, *, xp: Any):
    """A read-only view of `x` repeated to `shape`."""
    return xp.broadcast_to(x, shape)


broadcast_to.rules(x=lambda g: g)  # the engine sums out what was repeated


@op
def _join(*xs: Array, axis: int = 0, xp: Any):
    return xp.concatenate(xs, axis=axis)


@_join.rule("xs")
def _(g: Any, xs_shape: list, axis: int) -> list[Any]:
    parts, start = [], 0
    for shape in xs_shape:
        stop = start + shape[axis]
        parts.append(g[_along(g.ndim, axis, slice(start, stop))])
        start = stop
    return parts


def concatenate(tensors: Sequence[Any], axis: int = 0) -> Any:
    """Join along an existing axis.

    Raises
    ------
    ShapeError
        Nothing to join, or shapes that differ along another axis.
    """
    tensors = list(tensors)
    if not tensors:
        raise ShapeError("concatenate: needs at least one tensor")
    first = tensors[0].shape
    if not -len(first) <= axis < len(first):
        raise ShapeError(f"concatenate: axis {axis} is not an axis of shape {first}")
    for t in tensors[1:]:
        bad = [i for i, (n, m) in enumerate(zip(first, t.shape, strict=False)) if n != m and i != axis % len(first)]
        if len(t.shape) != len(first) or bad:
            where = f" at axis {bad[0]}" if bad else ""
            raise ShapeError(f"concatenate: shapes {first} and {t.shape} differ{where}; only axis {axis} may")
    return _join(*tensors, axis=axis)


def stack(tensors: Sequence[Any], axis: int = 0) -> Any:
    """Join along a new axis."""
    tensors = list(tensors)
    if not tensors:
        raise ShapeError("stack: needs at least one tensor")
    for t in tensors[1:]:
        if t.shape != tensors[0].shape:
            raise ShapeError(f"stack: shapes {tensors[0].shape} and {t.shape} differ")
    axis = axis % (tensors[0].ndim + 1)
    return _join(*[expand_dims(t, axis) for t in tensors], axis=axis)


@op
def split(x: Array, n: Any, axis: int = 0) -> tuple:
    """Cut along `axis` into `n` equal parts, or before the indices in `n`.

    Several outputs of one node: the gradient is put together once, not once per part.
    """
    length = x.shape[axis]
    if isinstance(n, int):
        if n < 1 or length % n:
            raise ShapeError(f"split: axis {axis} of shape {x.shape} has length {length}, not a multiple of {n}")
        n = [length // n * i for i in range(1, n)]
    bounds = [0, *(slice(i, None).indices(length)[0] for i in n), length]
    return tuple(x[_along(x.ndim, axis, slice(a, b))] for a, b in zip(bounds, bounds[1:], strict=False))


@split.rule("x")
def _(g: tuple, x_shape: tuple, n: Any, axis: int) -> Any:
    length = x_shape[axis]
    cuts = [length // n * i for i in range(1, n)] if isinstance(n, int) else list(n)
    bounds = [0, *(slice(i, None).indices(length)[0] for i in cuts), length]
    total = None
    for part, start, stop in zip(g, bounds, bounds[1:], strict=False):
        if part is None:
            continue
        widths = [(0, 0)] * len(x_shape)
        widths[axis] = (start, length - stop)
        padded = pad(part, widths)
        total = padded if total is None else total + padded
    return total


@op
def pad(x: Array, width: Any, value: float = 0.0, *, xp: Any):
    """Surround with `value`: `width` is one number, or (before, after) for each axis."""
    widths = _widths(width, x.ndim)
    if min((n for pair in widths for n in pair), default=0) < 0:
        raise ArgumentError(f"pad: widths must not be negative, got {width}")
    y = xp.full([n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)], value, x.dtype)
    y[tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, widths, strict=True))] = x
    return y


@pad.rule("x")
def _(g: Any, x_shape: tuple, width: Any) -> Any:
    widths = _widths(width, len(x_shape))
    return g[tuple(slice(a, a + n) for n, (a, _) in zip(x_shape, widths, strict=True))]


def _widths(width: Any, ndim: int) -> list[tuple[int, int]]:
    if isinstance(width, int):
        return [(width, width)] * ndim
    pairs = [(w, w) if isinstance(w, int) else tuple(w) for w in width]
    if len(pairs) != ndim:
        raise ShapeError(f"pad: {len(pairs)} widths for {ndim} axes")
    return pairs


@op
def flip(x: Array, axis: int | tuple[int, ...] | None = None, *, xp: Any):
    """Reverse the order along the given axes (all if None)."""
    return xp.flip(x, axis)


flip.rules(x=lambda g, axis: flip(g, axis))


@op
def roll(x: Array, shift: int, axis: int | None = None, *, xp: Any):
    """Shift along an axis, what falls off one end comes back at the other; flattened if `axis` is None."""
    return xp.roll(x, shift, axis)


roll.rules(x=lambda g, shift, axis: roll(g, -shift, axis))


def repeat(x: Any, repeats: int | Sequence[int], axis: int | None = None) -> Any:
    """Repeat each element along `axis`, equally often or as often as `repeats` says for it."""
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    counts = np.broadcast_to(np.asarray(repeats), (x.shape[axis],))
    if (counts < 0).any():
        raise ArgumentError(f"repeat: counts must not be negative, got {repeats}")
    from .index import take

    return take(x, np.repeat(np.arange(x.shape[axis]), counts), axis)


def tile(x: Any, repeats: int | Sequence[int]) -> Any:
    """Repeat the whole array as often as `repeats` says for each axis."""
    counts = [repeats] if isinstance(repeats, int) else list(repeats)
    ndim = max(len(counts), x.ndim)
    counts = [1] * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - x.ndim) + tuple(x.shape)
    spread = tuple(m for n in shape for m in (1, n))
    full = tuple(m for c, n in zip(counts, shape, strict=True) for m in (c, n))
    result = tuple(c * n for c, n in zip(counts, shape, strict=True))
    return reshape(broadcast_to(reshape(x, spread), full), result)


def ravel(x: Any) -> Any:
    """All values in one axis."""
    return reshape(x, (math.prod(x.shape),))


def _along(ndim: int, axis: int, part: slice) -> tuple:
    key: list[Any] = [slice(None)] * ndim
    key[axis] = part
    return tuple(key)
