"""Initial values for weights, by rules named after the papers that argued for them (Deep Learning, section 8.4).

Each takes a shape in minidl's layout, where the last axis counts outputs and the one before it inputs:
``(in, out)``, ``(KH, KW, in, out)``. Numbers are drawn as float32 on the host, from `rng` (a generator or a seed)
or, without one, from the default stream (``dl.seed``); so a seed means the same on every device.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import current_backend
from ..backend.random import generator
from ..errors import ShapeError

Shape = tuple[int, ...]
Rng = np.random.Generator | int | None
Initialiser = Callable[..., Any]


def zeros(shape: Shape, rng: Rng = None) -> Any:
    """All zeros; `rng` is accepted and not used, so that initialisers are interchangeable."""
    return constant(shape, 0.0)


def ones(shape: Shape, rng: Rng = None) -> Any:
    """All ones."""
    return constant(shape, 1.0)


def constant(shape: Shape, value: float) -> Any:
    """All equal to `value`."""
    return current_backend().xp.full(shape, value, np.float32)


def uniform(shape: Shape, rng: Rng = None, bound: float = 1.0) -> Any:
    """Uniform on [-bound, bound)."""
    values = generator(rng).random(shape, np.float32)
    values -= 0.5
    values *= 2 * bound
    return current_backend().from_host(values)


def normal(shape: Shape, rng: Rng = None, std: float = 1.0) -> Any:
    """Normal with mean zero and standard deviation `std`."""
    values = generator(rng).standard_normal(shape, np.float32)
    values *= std
    return current_backend().from_host(values)


def glorot_uniform(shape: Shape, rng: Rng = None, gain: float = 1.0) -> Any:
    """Uniform with variance ``2 / (fan_in + fan_out)`` (Glorot and Bengio, 2010, equation 16)."""
    return uniform(shape, rng, gain * math.sqrt(6 / sum(fans(shape))))


def glorot_normal(shape: Shape, rng: Rng = None, gain: float = 1.0) -> Any:
    """Normal with variance ``2 / (fan_in + fan_out)`` (Glorot and Bengio, 2010)."""
    return normal(shape, rng, gain * math.sqrt(2 / sum(fans(shape))))


def he_uniform(shape: Shape, rng: Rng = None) -> Any:
    """Uniform with variance ``2 / fan_in``: keeps the size of signals through ReLUs (He et al., 2015)."""
    return uniform(shape, rng, math.sqrt(6 / fans(shape)[0]))


def he_normal(shape: Shape, rng: Rng = None) -> Any:
    """Normal with variance ``2 / fan_in`` (He et al., 2015, equation 10)."""
    return normal(shape, rng, math.sqrt(2 / fans(shape)[0]))


def lecun_uniform(shape: Shape, rng: Rng = None) -> Any:
    """Uniform with variance ``1 / fan_in`` (LeCun et al., 1998, *Efficient BackProp*, section 4.6)."""
    return uniform(shape, rng, math.sqrt(3 / fans(shape)[0]))


def lecun_normal(shape: Shape, rng: Rng = None) -> Any:
    """Normal with variance ``1 / fan_in`` (LeCun et al., 1998)."""
    return normal(shape, rng, math.sqrt(1 / fans(shape)[0]))


def orthogonal(shape: Shape, rng: Rng = None, gain: float = 1.0) -> Any:
    """Orthonormal rows or columns, whichever are fewer, times `gain` (Saxe, McClelland and Ganguli, 2014).

    All axes but the last count as rows. A matrix wider than high with a whole multiple, as the (H, 4*H) of an
    LSTM, is not treated specially: initialise its blocks one by one (:func:`orthogonal_blocks`).
    """
    fans(shape)
    rows, columns = math.prod(shape[:-1]), shape[-1]
    a = generator(rng).standard_normal((max(rows, columns), min(rows, columns)), np.float32)
    q, r = np.linalg.qr(a)
    q *= np.where(np.diagonal(r) < 0, -1, 1).astype(np.float32)  # makes the distribution uniform (Mezzadri, 2007)
    q = np.ascontiguousarray(q if rows >= columns else q.T).reshape(shape)
    q *= gain
    return current_backend().from_host(q)


def orthogonal_blocks(shape: Shape, rng: Rng = None, gain: float = 1.0) -> Any:
    """(H, G*H): G orthogonal matrices side by side, one for each gate of a recurrent layer."""
    n = shape[0]
    if len(shape) != 2 or n == 0 or shape[1] % n:
        raise ShapeError(f"orthogonal_blocks: needs a shape (H, G*H), not {shape}")
    rng = generator(rng)
    blocks = [orthogonal((n, n), rng, gain) for _ in range(shape[1] // n)]
    return current_backend().xp.concatenate(blocks, axis=1)


def fans(shape: Shape) -> tuple[int, int]:
    """Inputs of one output, and outputs of one input, of a weight of `shape`.

    Raises
    ------
    ShapeError
        Fewer than two axes, so that there is no telling inputs from outputs.
    """
    if len(shape) < 2:
        raise ShapeError(f"initialiser: a weight needs at least the axes (in, out), shape is {shape}")
    taps = math.prod(shape[:-2])
    return max(1, taps * shape[-2]), max(1, taps * shape[-1])
