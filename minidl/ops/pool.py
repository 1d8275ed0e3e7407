"""Pooling over windows of channels-last images. Deep Learning, section 9.3.

A window's pixels are met place by place: for each of its KH x KW offsets one strided view of the whole batch.
"""

from __future__ import annotations

from typing import Any

from ..autograd.op import Array, op
from ..autograd.tensor import array_of
from ..backend import namespace_of
from ..backend import pooling as kernels
from ..backend.convolution import Window, padded, shifted
from ..errors import ArgumentError, ShapeError
from .conv import _pair, _window
from .linalg import tensordot
from .reduce import max as reduce_max
from .reduce import mean
from .shape import concatenate, transpose


@op(residuals=("index",))
def max_pool2d(x: Array, size: Any, stride: Any = None, padding: Any = 0, *, recording: bool):
    """Largest value in each window: (N, H, W, C) -> (N, H', W', C).

    A primitive: it keeps one byte per output (which pixel won) and neither input nor output.

    Parameters
    ----------
    size, stride : int or (int, int)
        Of the window, and between windows (its size by default).
    padding : int, pair or ((top, bottom), (left, right))
        Pixels of minus infinity around the image; at most half a window.
    """
    window = pool_window("max_pool2d", x.shape, size, stride, padding)
    return kernels.max_forward(x, window, recording)


@max_pool2d.rule("x")
def _(g: Any, index: Any, x_shape: tuple, size: Any, stride: Any, padding: Any) -> Any:
    window = pool_window("max_pool2d", x_shape, size, stride, padding)
    return _to_winners(g, index=index, window=window, shape=x_shape)


@op
def _to_winners(g: Array, index: Any, window: Window, shape: Any):
    """Each output's gradient goes to the pixel that won."""
    return kernels.to_winners(g, index, window, shape)


_to_winners.rules(g=lambda h, index, window: _from_winners(h, index=index, window=window))


@op
def _from_winners(x: Array, index: Any, window: Window):
    """The value at the pixel that won, for each output."""
    return kernels.from_winners(x, index, window)


_from_winners.rules(x=lambda g, index, window, x_shape: _to_winners(g, index=index, window=window, shape=x_shape))


@op
def avg_pool2d(x: Array, size: Any, stride: Any = None, padding: Any = 0):
    """Mean of each window, zeros of the padding counted: (N, H, W, C) -> (N, H', W', C)."""
    window = pool_window("avg_pool2d", x.shape, size, stride, padding)
    views = [view for _, view in shifted(padded(x, window), window, window.output_size(x.shape[1:3]))]
    y = views[0].copy()
    for view in views[1:]:
        y += view
    y *= 1 / len(views)
    return y


@avg_pool2d.rule("x")
def _(g: Any, x_shape: tuple, size: Any, stride: Any, padding: Any) -> Any:
    return _to_all(g, size=size, stride=stride, padding=padding, shape=x_shape)


@op
def _to_all(g: Array, size: Any, stride: Any, padding: Any, shape: Any):
    """Each output's gradient in equal parts to the pixels of its window."""
    window = pool_window("avg_pool2d", shape, size, stride, padding)
    padded = _empty_image(g, window, shape)
    g = g * (1 / (window.kernel[0] * window.kernel[1]))
    for _, view in shifted(padded, window, g.shape[1:3]):
        view += g
    return _cropped(padded, window, shape)


_to_all.rules(g=lambda h, size, stride, padding: avg_pool2d(h, size, stride, padding))


def global_avg_pool2d(x: Any) -> Any:
    """Mean over height and width: (N, H, W, C) -> (N, C) (Lin and others 2014)."""
    return mean(x, axis=(1, 2))


def adaptive_avg_pool2d(x: Any, size: Any) -> Any:
    """Mean over windows that divide the image into `size` = (H', W') cells as evenly as can be."""
    rows, columns = _cells("adaptive_avg_pool2d", x.shape, size)
    data = array_of(x)
    averages = [_averaging(data, cells, n) for cells, n in ((rows, x.shape[1]), (columns, x.shape[2]))]
    y = tensordot(tensordot(x, averages[0], ([1], [1])), averages[1], ([1], [1]))  # (N, C, H', W')
    return transpose(y, (0, 2, 3, 1))


def adaptive_max_pool2d(x: Any, size: Any) -> Any:
    """Largest value of each of `size` = (H', W') cells that divide the image as evenly as can be."""
    rows, columns = _cells("adaptive_max_pool2d", x.shape, size)
    lines = [
        concatenate([reduce_max(x[:, a:b, c:d], axis=(1, 2), keepdims=True) for c, d in columns], axis=2)
        for a, b in rows
    ]
    return concatenate(lines, axis=1)


def _cells(name: str, shape: tuple, size: Any) -> tuple[list, list]:
    target = _pair(name, "size", size, 1)
    if len(shape) != 4:
        raise ShapeError(f"{name}: x must be (N, H, W, C), got shape {shape}")
    rows, columns = (
        [(i * n // m, -(-(i + 1) * n // m)) for i in range(m)] for n, m in zip(shape[1:3], target, strict=True)
    )
    return rows, columns


def _averaging(x: Any, cells: list, n: int) -> Any:
    """The matrix (cells, n) that takes means."""
    a = namespace_of(x).zeros((len(cells), n), x.dtype)
    for i, (start, stop) in enumerate(cells):
        a[i, start:stop] = 1 / (stop - start)
    return a


# -- windows ---------------------------------------------------------------------------------------------


def pool_window(name: str, x_shape: tuple, size: Any, stride: Any, padding: Any) -> Window:
    """Check a pooling's arguments and put them in one form."""
    if len(x_shape) != 4:
        raise ShapeError(f"{name}: x must be (N, H, W, C), got shape {x_shape}")
    kernel = _pair(name, "size", size, 1)
    window = _window(name, kernel, x_shape[1:3], kernel if stride is None else stride, padding, 1, 1)
    if any(2 * max(sides) > k for sides, k in zip(window.padding, kernel, strict=True)):
        raise ArgumentError(f"{name}: padding {padding!r} is more than half of the window {kernel}")
    if min(window.output_size(x_shape[1:3])) < 1:
        raise ShapeError(f"{name}: the window {kernel} is larger than the image {x_shape[1:3]} with its padding")
    return window


def _empty_image(g: Any, window: Window, shape: tuple) -> Any:
    (top, bottom), (left, right) = window.padding
    return namespace_of(g).zeros((shape[0], shape[1] + top + bottom, shape[2] + left + right, shape[3]), g.dtype)


def _cropped(padded: Any, window: Window, shape: tuple) -> Any:
    top, left = window.padding[0][0], window.padding[1][0]
    return padded[:, top : top + shape[1], left : left + shape[2]]
