"""Changes of shape and order; most gradients are the change undone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd.op import Array, op
from ..autograd.tensor import array_of, with_shape
from ..backend import namespace_of
from ..errors import ArgumentError, DTypeError, ShapeError

Axes = int | Sequence[int]


@op
def reshape(x: Array, shape: Any):
    """The same values in another shape; one length may be -1."""
    try:
        return x.reshape(shape)
    except ValueError as error:
        raise ShapeError(f"reshape: shape {x.shape} has {x.size} elements, which {shape} cannot hold") from error


reshape.rules(x=lambda g, x_shape: g.reshape(x_shape))


@op
def transpose(x: Array, axes: Sequence[int] | None = None):
    """Permute the axes (reverse them if `axes` is None)."""
    if axes is not None and len(axes) != x.ndim:
        raise ShapeError(f"transpose: {len(axes)} axes {axes} for shape {x.shape}; name each of its {x.ndim} once")
    return x.transpose(axes)


@transpose.rule("x")
def _(g: Any, axes: Sequence[int] | None) -> Any:
    if axes is None:
        return g.transpose(None)
    inverse = [0] * len(axes)
    for to, origin in enumerate(axes):
        inverse[origin] = to
    return g.transpose(tuple(inverse))


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Exchange two axes."""
    x = with_shape(x)
    a, b = _places("swapaxes", (axis1, axis2), x.ndim, once=False)
    axes = list(range(x.ndim))
    axes[a], axes[b] = b, a
    return transpose(x, tuple(axes))


def moveaxis(x: Any, source: Axes, destination: Axes) -> Any:
    """Move axes to other places; the rest keep their order."""
    x = with_shape(x)
    origins, targets = _places("moveaxis", source, x.ndim), _places("moveaxis", destination, x.ndim)
    if len(origins) != len(targets):
        raise ArgumentError(f"moveaxis: {len(origins)} axes to move, {len(targets)} places to move them to")
    order = [a for a in range(x.ndim) if a not in origins]
    for place, axis in sorted(zip(targets, origins, strict=True)):
        order.insert(place, axis)
    return transpose(x, tuple(order))


def expand_dims(x: Any, axis: Axes) -> Any:
    """Insert axes of length one, at these places of the result."""
    x = with_shape(x)
    ndim = x.ndim + (1 if isinstance(axis, int | np.integer) else len(axis))
    places = _places("expand_dims", axis, ndim)
    old = iter(x.shape)
    return reshape(x, tuple(1 if i in places else next(old) for i in range(ndim)))


def squeeze(x: Any, axis: Axes | None = None) -> Any:
    """Remove axes of length one (all of them, or those given)."""
    x = with_shape(x)
    if axis is None:
        return reshape(x, tuple(n for n in x.shape if n != 1))
    places = _places("squeeze", axis, x.ndim)
    for a in places:
        if x.shape[a] != 1:
            raise ShapeError(f"squeeze: axis {a} of shape {x.shape} has length {x.shape[a]}, not 1")
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in places))


@op
def broadcast_to(x: Array, shape: Any, *, xp: Any):
    """A read-only view of `x` repeated to `shape`."""
    try:
        return xp.broadcast_to(x, shape)
    except ValueError as error:
        raise ShapeError(f"broadcast_to: shape {x.shape} does not broadcast to {shape}") from error


broadcast_to.rules(x=lambda g: g)  # the engine sums out what was repeated


@op
def _join(*xs: Array, axis: int = 0, xp: Any):
    return xp.concatenate(xs, axis=axis)


_join.name = "concatenate"  # what errors call it


@_join.rule("xs")
def _(g: Any, xs_shape: list, axis: int) -> list[Any]:
    parts, start = [], 0
    for shape in xs_shape:
        stop = start + shape[axis]
        parts.append(g[_along(g.ndim, axis, start, stop)])
        start = stop
    return parts


