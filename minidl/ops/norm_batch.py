"""Batch normalisation over all axes but the channels (Ioffe and Szegedy, 2015; Deep Learning, section 8.7.1).

A primitive for speed and memory: it keeps its input and two numbers per channel, and reads the input twice forward
(once for the statistics) and twice backward.
"""

from __future__ import annotations

import math
from typing import Any

from ..autograd.op import Array, op
from ..backend import namespace_of
from ..backend.threads import parallel_blocks
from . import elementwise as _e
from .norm import check_features, scaled
from .rows import column_sums, rows_per_block


@op(residuals=("rstd",))
def batch_norm(x: Array, w: Array | None = None, b: Array | None = None, eps: float = 1e-5, *, xp: Any) -> tuple:
    """Training mode: normalise each channel with the statistics of this batch.

    Parameters
    ----------
    x : float array (N, ..., C)
    w, b : (C,), optional
        Gain and shift.

    Returns
    -------
    y : like `x`
    mean, var : (C,)
        Of this batch, for running averages; `var` divides by the number of values (biased).
    """
    check_features("batch_norm", x, w, b)
    rows = _folded(xp, x)
    n, c = x.size // x.shape[-1], x.shape[-1]
    mean, var = _statistics(xp, rows, n, c)
    rstd = 1 / xp.sqrt(var + eps)
    gain = rstd if w is None else rstd * w
    shift = -mean * gain if b is None else b - mean * gain
    gain, shift = (xp.tile(a, rows.shape[1] // c) for a in (gain, shift))
    y = xp.empty_like(rows)

    def block(start: int, stop: int) -> None:
        xp.multiply(rows[start:stop], gain, out=y[start:stop])
        y[start:stop] += shift

    parallel_blocks(block, rows.shape[0], rows_per_block(rows))
    return y.reshape(x.shape), mean, var, rstd


@batch_norm.fast
def _(g: tuple, x: Any, w: Any, b: Any, y: tuple, rstd: Any) -> tuple:
    xp = namespace_of(x)
    rows, n, c = _folded(xp, x), x.size // x.shape[-1], x.shape[-1]
    mean = y[1]
    g_rows = xp.zeros_like(rows) if g[0] is None else xp.ascontiguousarray(g[0].reshape(rows.shape))
    step = rows_per_block(rows)
    wide = xp.tile(mean, rows.shape[1] // c)
    sums = xp.empty((2, -(-rows.shape[0] // step), rows.shape[1]), x.dtype)

    def gather(start: int, stop: int) -> None:
        part = g_rows[start:stop]
        sums[0, start // step] = column_sums(part)
        sums[1, start // step] = xp.einsum("nc,nc->c", part, rows[start:stop] - wide)

    parallel_blocks(gather, rows.shape[0], step)
    gb, gw = sums.sum(1).reshape(2, -1, c).sum(1)
    gw = gw * rstd
    gain = rstd if w is None else rstd * w
    slope = -gain * rstd * gw / n  # gx = gain * g + slope * x + offset, with statistics counted as functions of x
    offset = -gain * gb / n - slope * mean
    if g[2] is not None:
        slope, offset = slope + g[2] * (2 / n), offset - g[2] * (2 / n) * mean
    if g[1] is not None:
        offset = offset + g[1] / n
    gain, slope, offset = (xp.tile(a, rows.shape[1] // c) for a in (gain, slope, offset))
    gx = xp.empty_like(rows)

    def spread(start: int, stop: int) -> None:
        part = gx[start:stop]
        xp.multiply(g_rows[start:stop], gain, out=part)
        part += rows[start:stop] * slope
        part += offset

    parallel_blocks(spread, rows.shape[0], step)
    return gx.reshape(x.shape), None if w is None else gw, None if b is None else gb


@batch_norm.definition
def _(x: Any, w: Any = None, b: Any = None, eps: float = 1e-5) -> tuple:
    rows = x.reshape((-1, x.shape[-1]))
    mean = rows.mean(axis=0)
    d = x - mean
    var = (d * d).reshape((-1, x.shape[-1])).mean(axis=0)
    return scaled(d * (var + eps) ** -0.5, w, b), mean, var


def batch_norm_eval(x: Any, mean: Any, var: Any, w: Any = None, b: Any = None, eps: float = 1e-5) -> Any:
    """Evaluation mode: normalise each channel with the given statistics, one multiplication and one addition.

    Parameters
    ----------
    x : float array (N, ..., C)
    mean, var, w, b : (C,)
        Statistics (running averages); gain and shift are optional.
    """
    check_features("batch_norm_eval", x, mean, var, w, b)
    gain = (var + eps) ** -0.5 if w is None else w * (var + eps) ** -0.5
    shift = _e.negative(mean * gain) if b is None else b - mean * gain
    return x * gain + shift


def _folded(xp: Any, x: Any) -> Any:
    """`x` as (N/k, k*C) with a row long enough that NumPy's loop over a row outweighs its start."""
    n, c = x.size // x.shape[-1], x.shape[-1]
    k = math.gcd(n, 1 << max(0, (1024 // c).bit_length()))
    return xp.ascontiguousarray(x).reshape(n // k, k * c)


def _statistics(xp: Any, rows: Any, n: int, c: int) -> tuple[Any, Any]:
    """Mean and biased variance of each channel in one pass, blocks merged as by Chan, Golub and LeVeque (1979).

    One pass over memory, yet without the cancellation of ``mean(x**2) - mean(x)**2``.
    """
    step = rows_per_block(rows)
    n_blocks = -(-rows.shape[0] // step)
    means, squares = xp.empty((n_blocks, c), rows.dtype), xp.empty((n_blocks, c), rows.dtype)
    fold = rows.shape[1] // c

    def block(start: int, stop: int) -> None:
        part, i = rows[start:stop], start // step
        means[i] = column_sums(part).reshape(fold, c).sum(0) / ((stop - start) * fold)
        d = part - xp.tile(means[i], fold)
        squares[i] = xp.einsum("nc,nc->c", d, d).reshape(fold, c).sum(0)

    parallel_blocks(block, rows.shape[0], step)
    share = xp.full((n_blocks, 1), step * fold / n, rows.dtype)
    share[-1] = (rows.shape[0] - (n_blocks - 1) * step) * fold / n
    mean = (means * share).sum(0)
    return mean, squares.sum(0) / n + (share * (means - mean) ** 2).sum(0)
