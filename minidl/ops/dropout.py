"""Dropout: during training each value is zeroed with probability p (Srivastava et al., 2014; Deep Learning, 7.12).

Values that stay are scaled up by 1/(1-p), so that evaluation needs no change ("inverted" dropout). The op keeps one
byte for each value, the mask.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.op import Array, op
from ..backend import backend_of, namespace_of
from ..backend.random import generator
from ..errors import ArgumentError, DTypeError


@op(residuals=("mask",))
def dropout(x: Array, p: float = 0.5, rng: Any = None, *, xp: Any):
    """Zero each value of `x` with probability `p` and divide the others by ``1 - p``.

    Parameters
    ----------
    x : float array of any shape
    p : float in [0, 1)
    rng : numpy.random.Generator or seed, optional
        Where the mask is drawn from, on the host; the default stream (``dl.seed``) if not given.
    """
    if not 0 <= p < 1:
        raise ArgumentError(f"dropout: p must lie in [0, 1), not {p}; p=1 would leave nothing")
    if x.dtype.kind != "f":
        raise DTypeError(f"dropout: x must be floating point, not {x.dtype}; cast it with .astype('float32')")
    mask = backend_of(x).from_host(generator(rng).random(x.shape, dtype=np.float32) >= p)
    y = xp.multiply(x, mask)
    y *= 1 / (1 - p)
    return y, mask


dropout.rules(x=lambda g, mask, p: g * (1 / (1 - p)) * mask)


@dropout.fast
def _(g: Any, mask: Any, p: float) -> tuple:
    gx = namespace_of(g).multiply(g, mask)
    gx *= 1 / (1 - p)
    return (gx,)
