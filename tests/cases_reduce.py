"""Rows of the op table for reductions and running sums."""

import numpy as np
from cases import Case

from minidl import ops

SHAPE = (3, 4, 2)
AXES = [
    {},
    {"axis": 1},
    {"axis": (0, 2)},
    {"axis": (-1, 0), "keepdims": True},
    {"axis": -1, "keepdims": True},
    {"axis": ()},
]
FLAGS = np.random.default_rng(0).random(SHAPE) < 0.6
TRUNCATED = np.array([[1.0, -np.inf, 2.0], [0.0, -1.0, -np.inf]])


def rows(name, reference=None, settings=AXES, differentiable=True, domain=(-2.0, 2.0)):
    op, reference = getattr(ops, name), reference or getattr(np, name)
    return [Case(name, op, reference, [SHAPE], domain, (), s, differentiable) for s in settings]


def logsumexp(x, axis=None, keepdims=False):
    return np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))


def norm(x, axis=None, keepdims=False, ord=2):
    powers = np.abs(x) ** ord
    return powers.sum(axis=axis, keepdims=keepdims) ** (1 / ord)


def largest(x, axis=None, keepdims=False, ord=None):
    return np.abs(x).max(axis=axis, keepdims=keepdims)


CASES = [
    *rows("sum"),
    *rows("mean"),
    *rows("var"),
    *rows("var", settings=[{"ddof": 1}, {"axis": (0, 1), "ddof": 2}]),
    *rows("std"),
    *rows("std", settings=[{"axis": 1, "ddof": 1}]),
    *rows("max"),
    *rows("min"),
    *rows("prod"),
    *rows("logsumexp", logsumexp),
    *rows("norm", norm),
    *rows("norm", norm, [{"ord": 1}, {"axis": 1, "ord": 3}, {"axis": (0, 1), "ord": 2.5, "keepdims": True}]),
    *rows("norm", largest, [{"ord": np.inf}, {"axis": 2, "ord": np.inf}]),
    *rows("cumsum", settings=[{}, {"axis": 0}, {"axis": -1}]),
    Case("cumsum", ops.cumsum, np.cumsum, [FLAGS], kwargs={"axis": 1}, differentiable=False),
    *rows("argmax", settings=[{}, {"axis": 1}, {"axis": 1, "keepdims": True}], differentiable=False),
    *rows("argmin", settings=[{}, {"axis": -1}, {"keepdims": True}], differentiable=False),
    *[
        Case(name, getattr(ops, name), getattr(np, name), [FLAGS], kwargs=s, differentiable=False)
        for name in ("any", "all")
        for s in AXES
    ],
    *[
        Case("logsumexp", ops.logsumexp, logsumexp, [TRUNCATED], kwargs=s, differentiable=False)
        for s in ({}, {"axis": 1}, {"axis": 0, "keepdims": True})
    ],
]
