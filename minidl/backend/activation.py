"""The exact GELU in a few vectorised passes: NumPy has no error function, and SciPy's is slow on float32.

The normal distribution function is ``Phi(-u) = exp(-u**2/2) * p(1/(1 + c*u))`` for u >= 0, the form of Abramowitz and
Stegun 7.1.26; `c` and the five coefficients of `p` were refitted for the smallest largest error of Phi (6e-8: one
rounding of float32). Value and derivative share the exponential, so that training pays for it once.
"""

from __future__ import annotations

import math
from typing import Any

from .base import backend_of, namespace_of
from .threads import parallel_blocks

_C = 0.33080294518125875
_P = (0.1220744645, 0.2044432621, -0.09145814961, 0.375318332, -0.1103779674)
_DENSITY = 1 / math.sqrt(2 * math.pi)


def gelu(x: Any, derivative: bool = False) -> tuple[Any, Any | None]:
    """``x * Phi(x)`` and, if asked, its derivative ``Phi(x) + x * phi(x)`` (Hendrycks and Gimpel, 2016).

    Parameters
    ----------
    x : float array of any shape
    derivative : bool
        Keep the derivative instead of `x` for backward: the same memory, and backward is one product.

    Returns
    -------
    y, d : arrays like `x`
        `d` is None unless asked for. float32 is accurate to 2e-7; other dtypes use the exact error function.
    """
    xp = namespace_of(x)
    if x.dtype != xp.float32:
        phi = 0.5 * backend_of(x).erf(x * math.sqrt(0.5)) + 0.5
        return x * phi, (phi + x * xp.exp(-0.5 * x * x) * _DENSITY if derivative else None)
    flat = xp.ascontiguousarray(x).reshape(-1)
    y = xp.empty_like(flat)
    d = xp.empty_like(flat) if derivative else None

    def block(start: int, stop: int) -> None:
        part = slice(start, stop)
        _gelu_block(xp, flat[part], y[part], None if d is None else d[part])

    parallel_blocks(block, flat.size, 4 * backend_of(x).block_elems)  # long calls: few hand-overs of the lock
    return y.reshape(x.shape), None if d is None else d.reshape(x.shape)


def _gelu_block(xp: Any, x: Any, y: Any, d: Any | None) -> None:
    u = xp.abs(x)
    t = xp.multiply(u, _C)
    t += 1
    xp.divide(1, t, out=t)
    centre = xp.multiply(t, _P[4])  # becomes Phi(|x|) - 1/2
    for a in _P[3::-1]:
        centre += a
        centre *= t
    xp.multiply(x, x, out=t)
    t *= -0.5
    xp.exp(t, out=t)
    centre *= t
    xp.subtract(0.5, centre, out=centre)
    xp.multiply(x, 0.5, out=y)
    if d is not None:
        xp.sign(x, out=d)
        d *= centre
        t *= x
        t *= _DENSITY
        d += t
        d += 0.5
    u *= centre
    y += u
