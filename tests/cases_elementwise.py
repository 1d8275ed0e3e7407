"""Rows of the op table for functions of one array, and for ``where``."""

import numpy as np
import scipy.special
from cases import Case

from minidl import ops

SHAPE = (3, 4)
POSITIVE = (0.2, 3.0)
MASK = np.random.default_rng(3).random(SHAPE) < 0.5


def row(name, reference=None, domain=(-2.0, 2.0), kinks=(), differentiable=True, **kwargs):
    reference = reference or getattr(np, name)
    return Case(name, getattr(ops, name), reference, [SHAPE], domain, kinks, kwargs, differentiable)


def piecewise(name, differentiable=False):
    return row(name, kinks=[-1, 0, 1], differentiable=differentiable)


def clip(x, low=None, high=None):
    return np.clip(x, low, high)


def leaky_relu(x, slope=0.01):
    return np.maximum(x, 0) + slope * np.minimum(x, 0)


def elu(x, alpha=1.0):
    return np.maximum(x, 0) + alpha * (np.exp(np.minimum(x, 0)) - 1)


def gelu(x, approximate="none"):
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return x * scipy.special.ndtr(x)


CASES = [
    row("negative"),
    row("exp"),
    row("expm1"),
    row("log", domain=POSITIVE),
    row("log1p", domain=(-0.8, 3.0)),
    row("sqrt", domain=POSITIVE),
    row("square"),
    row("reciprocal", domain=POSITIVE),
    row("abs", kinks=[0]),
    row("sin"),
    row("cos"),
    row("tan", domain=(-1.2, 1.2)),
    row("arcsin", domain=(-0.9, 0.9)),
    row("arccos", domain=(-0.9, 0.9)),
    row("arctan"),
    row("sinh"),
    row("cosh"),
    row("tanh"),
    row("erf", scipy.special.erf),
    row("sigmoid", scipy.special.expit),
    row("relu", lambda x: x * (x > 0), kinks=[0]),
    row("silu", lambda x: x * scipy.special.expit(x)),
    row("softplus", lambda x: np.log1p(np.exp(x))),
    row("leaky_relu", leaky_relu, kinks=[0]),
    row("leaky_relu", leaky_relu, kinks=[0], slope=0.3),
    row("elu", elu, kinks=[0]),
    row("elu", elu, kinks=[0], alpha=0.5),
    row("gelu", gelu),
    row("gelu", gelu, approximate="tanh"),
    row("hardtanh", lambda x: np.clip(x, -1, 1), kinks=[-1, 1]),
    row("hardtanh", clip, kinks=[-0.5, 1.5], low=-0.5, high=1.5),
    row("clip", clip, kinks=[-1, 0.5], low=-1, high=0.5),
    row("clip", clip, kinks=[0], low=0.0),
    row("clip", clip, kinks=[-1, 0, 1], low=np.array([-1.0, 0, 0, -1]), high=1.0),
    row("clip", clip, kinks=[1], high=1.0),
    row("sign", differentiable=False),
    row("floor", differentiable=False),
    row("ceil", differentiable=False),
    row("round", differentiable=False),
    row("isfinite", differentiable=False),
    row("isnan", differentiable=False),
    row("logical_not", differentiable=False),
    Case("where", ops.where, np.where, [MASK, SHAPE, SHAPE]),
    Case("where", ops.where, np.where, [MASK, (4,), ()]),
    Case("where", ops.where, np.where, [MASK[0], (2, 1, 4), (3, 1)]),
    Case("astype", ops.astype, lambda x, dtype: x.astype(dtype), [SHAPE], kwargs={"dtype": np.float64}),
]
