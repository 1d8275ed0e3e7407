"""Activation functions beside sigmoid, tanh and relu. Deep Learning, section 6.3."""

from __future__ import annotations

import math
from typing import Any

from ..autograd.op import Array, op
from ..backend import activation as kernels
from ..errors import ArgumentError
from .elementwise import clip, erf, exp, sigmoid, tanh, where


@op
def leaky_relu(x: Array, slope: float = 0.01, *, xp: Any):
    """``x`` where positive, ``slope * x`` elsewhere (Maas and others 2013)."""
    return xp.where(x > 0, x, x * slope)


leaky_relu.rules(x=lambda g, x, slope: g * where(x > 0, 1, slope).astype(g.dtype))


@op
def elu(x: Array, alpha: float = 1.0, *, xp: Any):
    """``x`` where positive, ``alpha * (exp(x) - 1)`` elsewhere (Clevert and others 2016)."""
    return xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0)))


@elu.rule("x")
def _(g: Any, x: Any, alpha: float) -> Any:
    return g * where(x > 0, 1, alpha * exp(clip(x, None, 0)))


@op
def softplus(x: Array, *, xp: Any):
    """``log(1 + exp(x))``, without overflow (Deep Learning, equation 3.33)."""
    return xp.logaddexp(x, 0)


softplus.rules(x=lambda g, x: g * sigmoid(x))


@op(residuals=("derivative",))
def gelu(x: Array, approximate: str = "none", *, recording: bool, xp: Any):
    """``x * Phi(x)`` with the normal distribution function Phi (Hendrycks and Gimpel 2016).

    A primitive for speed: value and derivative share an exponential, and backward is one product.

    Parameters
    ----------
    x : float array
    approximate : {"none", "tanh"}
        The exact function, or the older approximation by tanh that some trained models expect.
    """
    if approximate == "none":
        return kernels.gelu(x, derivative=recording)
    if approximate != "tanh":
        raise ArgumentError(f"gelu: approximate must be 'none' or 'tanh', not {approximate!r}")
    t = xp.tanh((x + x * x * x * 0.044715) * _TANH_SCALE)
    if not recording:
        return x * 0.5 * (t + 1), None
    inner = (x * x * (3 * 0.044715) + 1) * _TANH_SCALE
    return x * 0.5 * (t + 1), (t + 1) * 0.5 + x * 0.5 * (1 - t * t) * inner


@gelu.fast
def _(g: Any, derivative: Any) -> tuple:
    return (g * derivative,)


@gelu.definition
def _(x: Any, approximate: str = "none") -> Any:
    if approximate == "tanh":
        return x * 0.5 * (tanh((x + x * x * x * 0.044715) * _TANH_SCALE) + 1)
    return x * 0.5 * (erf(x * math.sqrt(0.5)) + 1)


_TANH_SCALE = math.sqrt(2 / math.pi)


def silu(x: Any) -> Any:
    """``x * sigmoid(x)`` (Elfwing and others 2018), also called swish."""
    return x * sigmoid(x)


def hardtanh(x: Any, low: float = -1.0, high: float = 1.0) -> Any:
    """Limit to [low, high] (Collobert 2004)."""
    return clip(x, low, high)
