"""Rows of the op table for pooling, against loops over windows."""

import numpy as np
from cases import Case
from cases_conv import pair, sides

from minidl import ops


def pooled(reduce, fill):
    """A pooling in loops: `reduce` of each window, `fill` around the image."""

    def pool(x, size, stride=None, padding=0):
        (kh, kw), (sh, sw) = pair(size), pair(size if stride is None else stride)
        around = sides(padding, x.shape[1:3], (kh, kw), (sh, sw), (1, 1))
        padded = np.pad(x, [(0, 0), *around, (0, 0)], constant_values=fill)
        height, width = (padded.shape[1] - kh) // sh + 1, (padded.shape[2] - kw) // sw + 1
        y = np.zeros((len(x), height, width, x.shape[3]), x.dtype)
        for i, j in np.ndindex(height, width):
            y[:, i, j] = reduce(padded[:, i * sh : i * sh + kh, j * sw : j * sw + kw], axis=(1, 2))
        return y

    return pool


def adaptive(reduce):
    """Cell i of m covers the pixels from floor(i n / m) to ceil((i + 1) n / m)."""

    def pool(x, size):
        rows, columns = (
            [slice(int(np.floor(i * n / m)), int(np.ceil((i + 1) * n / m))) for i in range(m)]
            for n, m in zip(x.shape[1:3], pair(size), strict=True)
        )
        return np.stack([np.stack([reduce(x[:, r, c], axis=(1, 2)) for c in columns], 1) for r in rows], 1)

    return pool


REFERENCES = {
    "max_pool2d": pooled(np.max, -np.inf),
    "avg_pool2d": pooled(np.mean, 0.0),
    "adaptive_avg_pool2d": adaptive(np.mean),
    "adaptive_max_pool2d": adaptive(np.max),
}
WINDOWS = [
    ((2, 4, 6, 3), {"size": 2}),
    ((2, 5, 5, 2), {"size": 2}),  # a row and a column are left over
    ((1, 6, 5, 2), {"size": (3, 2), "stride": (1, 2)}),
    ((1, 5, 5, 2), {"size": 3, "stride": 2, "padding": 1}),
    ((1, 4, 5, 2), {"size": (2, 3), "stride": 1, "padding": ((1, 0), (0, 1))}),
    ((1, 5, 6, 2), {"size": 3, "stride": 2, "padding": "same"}),
    ((1, 5, 6, 1), {"size": 2, "stride": 3}),
    ((1, 3, 3, 2), {"size": 1}),
    ((1, 3, 4, 2), {"size": (3, 4)}),
]
CELLS = [
    ((2, 4, 6, 3), {"size": 2}),
    ((1, 5, 7, 2), {"size": (2, 3)}),
    ((1, 2, 3, 2), {"size": 4}),
    ((1, 3, 4, 2), {"size": 1}),
]


CASES = [
    *[
        Case(name, getattr(ops, name), REFERENCES[name], [shape], kwargs=settings)
        for names, rows in (
            (("max_pool2d", "avg_pool2d"), WINDOWS),
            (("adaptive_avg_pool2d", "adaptive_max_pool2d"), CELLS),
        )
        for name in names
        for shape, settings in rows
    ],
    Case("global_avg_pool2d", ops.global_avg_pool2d, lambda x: x.mean(axis=(1, 2)), [(2, 3, 4, 2)]),
]
