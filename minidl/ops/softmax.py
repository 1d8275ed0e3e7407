"""Softmax and its logarithm, in cache-sized blocks of rows (Deep Learning, sections 4.1 and 6.2.2.3).

Primitives for stability (no overflow, no underflow) and memory (they keep their output only).
"""

from __future__ import annotations

from typing import Any

from ..autograd.op import Array, op
from ..backend import namespace_of
from ..backend.threads import parallel_blocks
from . import elementwise as _e
from .rows import as_rows, from_rows, row_sums, rows_per_block, shifted_exp


@op
def softmax(x: Array, axis: int = -1, *, xp: Any):
    """``exp(x) / sum(exp(x))`` along `axis`: each slice sums to one."""
    rows = as_rows(x, axis, "softmax")
    y = xp.empty_like(rows)

    def block(start: int, stop: int) -> None:
        _, total = shifted_exp(rows[start:stop], y[start:stop])
        y[start:stop] *= 1 / total

    parallel_blocks(block, rows.shape[0], rows_per_block(rows))
    return from_rows(y, x.shape, axis)


softmax.rules(x=lambda g, y, axis: y * (g - (g * y).sum(axis=axis, keepdims=True)))


@softmax.fast
def _(g: Any, y: Any, axis: int) -> tuple:
    g_rows, y_rows = as_rows(g, axis, "softmax"), as_rows(y, axis, "softmax")
    xp = namespace_of(g)
    gx = xp.empty_like(y_rows)

    def block(start: int, stop: int) -> None:
        g_part, y_part, part = g_rows[start:stop], y_rows[start:stop], gx[start:stop]
        xp.multiply(g_part, y_part, out=part)
        xp.subtract(g_part, row_sums(part), out=part)
        part *= y_part

    parallel_blocks(block, g_rows.shape[0], rows_per_block(g_rows))
    return (from_rows(gx, y.shape, axis),)


@op
def log_softmax(x: Array, axis: int = -1, *, xp: Any):
    """``x - log(sum(exp(x)))`` along `axis`: exact where ``log(softmax(x))`` would be ``-inf``."""
    rows = as_rows(x, axis, "log_softmax")
    y = xp.empty_like(rows)

    def block(start: int, stop: int) -> None:
        top, total = shifted_exp(rows[start:stop], y[start:stop])
        xp.subtract(rows[start:stop], top, out=y[start:stop])  # the difference first: it is small
        y[start:stop] -= xp.log(total)

    parallel_blocks(block, rows.shape[0], rows_per_block(rows))
    return from_rows(y, x.shape, axis)


log_softmax.rules(x=lambda g, y, axis: g - _e.exp(y) * g.sum(axis=axis, keepdims=True))


@log_softmax.fast
def _(g: Any, y: Any, axis: int) -> tuple:
    g_rows, y_rows = as_rows(g, axis, "log_softmax"), as_rows(y, axis, "log_softmax")
    xp = namespace_of(g)
    gx = xp.empty_like(y_rows)

    def block(start: int, stop: int) -> None:
        part = gx[start:stop]
        xp.exp(y_rows[start:stop], out=part)
        part *= row_sums(g_rows[start:stop])
        xp.subtract(g_rows[start:stop], part, out=part)

    parallel_blocks(block, g_rows.shape[0], rows_per_block(g_rows))
    return (from_rows(gx, y.shape, axis),)
