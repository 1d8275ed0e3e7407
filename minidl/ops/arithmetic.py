"""Arithmetic of two arrays with broadcasting, and comparisons, which have no gradient.

Rules use operators, so that they compute on arrays and record on Tensors; the engine sums out broadcast axes.
"""

from __future__ import annotations

import math
from typing import Any

from ..autograd.op import Array, op
from .elementwise import log, where


@op
def add(x: Array, z: Array):
    """``x + z``."""
    return x + z


add.rules(x=lambda g: g, z=lambda g: g)


@op
def subtract(x: Array, z: Array):
    """``x - z``."""
    return x - z


subtract.rules(x=lambda g: g, z=lambda g: -g)


@op
def multiply(x: Array, z: Array):
    """``x * z``."""
    return x * z


multiply.rules(x=lambda g, z: g * z, z=lambda g, x: g * x)


@op
def divide(x: Array, z: Array):
    """``x / z``."""
    return x / z


divide.rules(x=lambda g, z: g / z, z=lambda g, z, y: -(g * y / z))


@op
def power(x: Array, p: Array):
    """``x ** p``. The gradient for p is ``y log x``, taken as 0 where x is 0 (its limit for p > 0)."""
    return x**p


@power.rule("x")
def _(g: Any, x: Any, p: Any) -> Any:
    if isinstance(p, int | float):  # a constant exponent, the usual case
        return g * p if p == 1 else g * (p * x ** (p - 1)) if p else g * 0
    return g * p * x ** where(p == 0, 1, p - 1)  # p = 0 must not make 0 ** -1


@power.rule("p")
def _(g: Any, x: Any, y: Any) -> Any:
    if isinstance(x, int | float):  # a constant base: Python's logarithm does not promote
        return g * y * (math.log(x) if x > 0 else 0.0 if x == 0 else math.nan)
    return g * y * log(where(x == 0, 1, x))


@op
def maximum(x: Array, z: Array, *, xp: Any):
    """The larger of two; where they are equal each gets half of the gradient."""
    return xp.maximum(x, z)


maximum.rules(x=lambda g, x, z: g * _share(x, z), z=lambda g, x, z: g * _share(z, x))


@op
def minimum(x: Array, z: Array, *, xp: Any):
    """The smaller of two; where they are equal each gets half of the gradient."""
    return xp.minimum(x, z)


minimum.rules(x=lambda g, x, z: g * _share(z, x), z=lambda g, x, z: g * _share(x, z))


@op(differentiable=False)
def _share(x: Array, z: Array, *, xp: Any):
    """1 where x > z, 1/2 where they are equal, 0 elsewhere, in the dtype of the arrays."""
    dtype = next(a.dtype for a in (x, z) if hasattr(a, "dtype"))
    return xp.where(x == z, 0.5, x > z).astype(dtype)


@op
def arctan2(x: Array, z: Array, *, xp: Any):
    """Angle of the point (z, x), in radians."""
    return xp.arctan2(x, z)


arctan2.rules(x=lambda g, x, z: g * z / (x * x + z * z), z=lambda g, x, z: -(g * x / (x * x + z * z)))


@op(differentiable=False)
def equal(x: Array, z: Array):
    """``x == z``, element by element."""
    return x == z


@op(differentiable=False)
def not_equal(x: Array, z: Array):
    """``x != z``, element by element."""
    return x != z


@op(differentiable=False)
def less(x: Array, z: Array):
    """``x < z``, element by element."""
    return x < z


@op(differentiable=False)
def less_equal(x: Array, z: Array):
    """``x <= z``, element by element."""
    return x <= z


@op(differentiable=False)
def greater(x: Array, z: Array):
    """``x > z``, element by element."""
    return x > z


@op(differentiable=False)
def greater_equal(x: Array, z: Array):
    """``x >= z``, element by element."""
    return x >= z


@op(differentiable=False)
def logical_and(x: Array, z: Array, *, xp: Any):
    """True where both are."""
    return xp.logical_and(x, z)


@op(differentiable=False)
def logical_or(x: Array, z: Array, *, xp: Any):
    """True where one is."""
    return xp.logical_or(x, z)


@op(differentiable=False)
def logical_not(x: Array, *, xp: Any):
    """True where `x` is not."""
    return xp.logical_not(x)


@op(differentiable=False)
def bitwise_and(x: Array, z: Array, *, xp: Any):
    """``x & z`` of integers, bit by bit, or of booleans."""
    return xp.bitwise_and(x, z)


@op(differentiable=False)
def bitwise_or(x: Array, z: Array, *, xp: Any):
    """``x | z`` of integers, bit by bit, or of booleans."""
    return xp.bitwise_or(x, z)


@op(differentiable=False)
def bitwise_xor(x: Array, z: Array, *, xp: Any):
    """``x ^ z`` of integers, bit by bit, or of booleans."""
    return xp.bitwise_xor(x, z)


@op(differentiable=False)
def invert(x: Array, *, xp: Any):
    """``~x`` of integers, bit by bit, or of booleans."""
    return xp.invert(x)
