"""Rows of the op table for convolutions, against loops over pixels."""

import numpy as np
from cases import Case

from minidl import ops
from minidl.backend.convolution import Window


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def sides(padding, size, kernel, stride, dilation):
    """((top, bottom), (left, right)) for every way to say padding."""
    if padding == "valid":
        return [(0, 0), (0, 0)]
    if padding == "same":  # as many outputs as strides fit, the odd pixel after
        totals = [
            max(0, (int(np.ceil(n / s)) - 1) * s + d * (k - 1) + 1 - n)
            for n, k, s, d in zip(size, kernel, stride, dilation, strict=True)
        ]
        return [(t // 2, t - t // 2) for t in totals]
    return [pair(p) for p in pair(padding)]


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    (sh, sw), (dh, dw) = pair(stride), pair(dilation)
    kh, kw, per_group, n_out = w.shape
    padded = np.pad(x, [(0, 0), *sides(padding, x.shape[1:3], (kh, kw), (sh, sw), (dh, dw)), (0, 0)])
    height, width = (padded.shape[1] - dh * (kh - 1) - 1) // sh + 1, (padded.shape[2] - dw * (kw - 1) - 1) // sw + 1
    y = np.zeros((len(x), height, width, n_out), x.dtype)
    for i, j, o in np.ndindex(height, width, n_out):
        start = o // (n_out // groups) * per_group
        patch = padded[:, i * sh :, j * sw :, start : start + per_group][:, : dh * kh : dh, : dw * kw : dw]
        y[:, i, j, o] = (patch * w[..., o]).sum(axis=(1, 2, 3))
    return y if b is None else y + b


def conv1d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    padding = padding if isinstance(padding, str) else (0, padding)
    return conv2d(x[:, None], w[None], b, (1, stride), padding, (1, dilation), groups)[:, 0]


def conv_transpose2d(x, w, b=None, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    """Every input pixel stamps the kernel, scaled, onto the output."""
    (sh, sw), (dh, dw), extra = pair(stride), pair(dilation), pair(output_padding)
    kh, kw, n_in, per_group = w.shape
    (top, bottom), (left, right) = sides(padding, x.shape[1:3], (kh, kw), (sh, sw), (dh, dw))
    full = [
        (n - 1) * s + d * (k - 1) + 1 for n, s, d, k in zip(x.shape[1:3], (sh, sw), (dh, dw), (kh, kw), strict=True)
    ]
    y = np.zeros((len(x), full[0] + extra[0], full[1] + extra[1], per_group * groups), x.dtype)
    for i, j, c, a, e in np.ndindex(x.shape[1], x.shape[2], n_in, kh, kw):
        start = c // (n_in // groups) * per_group
        y[:, i * sh + a * dh, j * sw + e * dw, start : start + per_group] += x[:, i, j, c, None] * w[a, e, c]
    y = y[:, top : y.shape[1] - bottom, left : y.shape[2] - right]
    return y if b is None else y + b


def by_input(g, w, window, size):
    """What a pixel adds to the output, weighted by g: the gradient of a linear map, pixel by pixel."""
    units = np.eye(size[0] * size[1] * w.shape[2] * window.groups).reshape(-1, *size, w.shape[2] * window.groups)
    maps = conv2d(units, w, None, *window[1:]).astype(g.dtype)
    return np.array([(maps * part).sum(axis=(1, 2, 3)) for part in g], g.dtype).reshape(len(g), *units.shape[1:])


def by_weight(x, g, window):
    shape = (*window.kernel, x.shape[-1] // window.groups, g.shape[-1])
    n = int(np.prod(shape))
    units = np.eye(n).reshape(n, *shape)
    return np.array([(conv2d(x, unit, None, *window[1:]) * g).sum() for unit in units], g.dtype).reshape(shape)


def row(shape, kernel, bias=True, **kwargs):
    op, reference = (ops.conv2d, conv2d) if len(shape) == 4 else (ops.conv1d, conv1d)
    return Case(op.__name__, op, reference, [shape, kernel, *[kernel[-1:]] * bias], kwargs=kwargs)


def transposed(shape, kernel, bias=False, **kwargs):
    shapes = [shape, kernel, *[(kernel[-1] * kwargs.get("groups", 1),)] * bias]
    return Case("conv_transpose2d", ops.conv_transpose2d, conv_transpose2d, shapes, kwargs=kwargs)


def adjoint(name, reference, shapes, **kwargs):
    return Case(name, getattr(ops, name), reference, shapes, kwargs=kwargs)


PLAIN = Window((3, 2), (1, 1), ((1, 1), (0, 1)), (1, 1), 1)
STRIDED = Window((3, 2), (2, 1), ((1, 0), (0, 0)), (1, 2), 2)

CASES = [
    row((2, 5, 4, 3), (3, 3, 3, 2)),
    row((2, 5, 4, 3), (3, 3, 3, 2), bias=False),
    row((2, 5, 4, 2), (3, 2, 2, 3), padding=1),
    row((1, 5, 6, 2), (3, 3, 2, 2), stride=2, padding=(1, 0)),
    row((1, 5, 6, 2), (2, 3, 2, 2), stride=(2, 3), padding=((1, 0), (2, 1))),
    row((1, 6, 5, 2), (2, 2, 2, 3), dilation=(2, 3)),
    row((1, 5, 5, 2), (3, 3, 2, 2), stride=2, padding="same", dilation=2),
    row((1, 5, 4, 2), (2, 4, 2, 2), padding="same"),
    row((1, 5, 4, 2), (2, 3, 2, 2), stride=2, padding="same"),
    row((1, 4, 4, 2), (2, 2, 2, 2), padding="valid"),
    row((2, 4, 4, 3), (1, 1, 3, 2)),
    row((2, 4, 4, 3), (1, 1, 3, 2), stride=2),
    row((2, 4, 4, 4), (3, 3, 2, 6), groups=2, padding=1),
    row((1, 5, 5, 4), (2, 2, 2, 2), groups=2, stride=2),
    row((2, 4, 5, 3), (3, 3, 1, 3), groups=3, padding=1),
    row((2, 5, 5, 3), (3, 2, 1, 3), groups=3, stride=(2, 1), dilation=(1, 2)),
    row((1, 4, 4, 2), (2, 2, 1, 4), groups=2, stride=2, padding=1),
    row((1, 4, 4, 2), (2, 2, 1, 4), groups=2),
    row((1, 3, 3, 2), (3, 3, 2, 2), padding=2),
    row((2, 7, 3), (3, 3, 2)),
    row((2, 7, 2), (3, 2, 3), padding=(2, 1), stride=2),
    row((2, 7, 4), (2, 2, 4), bias=False, padding="same", dilation=2, groups=2),
    transposed((2, 3, 2, 3), (3, 3, 3, 2), bias=True),
    transposed((1, 3, 2, 2), (3, 2, 2, 2), stride=2, padding=1, output_padding=(1, 1)),
    transposed((1, 3, 3, 2), (2, 3, 2, 1), stride=(2, 3), output_padding=(0, 2)),
    transposed((1, 3, 3, 2), (2, 2, 2, 1), dilation=2, padding=((1, 0), (0, 1))),
    transposed((1, 2, 3, 4), (2, 2, 4, 3), bias=True, groups=2, stride=2),
    transposed((1, 2, 3, 3), (2, 2, 3, 1), groups=3, stride=2),
    adjoint("conv2d_by_input", by_input, [(2, 4, 3, 3), (3, 2, 2, 3)], window=PLAIN, size=(4, 3)),
    adjoint("conv2d_by_input", by_input, [(1, 2, 2, 2), (3, 2, 2, 2)], window=STRIDED, size=(5, 4)),
    adjoint("conv2d_by_weight", by_weight, [(2, 4, 3, 2), (2, 4, 3, 3)], window=PLAIN),
    adjoint("conv2d_by_weight", by_weight, [(1, 5, 4, 4), (1, 2, 2, 2)], window=STRIDED),
]
