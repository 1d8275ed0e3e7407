"""Indexing and its adjoint, scattering: each is the other's gradient, and duplicates accumulate."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.op import Array, op
from ..autograd.sparse import RowSparse
from ..autograd.tensor import Tensor, with_shape
from ..backend import backend_of, namespace_of
from ..errors import DTypeError, RangeError, ShapeError
from .shape import _places, ravel, reshape, transpose


def getitem(x: Any, key: Any) -> Any:
    """``x[key]`` for slices, integers, masks, and integer arrays.

    Raises
    ------
    DTypeError
        An array in the key that holds neither integers nor booleans.
    RangeError
        An index outside its axis (on every device), or more indices than axes.
    """
    if type(key) is not int and type(key) is not slice:
        key = plain_key(key, x)
        _check_key(key, x.shape)
    return _getitem(x, key=key)


@op
def _getitem(x: Array, key: Any):
    try:
        return x[key]
    except IndexError as error:
        raise RangeError(f"indexing: {error} (shape {x.shape})") from error


_getitem.name = "indexing"  # what errors call it
_getitem.rules(x=lambda g, x_shape, key: _scatter(g, key=key, shape=x_shape))


@op
def _scatter(g: Array, key: Any, shape: Any, *, xp: Any):
    """Zeros of `shape` with `g` added at `key`: the adjoint of indexing."""
    y = xp.zeros(shape, g.dtype)
    if _selects_once(key):
        y[key] = g
    else:
        backend_of(y).scatter_add(y, key, g)
    return y


_scatter.rules(g=lambda g, key: _getitem(g, key=key))


@op
def _add_at(x: Array, values: Array, key: Any):
    y = x.copy()
    try:
        backend_of(y).scatter_add(y, key, values)
    except IndexError as error:
        raise RangeError(f"scatter_add: {error} (shape {x.shape})") from error
    except ValueError as error:
        raise ShapeError(f"scatter_add: values of shape {np.shape(values)} do not fit x[index] of shape {x[key].shape} "
                         f"(x has shape {x.shape})") from error  # fmt: skip
    return y


_add_at.name = "scatter_add"
_add_at.rules(x=lambda g: g, values=lambda g, key: _getitem(g, key=key))


def scatter_add(x: Any, index: Any, values: Any) -> Any:
    """A copy of `x` with `values` added at ``x[index]``; duplicates add up.

    Parameters
    ----------
    x : array
    index : as for indexing
        An integer array adds to rows; ``(slice(None), ids)`` to columns.
    values : array
        Broadcast to the shape of ``x[index]``.
    """
    x = with_shape(x)
    key = plain_key(index, x)
    _check_key(key, x.shape)
    return _add_at(x, values, key=key)


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Elements along `axis` at `indices` (any integer array), whose axes stand in place of `axis`.

    As in NumPy, `x` is flattened if `axis` is None.
    """
    x = with_shape(x)
    if axis is None:
        x, axis = ravel(x), 0
    (axis,) = _places("take", axis, x.ndim)
    indices = _integers("take", plain_key(indices, x))
    _check_range("take", indices, x.shape[axis])
    return _getitem(x, key=(slice(None),) * axis + (indices,))


def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Any:
    """For each position along the other axes, elements along `axis` at `indices`, as NumPy does."""
    x = with_shape(x)
    indices = _integers("take_along_axis", plain_key(indices, x))
    if axis is None:
        x, axis = ravel(x), 0
    (axis,) = _places("take_along_axis", axis, x.ndim)
    if indices.ndim != x.ndim:
        raise ShapeError(f"take_along_axis: indices of shape {indices.shape} for {x.ndim} axes; they must be as many")
    _check_range("take_along_axis", indices, x.shape[axis])
    xp = namespace_of(indices)
    places = [xp.arange(n).reshape([-1 if a == i else 1 for i in range(x.ndim)]) for a, n in enumerate(x.shape)]
    places[axis] = indices
    return _getitem(x, key=tuple(places))


@op
def embedding(w: Array, ids: Array):
    """Rows of the table `w` (V, D) for integer `ids` (...): shape (..., D).

    A primitive for its gradient, which is row-sparse: its cost follows the number of ids, not V
    (Bengio and others 2003).

    Raises
    ------
    DTypeError, RangeError
        ids that are not integers, or outside [0, V).
    """
    if w.ndim == 0:
        raise ShapeError("embedding: the table needs shape (V, ...), got a number")
    if ids.dtype.kind not in "iu":
        raise DTypeError(f"embedding: ids must be integers, not {ids.dtype}")
    _check_range("embedding", ids, w.shape[0], lowest=0, what=f"a table of {w.shape[0]} rows")
    return w.take(ids, axis=0)


