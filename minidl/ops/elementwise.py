"""Functions of one array, element by element, and the choice between two.

Where a function has a kink (abs, clip, relu) its derivative there is that of the left side, or 0 at abs' kink.
"""

from __future__ import annotations

import math
from typing import Any

from ..autograd.op import Array, op
from ..autograd.tensor import Tensor
from ..backend import backend_of
from ..errors import ArgumentError


@op
def negative(x: Array):
    """``-x``."""
    return -x


negative.rules(x=lambda g: -g)


@op
def exp(x: Array, *, xp: Any):
    """e to the x."""
    return xp.exp(x)


exp.rules(x=lambda g, y: g * y)


@op
def expm1(x: Array, *, xp: Any):
    """``exp(x) - 1``, exact for small x."""
    return xp.expm1(x)


expm1.rules(x=lambda g, y: g * (y + 1))


@op
def log(x: Array, *, xp: Any):
    """Natural logarithm."""
    return xp.log(x)


log.rules(x=lambda g, x: g / x)


@op
def log1p(x: Array, *, xp: Any):
    """``log(1 + x)``, exact for small x."""
    return xp.log1p(x)


log1p.rules(x=lambda g, x: g / (x + 1))


@op
def sqrt(x: Array, *, xp: Any):
    """Square root; its gradient at 0 is infinite, as the derivative is."""
    return xp.sqrt(x)


sqrt.rules(x=lambda g, y: g * 0.5 / y)


@op
def square(x: Array):
    """``x * x``."""
    return x * x


square.rules(x=lambda g, x: g * x * 2)


@op
def reciprocal(x: Array):
    """``1 / x``."""
    return 1 / x


reciprocal.rules(x=lambda g, y: -(g * y * y))


@op
def abs(x: Array, *, xp: Any):  # NumPy's name, on purpose
    """Absolute value; its gradient at 0 is 0."""
    return xp.abs(x)


abs.rules(x=lambda g, x: g * sign(x))


@op(differentiable=False)
def sign(x: Array, *, xp: Any):
    """-1, 0 or 1. Constant almost everywhere: no gradient."""
    return xp.sign(x)


@op(differentiable=False)
def floor(x: Array, *, xp: Any):
    """Largest integer not above x."""
    return xp.floor(x)


@op(differentiable=False)
def ceil(x: Array, *, xp: Any):
    """Smallest integer not below x."""
    return xp.ceil(x)


@op(differentiable=False)
def round(x: Array, *, xp: Any):  # NumPy's name, on purpose
    """Nearest integer, halves to even."""
    return xp.rint(x)


@op(differentiable=False)
def isfinite(x: Array, *, xp: Any):
    """True where x is neither NaN nor infinite."""
    return xp.isfinite(x)


@op(differentiable=False)
def isnan(x: Array, *, xp: Any):
    """True where x is NaN."""
    return xp.isnan(x)


@op
def clip(x: Array, low: float | None = None, high: float | None = None, *, xp: Any):
    """Limit to [low, high], numbers or arrays; the gradient passes inside, the bounds included."""
    if isinstance(low, Tensor) or isinstance(high, Tensor):
        raise ArgumentError("clip: bounds are numbers or arrays; for Tensors use minimum and maximum")
    return xp.clip(x, low, high)


@clip.rule("x")
def _(g: Any, x: Any, low: float | None, high: float | None) -> Any:
    return g * _inside(x, low, high)


@op(differentiable=False)
def _inside(x: Array, low: float | None, high: float | None, *, xp: Any):
    inside = xp.ones(x.shape, bool)
    if low is not None:
        inside = inside & (x >= low)
    if high is not None:
        inside = inside & (x <= high)
    return inside.astype(x.dtype)


@op
def where(condition: Array, x: Array, z: Array, *, xp: Any):
    """`x` where `condition` holds, `z` elsewhere; zeros made for the gradient have its dtype."""
    return xp.where(condition, x, z)


where.rules(
    condition=None,
    x=lambda g, condition: where(condition, g, 0),
    z=lambda g, condition: where(condition, 0, g),
)


@op
def sin(x: Array, *, xp: Any):
    """Sine of an angle in radians."""
    return xp.sin(x)


sin.rules(x=lambda g, x: g * cos(x))


@op
def cos(x: Array, *, xp: Any):
    """Cosine of an angle in radians."""
    return xp.cos(x)


cos.rules(x=lambda g, x: -(g * sin(x)))


@op
def tan(x: Array, *, xp: Any):
    """Tangent of an angle in radians."""
    return xp.tan(x)


tan.rules(x=lambda g, y: g * (y * y + 1))


@op
def arcsin(x: Array, *, xp: Any):
    """Inverse sine."""
    return xp.arcsin(x)


arcsin.rules(x=lambda g, x: g / sqrt(1 - x * x))


@op
def arccos(x: Array, *, xp: Any):
    """Inverse cosine."""
    return xp.arccos(x)


arccos.rules(x=lambda g, x: -(g / sqrt(1 - x * x)))


@op
def arctan(x: Array, *, xp: Any):
    """Inverse tangent."""
    return xp.arctan(x)


arctan.rules(x=lambda g, x: g / (x * x + 1))


@op
def sinh(x: Array, *, xp: Any):
    """Hyperbolic sine."""
    return xp.sinh(x)


sinh.rules(x=lambda g, x: g * cosh(x))


@op
def cosh(x: Array, *, xp: Any):
    """Hyperbolic cosine."""
    return xp.cosh(x)


cosh.rules(x=lambda g, x: g * sinh(x))


@op
def tanh(x: Array, *, xp: Any):
    """Hyperbolic tangent."""
    return xp.tanh(x)


tanh.rules(x=lambda g, y: g * (1 - y * y))


@op
def erf(x: Array):
    """The error function."""
    return backend_of(x).erf(x)


erf.rules(x=lambda g, x: g * exp(-(x * x)) * (2 / math.sqrt(math.pi)))


@op
def sigmoid(x: Array, *, xp: Any):
    """``1 / (1 + exp(-x))``, written with tanh, which never overflows."""
    y = xp.tanh(x * 0.5)
    return y * 0.5 + 0.5


sigmoid.rules(x=lambda g, y: g * y * (1 - y))


@op
def relu(x: Array, *, xp: Any):
    """``max(x, 0)`` (Deep Learning, section 6.3.1); its gradient at 0 is 0."""
    return xp.maximum(x, 0)


relu.rules(x=lambda g, y: g * (y > 0))


@op(casts=True)
def astype(x: Array, dtype: Any):
    """Another dtype; the gradient is cast back."""
    return x.astype(dtype)


@astype.rule("x")
def _(g: Any, x: Any) -> Any:
    return astype(g, x.dtype)
