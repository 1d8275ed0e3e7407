"""Max pooling over blocks of images, place by place of the window; which place won is one byte per output.

Shapes: x (N, H, W, C), y, g and index (N, H', W', C). A block of images stays in cache while its places are compared.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import backend_of, namespace_of
from .convolution import Window, padded, shifted
from .threads import parallel_blocks


def max_forward(x: Any, window: Window, keep_index: bool) -> tuple[Any, Any]:
    """Largest value of each window, and the number of its place (the first of equals); None if not to be kept."""
    xp = namespace_of(x)
    y = xp.empty((x.shape[0], *window.output_size(x.shape[1:3]), x.shape[3]), x.dtype)
    n_places = window.kernel[0] * window.kernel[1]
    index = xp.zeros(y.shape, np.uint8 if n_places <= 256 else np.int32) if keep_index else None

    def block(start: int, stop: int) -> None:
        best = y[start:stop]
        better = xp.empty(best.shape, bool)
        for k, (_, view) in enumerate(shifted(padded(x[start:stop], window, -np.inf), window, y.shape[1:3])):
            if k == 0:
                best[...] = view
                continue
            if index is not None:
                xp.greater(view, best, out=better)
                xp.maximum(index[start:stop], better * index.dtype.type(k), out=index[start:stop])  # k only grows
            xp.maximum(best, view, out=best)

    parallel_blocks(block, x.shape[0], _images_per_block(x))
    return y, index


def to_winners(g: Any, index: Any, window: Window, shape: tuple) -> Any:
    """Images of `shape` with each gradient at the place that won, summed where windows overlap."""
    xp = namespace_of(g)
    (top, bottom), (left, right) = window.padding
    images = xp.empty((shape[0], shape[1] + top + bottom, shape[2] + left + right, shape[3]), g.dtype)
    apart = window.stride[0] >= window.kernel[0] and window.stride[1] >= window.kernel[1]

    def block(start: int, stop: int) -> None:
        images[start:stop] = 0
        part, places = g[start:stop], index[start:stop]
        for k, (_, view) in enumerate(shifted(images[start:stop], window, g.shape[1:3])):
            if apart:
                xp.multiply(part, places == k, out=view)
            else:
                view += part * (places == k)

    parallel_blocks(block, shape[0], _images_per_block(images))
    return images[:, top : top + shape[1], left : left + shape[2]]


def from_winners(x: Any, index: Any, window: Window) -> Any:
    """The value at the place that won, for each output: the adjoint of :func:`to_winners`."""
    y = namespace_of(x).zeros(index.shape, x.dtype)
    for k, (_, view) in enumerate(shifted(padded(x, window), window, index.shape[1:3])):
        y += view * (index == k)
    return y


def _images_per_block(x: Any) -> int:
    """Images that make four megabytes of float32: fewer hand-overs of the interpreter lock win over the cache."""
    return max(1, 32 * backend_of(x).block_elems // max(1, x[:1].size))