def concatenate(tensors: Sequence[Any], axis: int | None = 0) -> Any:
    """Join along an existing axis (all flattened first if `axis` is None).

    Raises
    ------
    ShapeError
        Nothing to join, or shapes that differ along another axis.
    """
    tensors = [with_shape(t) for t in tensors]
    if not tensors:
        raise ShapeError("concatenate: needs at least one tensor")
    if axis is None:
        tensors, axis = [ravel(t) for t in tensors], 0
    first = tensors[0].shape
    (axis,) = _places("concatenate", axis, len(first))
    for t in tensors[1:]:
        if len(t.shape) != len(first):
            raise ShapeError(f"concatenate: shapes {first} and {t.shape} have different numbers of axes")
        for i, (n, m) in enumerate(zip(first, t.shape, strict=True)):
            if n != m and i != axis:
                raise ShapeError(f"concatenate: shapes {first} and {t.shape} differ at axis {i}; only axis {axis} may")
    return _join(*tensors, axis=axis)


def stack(tensors: Sequence[Any], axis: int = 0) -> Any:
    """Join along a new axis."""
    tensors = [with_shape(t) for t in tensors]
    if not tensors:
        raise ShapeError("stack: needs at least one tensor")
    for t in tensors[1:]:
        if t.shape != tensors[0].shape:
            raise ShapeError(f"stack: shapes {tensors[0].shape} and {t.shape} differ; they must be equal")
    (axis,) = _places("stack", axis, tensors[0].ndim + 1)
    return _join(*[expand_dims(t, axis) for t in tensors], axis=axis)


@op
def split(x: Array, n: Any, axis: int = 0) -> tuple:
    """Cut along `axis` into `n` equal parts, or before the indices in `n`.

    Several outputs of one node: the gradient is put together once, not once per part.
    """
    return tuple(x[_along(x.ndim, axis, a, b)] for a, b in _pieces(x.shape, n, axis))


@split.rule("x")
def _(g: tuple, x_shape: tuple, n: Any, axis: int) -> Any:
    present = next(part for part in g if part is not None)
    like = array_of(present)
    parts = []
    for part, (start, stop) in zip(g, _pieces(x_shape, n, axis), strict=True):
        if part is None:
            shape = [*x_shape]
            shape[axis] = stop - start
            part = namespace_of(like).zeros(shape, like.dtype)
        parts.append(part)
    return concatenate(parts, axis)


def _pieces(shape: tuple, n: Any, axis: int) -> list[tuple[int, int]]:
    """Start and stop of each part of a split."""
    (axis,) = _places("split", axis, len(shape))
    length = shape[axis]
    if isinstance(n, int | np.integer):
        if n < 1 or length % n:
            raise ShapeError(f"split: axis {axis} of shape {shape} has length {length}, not a multiple of {n}")
        cuts = [length // n * i for i in range(1, n)]
    else:
        cuts = [slice(int(i), None).indices(length)[0] for i in n]  # counted from the end if negative
        if sorted(cuts) != cuts:
            raise ArgumentError(f"split: indices must ascend, got {list(n)}")
    return list(zip([0, *cuts], [*cuts, length], strict=True))


@op
def pad(x: Array, width: Any, value: float = 0.0, *, xp: Any):
    """Surround with the constant `value`.

    Parameters
    ----------
    x : array
    width : int, (before, after), or a list of (before, after) for each axis
        As for ``numpy.pad``.
    """
    widths = _widths(width, x.ndim)
    y = xp.full([n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)], value, x.dtype)
    y[tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, widths, strict=True))] = x
    return y


@pad.rule("x")
def _(g: Any, x_shape: tuple, width: Any) -> Any:
    return g[tuple(slice(a, a + n) for n, (a, _) in zip(x_shape, _widths(width, len(x_shape)), strict=True))]