@embedding.rule("w")
def _(g: Any, w_shape: tuple, ids: Any) -> Any:
    if isinstance(g, Tensor):
        return _scatter(g, key=ids, shape=w_shape)
    return RowSparse(ids.reshape(-1), g.reshape(ids.size, *w_shape[1:]), w_shape)


def one_hot(ids: Any, n: int, dtype: Any = np.float32) -> Any:
    """Rows of the identity matrix: shape (..., n)."""
    as_tensor = isinstance(ids, Tensor)
    ids = ids.data if as_tensor else np.asarray(ids) if not hasattr(ids, "dtype") else ids
    if ids.dtype.kind not in "iu":
        raise DTypeError(f"one_hot: ids must be integers, not {ids.dtype}")
    if not isinstance(n, int | np.integer):
        raise DTypeError(f"one_hot: the number of classes must be an integer, not {n!r}")
    _check_range("one_hot", ids, n, lowest=0, what=f"{n} classes")
    rows = (ids[..., None] == namespace_of(ids).arange(n)).astype(dtype)
    return Tensor(rows) if as_tensor else rows


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonal of two axes, as the last axis of the result; `offset` counts above the main one.

    Made of a reshape and a slice, so that its gradient is a slice assignment.
    """
    x = with_shape(x)
    if x.ndim < 2:
        raise ShapeError(f"diagonal: needs two axes, got shape {x.shape}")
    a, b = _places("diagonal", (axis1, axis2), x.ndim)
    others = [i for i in range(x.ndim) if i not in (a, b)]
    n, m = x.shape[a], x.shape[b]
    count = max(0, min(n + min(offset, 0), m - max(offset, 0)))
    start = offset if offset > 0 else -offset * m
    if others != list(range(x.ndim - 2)) or a > b:
        x = transpose(x, (*others, a, b))
    rows = reshape(x, (*x.shape[:-2], n * m))
    return _getitem(rows, key=(Ellipsis, slice(start, start + count * (m + 1), m + 1)))


# -- keys ------------------------------------------------------------------------------------------------


def plain_key(key: Any, x: Any) -> Any:
    """A key of arrays that live where `x` does: Tensors unwrapped, lists and host arrays moved."""
    if isinstance(key, tuple):
        return tuple([plain_key(k, x) for k in key])
    if isinstance(key, Tensor):
        key = key.data
    elif isinstance(key, list):
        key = np.asarray(key, dtype=None if key else int)
    if not hasattr(key, "dtype") or isinstance(key, np.generic):
        return key
    if key.dtype.kind not in "iub":
        raise DTypeError(f"indexing: an index must hold integers or booleans, not {key.dtype}")
    return backend_of(x.data if isinstance(x, Tensor) else x).from_host(key) if isinstance(key, np.ndarray) else key


def _selects_once(key: Any) -> bool:
    """Whether a key selects no element twice: it holds no integer arrays."""
    parts = key if isinstance(key, tuple) else (key,)
    return all(not hasattr(k, "dtype") or isinstance(k, np.generic) or k.dtype.kind == "b" for k in parts)


def _integers(name: str, indices: Any) -> Any:
    if not hasattr(indices, "dtype"):
        return indices
    if indices.dtype.kind not in "iu":
        raise DTypeError(f"{name}: indices must be integers, not {indices.dtype}")
    return indices


def _check_key(key: Any, shape: tuple[int, ...]) -> None:
    """Refuse integer arrays that point outside their axis (as far as each part is an axis of its own)."""
    for part, n in zip(key if isinstance(key, tuple) else (key,), shape, strict=False):
        is_mask = getattr(part, "dtype", None) is not None and part.dtype.kind == "b"
        if part is None or part is Ellipsis or is_mask:
            return
        if getattr(part, "ndim", 0):
            _check_range("indexing", part, n)


def _check_range(name: str, indices: Any, n: int, lowest: int | None = None, what: str = "") -> None:
    """Out of bounds is an error here on every device (CuPy would wrap around silently)."""
    if getattr(indices, "size", 1) == 0:
        return
    low, high = (int(indices.min()), int(indices.max())) if hasattr(indices, "min") else (indices, indices)
    lowest = -n if lowest is None else lowest
    if low < lowest or high >= n:
        bad = high if high >= n else low
        raise RangeError(f"{name}: index {bad} is out of range for {what or f'an axis of length {n}'}")
