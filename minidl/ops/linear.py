"""The fully connected layer: ``y = x @ w + b``. Deep Learning, section 6.1."""

from __future__ import annotations

from typing import Any

from ..autograd.op import Array, op
from ..autograd.tensor import Tensor
from ..backend.matmul import matmul
from ..errors import DTypeError, ShapeError
from .rows import column_sums


@op
def linear(x: Array, w: Array, b: Array | None = None):
    """``x @ w + b`` over the last axis of `x`.

    A primitive for speed: the bias is added in place, and the weight's gradient is one matrix product written
    straight into the flat gradient.

    Parameters
    ----------
    x : array (..., I)
    w : array (I, O)
    b : array (O,), optional

    Raises
    ------
    ShapeError, DTypeError
        Feature counts or dtypes that differ.
    """
    x_shape, w_shape = x.shape, w.shape
    if not x_shape or len(w_shape) != 2 or x_shape[-1] != w_shape[0]:
        _explain_shapes(x, w)
    if x.dtype is not w.dtype and x.dtype != w.dtype:
        raise DTypeError(f"linear: x is {x.dtype}, w is {w.dtype}; cast the input with .astype('{w.dtype}')")
    y = matmul(x, w) if len(x_shape) == 2 else matmul(_rows(x), w).reshape(*x_shape[:-1], w_shape[1])
    if b is not None:
        if b.shape != w_shape[1:]:
            raise ShapeError(f"linear: b has shape {b.shape}, w makes {w.shape[1]} features (axis 1 of {w.shape})")
        if b.dtype is not y.dtype and b.dtype != y.dtype:
            raise DTypeError(f"linear: b is {b.dtype}, w is {w.dtype}; cast one with .astype(...)")
        y += b
    return y


@linear.rule("x")
def _(g: Any, w: Any) -> Any:
    return _product(g, w.T) if g.ndim == 2 else _product(_rows(g), w.T).reshape((*g.shape[:-1], w.shape[0]))


@linear.rule("w")
def _(g: Any, x: Any, out: Any = None) -> Any:
    if g.ndim != 2:
        x, g = _rows(x), _rows(g)
    return _product(x.T, g, out)


@linear.rule("b")
def _(g: Any, out: Any = None) -> Any:
    if isinstance(g, Tensor):
        return g.sum(axis=tuple(range(g.ndim - 1)))
    return column_sums(g if g.ndim == 2 else _rows(g), out)


def _product(a: Any, b: Any, out: Any = None) -> Any:
    """Of arrays on our threads, of Tensors recorded."""
    return a @ b if isinstance(a, Tensor) or isinstance(b, Tensor) else matmul(a, b, out)


def _rows(x: Any) -> Any:
    """All leading axes as one (named, as -1 would not do for no features)."""
    n = 1
    for length in x.shape[:-1]:
        n *= length
    return x.reshape((n, x.shape[-1]))


def _explain_shapes(x: Any, w: Any) -> None:
    if w.ndim != 2 or x.ndim == 0:
        raise ShapeError(f"linear: needs x of shape (..., I) and w of shape (I, O), got {x.shape} and {w.shape}")
    raise ShapeError(
        f"linear: x has {x.shape[-1]} features (axis -1 of {x.shape}), w expects {w.shape[0]} (axis 0 of {w.shape})"
    )