def _widths(width: Any, ndim: int) -> list[tuple[int, int]]:
    try:
        widths = np.broadcast_to(np.asarray(width, dtype=object), (ndim, 2)).tolist()
    except ValueError as error:
        raise ShapeError(f"pad: widths {width} for {ndim} axes; give (before, after) for each axis") from error
    if any(not isinstance(w, int | np.integer) or w < 0 for pair in widths for w in pair):
        raise ArgumentError(f"pad: widths must be integers and not negative, got {width}")
    return [(int(a), int(b)) for a, b in widths]


@op
def flip(x: Array, axis: Axes | None = None, *, xp: Any):
    """Reverse the order along the given axes (all if None)."""
    return xp.flip(x, axis if axis is None else _places("flip", axis, x.ndim))


flip.rules(x=lambda g, axis: flip(g, axis))


@op
def roll(x: Array, shift: Axes, axis: Axes | None = None, *, xp: Any):
    """Shift along axes, what falls off one end comes back at the other; flattened if `axis` is None."""
    return xp.roll(x, shift, axis if axis is None else _places("roll", axis, x.ndim, once=False))


@roll.rule("x")
def _(g: Any, shift: Axes, axis: Axes | None) -> Any:
    return roll(g, -shift if isinstance(shift, int | np.integer) else tuple(-s for s in shift), axis)


def repeat(x: Any, repeats: int | Sequence[int], axis: int | None = None) -> Any:
    """Repeat each element along `axis`, equally often or as often as `repeats` says for it."""
    x = with_shape(x)
    if axis is None:
        x, axis = ravel(x), 0
    (axis,) = _places("repeat", axis, x.ndim)
    counts, length = np.asarray(repeats), x.shape[axis]
    if counts.dtype.kind not in "iu":
        raise DTypeError(f"repeat: counts must be integers, not {counts.dtype}")
    if (counts < 0).any():
        raise ArgumentError(f"repeat: counts must not be negative, got {repeats}")
    if counts.size == 1:
        spread = broadcast_to(expand_dims(x, axis + 1), (*x.shape[: axis + 1], counts.item(), *x.shape[axis + 1 :]))
        return reshape(spread, (*x.shape[:axis], length * counts.item(), *x.shape[axis + 1 :]))
    if counts.shape != (length,):
        raise ShapeError(f"repeat: {counts.size} counts for axis {axis} of shape {x.shape}, which has length {length}")
    from .index import take  # which stands on this file

    return take(x, np.repeat(np.arange(length), counts), axis)


def tile(x: Any, repeats: int | Sequence[int]) -> Any:
    """Repeat the whole array as often as `repeats` says for each axis."""
    x = with_shape(x)
    counts = [repeats] if isinstance(repeats, int | np.integer) else list(repeats)
    if min(counts, default=0) < 0:
        raise ArgumentError(f"tile: counts must not be negative, got {repeats}")
    ndim = max(len(counts), x.ndim)
    counts = [1] * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - x.ndim) + tuple(x.shape)
    spread = tuple(m for n in shape for m in (1, n))
    full = tuple(m for c, n in zip(counts, shape, strict=True) for m in (c, n))
    result = tuple(c * n for c, n in zip(counts, shape, strict=True))
    return reshape(broadcast_to(reshape(x, spread), full), result)


def ravel(x: Any) -> Any:
    """All values in one axis."""
    x = with_shape(x)
    return reshape(x, (math.prod(x.shape),))


def _places(name: str, axes: Axes, ndim: int, once: bool = True) -> tuple[int, ...]:
    """Axes counted from the front, checked."""
    axes = (axes,) if isinstance(axes, int | np.integer) else tuple(axes)
    for a in axes:
        if not -ndim <= a < ndim:
            raise ShapeError(f"{name}: there is no axis {a}; the axes are {-ndim} to {ndim - 1}")
    places = tuple(a % ndim for a in axes)
    if once and len(set(places)) != len(places):
        raise ShapeError(f"{name}: an axis is named twice in {axes}")
    return places


def _along(ndim: int, axis: int, start: int, stop: int) -> tuple:
    key = [slice(None)] * ndim
    key[axis] = slice(start, stop)
    return tuple(key)
