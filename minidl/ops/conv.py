"""Convolution as a closed family of three: forward, by input, by weight; each is the others' gradient.

So that every order of derivative needs no further kernel. Images are channels-last. Deep Learning, chapter 9.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.op import Array, op
from ..autograd.tensor import Tensor
from ..backend import convolution as kernels
from ..backend.convolution import Window
from ..errors import ArgumentError, DTypeError, ShapeError
from .rows import column_sums
from .shape import expand_dims, squeeze, swapaxes

Pair = int | tuple[int, int]


@op
def conv2d(
    x: Array, w: Array, b: Array | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
):
    """Cross-correlation of images with kernels (what deep learning calls convolution; equation 9.6).

    Parameters
    ----------
    x : array (N, H, W, C)
    w : array (KH, KW, C // groups, O)
    b : array (O,), optional
    stride, dilation : int or (int, int)
    padding : int, (int, int), ((top, bottom), (left, right)), "same" or "valid"
        Zeros around the image. "same" keeps height and width for stride 1 (the odd pixel goes after).
    groups : int
        Channels in groups that do not see each other; ``groups=C`` is a depthwise convolution.

    Returns
    -------
    array (N, H', W', O)

    Raises
    ------
    ShapeError, ArgumentError
        Channels that do not match, groups that do not divide, a kernel larger than the padded image,
        strides below 1 or negative padding.
    """
    window = window_of("conv2d", x.shape, w.shape, stride, padding, dilation, groups)
    if x.dtype != w.dtype or x.dtype.kind != "f":
        raise DTypeError(f"conv2d: x is {x.dtype}, w is {w.dtype}; both must be one floating dtype, cast with .astype(...)")
    y = kernels.forward(x, w, window)
    if b is not None:
        _check_bias("conv2d", b, y)
        y += b
    return y


@conv2d.rule("x")
def _(g: Any, w: Any, x_shape: tuple, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    window = window_of("conv2d", x_shape, w.shape, stride, padding, dilation, groups)
    return conv2d_by_input(g, w, window=window, size=x_shape[1:3])


@conv2d.rule("w")
def _(g: Any, x: Any, w_shape: tuple, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    window = window_of("conv2d", x.shape, w_shape, stride, padding, dilation, groups)
    return conv2d_by_weight(x, g, window=window)


@conv2d.rule("b")
def _(g: Any, out: Any = None) -> Any:
    return g.sum(axis=(0, 1, 2)) if isinstance(g, Tensor) else column_sums(g.reshape(-1, g.shape[-1]), out)


@op
def conv2d_by_input(g: Array, w: Array, window: Window, size: tuple[int, int]):
    """Adjoint of :func:`conv2d` in the images: g (N, H', W', O) -> (N, *size, C)."""
    _check_adjoint("conv2d_by_input", (g, w), window, (*g.shape[:1], *size))
    return kernels.by_input(g, w, window, size)


conv2d_by_input.rules(
    g=lambda h, w, window: _by_window(h, w, window),
    w=lambda h, g, window: conv2d_by_weight(h, g, window=window),
)


@op
def conv2d_by_weight(x: Array, g: Array, window: Window):
    """Adjoint of :func:`conv2d` in the kernels: (KH, KW, C // groups, O)."""
    _check_adjoint("conv2d_by_weight", (g, x), window, x.shape[:3])
    return kernels.by_weight(x, g, window)


conv2d_by_weight.rules(
    x=lambda k, g, window, x_shape: conv2d_by_input(g, k, window=window, size=x_shape[1:3]),
    g=lambda k, x, window: _by_window(x, k, window),
)


def _by_window(x: Any, w: Any, window: Window) -> Any:
    return conv2d(x, w, None, window.stride, window.padding, window.dilation, window.groups)


def conv_transpose2d(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """The transpose of a convolution, which enlarges images by its stride (section 9.5).

    Parameters
    ----------
    x : array (N, H, W, C)
    w : array (KH, KW, C, O // groups)
    padding
        Of the convolution that this one transposes: it trims the output.
    output_padding : int or (int, int)
        Rows and columns added after, to choose among the sizes that a strided convolution maps to one.
    """
    name = "conv_transpose2d"
    if x.ndim != 4 or w.ndim != 4 or x.shape[-1] != w.shape[2]:
        raise ShapeError(f"{name}: x {x.shape} must be (N, H, W, C) and w {w.shape} (KH, KW, C, O // groups)")
    if groups < 1 or x.shape[-1] % groups:
        raise ArgumentError(f"{name}: groups={groups} does not divide the {x.shape[-1]} channels of x")
    extra = _pair(name, "output_padding", output_padding, 0)
    window = _window(name, w.shape[:2], x.shape[1:3], stride, padding, dilation, groups)
    size = tuple(
        (x.shape[1 + a] - 1) * window.stride[a] - sum(window.padding[a]) + window.reach(a) + 1 + extra[a]
        for a in (0, 1)
    )
    if min(size) < 1 or window.output_size((size[0], size[1])) != tuple(x.shape[1:3]):
        raise ShapeError(f"{name}: output size {size} for x {x.shape} is impossible; output_padding must be < stride")
    y = conv2d_by_input(x, swapaxes(w, -1, -2), window=window, size=size)
    if b is None:
        return y
    _check_bias(name, b, y)
    return y + b


def conv1d(
    x: Any, w: Any, b: Any = None, stride: int = 1, padding: Any = 0, dilation: int = 1, groups: int = 1
) -> Any:
    """Convolution of sequences: x (N, L, C), w (K, C // groups, O) -> (N, L', O); as images of height one."""
    if x.ndim != 3 or w.ndim != 3:
        raise ShapeError(f"conv1d: x {x.shape} must be (N, L, C) and w {w.shape} (K, C // groups, O)")
    if not isinstance(padding, str):
        padding = ((0, 0), _both(padding))
    y = conv2d(expand_dims(x, 1), expand_dims(w, 0), b, (1, stride), padding, (1, dilation), groups)
    return squeeze(y, 1)


# -- reading arguments -----------------------------------------------------------------------------------


def window_of(
    name: str, x_shape: tuple, w_shape: tuple, stride: Any, padding: Any, dilation: Any, groups: int
) -> Window:
    """Check a convolution's arguments and put them in one form."""
    if len(x_shape) != 4 or len(w_shape) != 4:
        raise ShapeError(f"{name}: x {x_shape} must be (N, H, W, C) and w {w_shape} (KH, KW, C // groups, O)")
    if 0 in w_shape:
        raise ShapeError(f"{name}: w {w_shape} is empty")
    if groups < 1 or x_shape[-1] % groups or w_shape[-1] % groups:
        raise ArgumentError(
            f"{name}: groups={groups} must divide the {x_shape[-1]} input and {w_shape[-1]} output channels"
        )
    if w_shape[2] * groups != x_shape[-1]:
        raise ShapeError(
            f"{name}: x has {x_shape[-1]} channels (axis -1 of {x_shape}), w expects {w_shape[2] * groups} "
            f"(axis 2 of {w_shape} times {groups} groups)"
        )
    window = _window(name, w_shape[:2], x_shape[1:3], stride, padding, dilation, groups)
    if min(window.output_size(x_shape[1:3])) < 1:
        raise ShapeError(
            f"{name}: the kernel {w_shape[:2]} with dilation {window.dilation} is larger than the image "
            f"{x_shape[1:3]} with padding {window.padding}"
        )
    return window


def _check_bias(name: str, b: Any, y: Any) -> None:
    if b.shape != y.shape[3:]:
        raise ShapeError(f"{name}: b has shape {b.shape}; the output has {y.shape[3]} channels")


def _check_adjoint(name: str, arrays: tuple, window: Window, images: tuple) -> None:
    """Refuse a gradient (the first array) that is not as large as `window` makes `images` (N, H, W)."""
    usable = all(a.ndim == 4 and 0 not in a.shape[1:] for a in arrays)
    if not usable or arrays[0].shape[:3] != (images[0], *window.output_size(images[1:])):
        shapes = " and ".join(str(a.shape) for a in arrays)
        raise ShapeError(f"{name}: shapes {shapes} do not fit {window} over images (N, H, W) = {images}")


def _window(name: str, kernel: tuple, size: tuple, stride: Any, padding: Any, dilation: Any, groups: int) -> Window:
    steps, spread = _pair(name, "stride", stride, 1), _pair(name, "dilation", dilation, 1)
    reach = [spread[a] * (kernel[a] - 1) for a in (0, 1)]
    if padding == "valid":
        sides: Any = ((0, 0), (0, 0))
    elif padding == "same":
        sides = tuple(_same(size[a], steps[a], reach[a]) for a in (0, 1))
    elif isinstance(padding, str):
        raise ArgumentError(f"{name}: padding must be numbers, 'same' or 'valid', not {padding!r}")
    else:
        both = _both(padding)
        if len(both) != 2 or any(len(_both(p)) != 2 for p in both):
            raise ArgumentError(f"{name}: padding must be >= 0 for two axes, got {padding!r}")
        sides = tuple(_pair(name, "padding", p, 0) for p in both)
    return Window((kernel[0], kernel[1]), steps, sides, spread, groups)


def _same(size: int, step: int, reach: int) -> tuple[int, int]:
    """Padding that makes the output ``ceil(size / step)`` long."""
    total = max((-(-size // step) - 1) * step + reach + 1 - size, 0)
    return total // 2, total - total // 2


def _pair(name: str, what: str, value: Any, lowest: int) -> tuple[int, int]:
    pair = _both(value)
    if len(pair) != 2 or any(not isinstance(n, int | np.integer) or n < lowest for n in pair):
        raise ArgumentError(f"{name}: {what} must be one or two integers >= {lowest}, got {value!r}")
    return int(pair[0]), int(pair[1])


def _both(value: Any) -> tuple:
    """One value for two axes (or sides), or one for each."""
    return tuple(value) if isinstance(value, tuple | list | np.ndarray) else (value, value)
