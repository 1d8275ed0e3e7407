"""Rows of the op table for arithmetic of two arrays and comparisons, with broadcasting."""

import numpy as np
from cases import Case

from minidl import ops

SHAPES = [[(3, 4), (3, 4)], [(3, 4), (4,)], [(2, 1, 4), (3, 1)], [(), (2, 3)]]
POSITIVE = (0.2, 3.0)
BITS = np.array([[True, False], [True, True]])


def rows(name, domain=(-2.0, 2.0), differentiable=True):
    return [Case(name, getattr(ops, name), getattr(np, name), s, domain, (), {}, differentiable) for s in SHAPES]


def integers(name):
    """Integers of few values, so that some are equal."""
    rng = np.random.default_rng(0)
    inputs = [rng.integers(-1, 2, (3, 4)), rng.integers(-1, 2, 4)]
    return Case(name, getattr(ops, name), getattr(np, name), inputs, differentiable=False)


COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or")
CASES = [
    *rows("add"),
    *rows("subtract"),
    *rows("multiply"),
    *rows("divide", domain=POSITIVE),
    *rows("power", domain=POSITIVE),
    Case("power", lambda x: ops.power(x, 3), lambda x: x**3, [(3, 4)]),
    Case("power", lambda x: ops.power(x, 1), lambda x: x, [(3, 4)]),
    Case("power", lambda x: ops.power(x, 0), np.ones_like, [(3, 4)]),
    Case("power", lambda x: ops.power(x, -0.5), lambda x: 1 / np.sqrt(x), [(3, 4)], POSITIVE),
    Case("power", lambda p: ops.power(2.0, p), np.exp2, [(3, 4)]),
    Case("subtract", lambda x: ops.subtract(1, x), lambda x: 1 - x, [(3, 4)]),
    Case("divide", lambda x: ops.divide(2.0, x), lambda x: 2 / x, [(3, 4)], POSITIVE),
    *rows("maximum"),
    *rows("minimum"),
    *rows("arctan2"),
    *[integers(name) for name in ("bitwise_and", "bitwise_or", "bitwise_xor")],
    Case("bitwise_xor", ops.bitwise_xor, np.bitwise_xor, [BITS, BITS[:, ::-1]], differentiable=False),
    Case("invert", ops.invert, np.invert, [np.arange(6).reshape(2, 3)], differentiable=False),
    Case("invert", ops.invert, np.invert, [BITS], differentiable=False),
    *[case for name in COMPARISONS for case in (*rows(name, differentiable=False), integers(name))],
]
