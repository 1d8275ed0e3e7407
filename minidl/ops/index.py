"""Indexing and its adjoint, scattering: each is the other's gradient, and duplicates accumulate."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.op import Array, op
from ..autograd.sparse import RowSparse
from ..autograd.tensor import Tensor
from ..backend import backend_of, namespace_of
from ..errors import ArgumentError, DTypeError, ShapeError


def getitem(x: Any, key: Any) -> Any:
    """``x[key]`` for slices, integers, masks, and integer arrays."""
    return _getitem(x, key=_plain_key(key))


@op
def _getitem(x: Array, key: Any):
    return x[key]


_getitem.rules(x=lambda g, x_shape, key: _scatter(g, key=key, shape=x_shape))


@op
def _scatter(g: Array, key: Any, shape: Any, *, xp: Any):
    """Zeros of `shape` with `g` added at `key`: the adjoint of indexing."""
    y = xp.zeros(shape, g.dtype)
    if _is_basic(key):
        y[key] = g
    else:
        backend_of(y).scatter_add(y, key, g)
    return y


_scatter.rules(g=lambda g, key: _getitem(g, key=key))


def _plain_key(key: Any) -> Any:
    """A key with Tensors replaced by their arrays and lists by arrays."""
    if isinstance(key, tuple):
        return tuple(_plain_key(k) for k in key)
    if isinstance(key, Tensor):
        return key.data
    return np.asarray(key, dtype=None if key else int) if isinstance(key, list) else key


def _is_basic(key: Any) -> bool:
    """Whether a key selects every element at most once by slices and integers alone."""
    parts = key if isinstance(key, tuple) else (key,)
    return all(k is None or k is Ellipsis or isinstance(k, int | np.integer | slice) for k in parts)


def take(x: Any, indices: Any, axis: int = 0) -> Any:
    """Elements along `axis` at `indices` (any integer array); its axes stand in place of `axis`."""
    indices = _plain_key(indices)
    _check_indices("take", indices, x.shape[axis])
    key: list[Any] = [slice(None)] * x.ndim
    key[axis] = indices
    return getitem(x, tuple(key))


def take_along_axis(x: Any, indices: Any, axis: int) -> Any:
    """For each position along the other axes, elements along `axis` at `indices`, as NumPy does."""
    indices = _plain_key(indices)
    _check_indices("take_along_axis", indices, x.shape[axis])
    xp = namespace_of(indices)
    key: list[Any] = []
    for a, n in enumerate(indices.shape):
        shape = [1] * indices.ndim
        shape[a] = n
        key.append(indices if a == axis % x.ndim else xp.arange(n).reshape(shape))
    return getitem(x, tuple(key))


def scatter_add(x: Any, index: Any, values: Any) -> Any:
    """A copy of `x` with `values` added at ``x[index]``; duplicates add up."""
    return x + _scatter(values, key=_plain_key(index), shape=x.shape)


@op
def embedding(w: Array, ids: Array):
    """Rows of the table `w` (V, D) for integer `ids` (...): shape (..., D).

    The gradient is row-sparse: its cost follows the number of ids, not V (Bengio and others 2003).

    Raises
    ------
    DTypeError, ArgumentError
        ids that are not integers, or outside [0, V).
    """
    if ids.dtype.kind not in "iu":
        raise DTypeError(f"embedding: ids must be integers, not {ids.dtype}")
    _check_indices("embedding", ids, w.shape[0], lowest=0)
    return w[ids]


@embedding.rule("w")
def _(g: Any, w_shape: tuple, ids: Any) -> Any:
    rows = ids.data if isinstance(ids, Tensor) else ids
    if isinstance(g, Tensor):
        return _scatter(g, key=rows, shape=w_shape)
    return RowSparse(rows.reshape(-1), g.reshape(rows.size, *w_shape[1:]), w_shape)


def one_hot(ids: Any, n: int, dtype: Any = np.float32) -> Any:
    """Rows of the identity matrix: shape (..., n)."""
    as_tensor = isinstance(ids, Tensor)
    ids = ids.data if as_tensor else np.asarray(ids) if isinstance(ids, int | list) else ids
    if ids.dtype.kind not in "iu":
        raise DTypeError(f"one_hot: ids must be integers, not {ids.dtype}")
    _check_indices("one_hot", ids, n, lowest=0)
    rows = (ids[..., None] == namespace_of(ids).arange(n)).astype(dtype)
    return Tensor(rows) if as_tensor else rows


def _check_indices(name: str, indices: Any, n: int, lowest: int | None = None) -> None:
    """Out of bounds is an error here on every device (CuPy would wrap around silently)."""
    if getattr(indices, "size", 0) == 0:
        return
    low, high = int(indices.min()), int(indices.max())
    if low < (-n if lowest is None else lowest) or high >= n:
        bad = high if high >= n else low
        raise ArgumentError(f"{name}: index {bad} is outside the {n} entries there are")


def diagonal(x: Any) -> Any:
    """The diagonal of the last two axes: (..., min(N, M))."""
    if x.ndim < 2:
        raise ShapeError(f"diagonal: needs two axes, got shape {x.shape}")
    places = namespace_of(x.data if isinstance(x, Tensor) else x).arange(min(x.shape[-2:]))
    return getitem(x, (Ellipsis, places, places))
