"""Normalisation over features: layer, group and root-mean-square norm, in cache-sized blocks of rows.

Primitives for memory and speed: they keep their input and two numbers per row (not the normalised copy), and
touch memory once forward and once backward. Batch normalisation is in ``norm_batch.py``.
"""

from __future__ import annotations

from typing import Any

from ..autograd.op import Array, op
from ..backend import namespace_of
from ..backend.threads import parallel_blocks
from ..errors import ArgumentError, ShapeError
from .rows import column_sums, row_sums, rows_per_block


@op(residuals=("mean", "rstd"))
def layer_norm(x: Array, w: Array | None = None, b: Array | None = None, eps: float = 1e-5, *, xp: Any):
    """``(x - mean) / sqrt(var + eps) * w + b`` over the last axis (Ba, Kiros and Hinton, 2016).

    Parameters
    ----------
    x : float array (..., D)
    w, b : (D,), optional
        Gain and shift.
    """
    check_features("layer_norm", x, w, b)
    rows = xp.ascontiguousarray(x.reshape(-1, x.shape[-1]))
    n, d = rows.shape
    y, mean, rstd = xp.empty_like(rows), xp.empty((n, 1), x.dtype), xp.empty((n, 1), x.dtype)

    def block(start: int, stop: int) -> None:
        part = y[start:stop]
        mean[start:stop] = row_sums(rows[start:stop]) / d
        xp.subtract(rows[start:stop], mean[start:stop], out=part)
        var = xp.einsum("nd,nd->n", part, part) / d
        rstd[start:stop, 0] = 1 / xp.sqrt(var + eps)
        part *= rstd[start:stop]
        if w is not None:
            part *= w
        if b is not None:
            part += b

    parallel_blocks(block, n, rows_per_block(rows))
    return y.reshape(x.shape), mean, rstd


@layer_norm.fast
def _(g: Any, x: Any, w: Any, b: Any, mean: Any, rstd: Any) -> tuple:
    return _rows_backward(g, x, w, b, mean, rstd)


@layer_norm.definition
def _(x: Any, w: Any = None, b: Any = None, eps: float = 1e-5) -> Any:
    d = x - x.mean(axis=-1, keepdims=True)
    y = d * ((d * d).mean(axis=-1, keepdims=True) + eps) ** -0.5
    return scaled(y, w, b)


@op(residuals=("rstd",))
def rms_norm(x: Array, w: Array | None = None, eps: float = 1e-6, *, xp: Any):
    """``x / sqrt(mean(x**2) + eps) * w`` over the last axis (Zhang and Sennrich, 2019).

    Parameters
    ----------
    x : float array (..., D)
    w : (D,), optional
        Gain.
    """
    check_features("rms_norm", x, w)
    rows = xp.ascontiguousarray(x.reshape(-1, x.shape[-1]))
    n, d = rows.shape
    y, rstd = xp.empty_like(rows), xp.empty((n, 1), x.dtype)

    def block(start: int, stop: int) -> None:
        part = rows[start:stop]
        rstd[start:stop, 0] = 1 / xp.sqrt(xp.einsum("nd,nd->n", part, part) / d + eps)
        xp.multiply(part, rstd[start:stop], out=y[start:stop])
        if w is not None:
            y[start:stop] *= w

    parallel_blocks(block, n, rows_per_block(rows))
    return y.reshape(x.shape), rstd


@rms_norm.fast
def _(g: Any, x: Any, w: Any, rstd: Any) -> tuple:
    return _rows_backward(g, x, w, None, None, rstd)[:2]


@rms_norm.definition
def _(x: Any, w: Any = None, eps: float = 1e-6) -> Any:
    return scaled(x * ((x * x).mean(axis=-1, keepdims=True) + eps) ** -0.5, w, None)


def _rows_backward(g: Any, x: Any, w: Any, b: Any, mean: Any, rstd: Any) -> tuple[Any, Any, Any]:
    """Gradients of x, w and b for a norm over the last axis; without `mean` nothing was subtracted."""
    xp = namespace_of(g)
    rows = xp.ascontiguousarray(x.reshape(-1, x.shape[-1]))
    g_rows = xp.ascontiguousarray(g.reshape(rows.shape))
    n, d = rows.shape
    step = rows_per_block(rows)
    gx = xp.empty_like(rows)
    sums = xp.zeros((2, -(-n // step), d), x.dtype)  # of each block, so that the order of summing is fixed

    def block(start: int, stop: int) -> None:
        at, part, out = slice(start, stop), g_rows[start:stop], gx[start:stop]
        hat = (rows[at] if mean is None else rows[at] - mean[at]) * rstd[at]
        if w is not None:
            sums[0, start // step] = xp.einsum("nd,nd->d", part, hat)
        if b is not None:
            sums[1, start // step] = column_sums(part)
        xp.multiply(part, 1 if w is None else w, out=out)
        hat *= (xp.einsum("nd,nd->n", out, hat) / d)[:, None]
        if mean is not None:
            hat += row_sums(out) / d
        out -= hat
        out *= rstd[at]

    parallel_blocks(block, n, step)
    gw, gb = sums.sum(1)
    return gx.reshape(x.shape), None if w is None else gw, None if b is None else gb


@op(residuals=("mean", "rstd"))
def group_norm(
    x: Array, w: Array | None = None, b: Array | None = None, groups: int = 1, eps: float = 1e-5, *, xp: Any
):
    """Normalise each sample over space and over each of `groups` groups of channels (Wu and He, 2018).

    Parameters
    ----------
    x : float array (N, ..., C)
    w, b : (C,), optional
        Gain and shift.
    groups : int
        Divides C. C groups are instance norm, one group is layer norm over space too.
    """
    check_features("group_norm", x, w, b)
    c = x.shape[-1]
    if groups < 1 or c % groups:
        raise ArgumentError(f"group_norm: groups must divide the {c} channels; {groups} does not")
    samples = xp.ascontiguousarray(x.reshape(x.shape[0], -1, c))
    n, size = samples.shape[0], samples.shape[1] * c // groups
    y, mean, rstd = xp.empty_like(samples), xp.empty((n, c), x.dtype), xp.empty((n, c), x.dtype)

    def block(start: int, stop: int) -> None:
        for i in range(start, stop):
            mean[i] = _over_groups(column_sums(samples[i]), groups) / size
            xp.subtract(samples[i], mean[i], out=y[i])
            rstd[i] = 1 / xp.sqrt(_over_groups(xp.einsum("sc,sc->c", y[i], y[i]), groups) / size + eps)
            y[i] *= rstd[i] if w is None else rstd[i] * w
            if b is not None:
                y[i] += b

    parallel_blocks(block, n, rows_per_block(samples.reshape(n, -1)))
    return y.reshape(x.shape), mean, rstd


@group_norm.fast
def _(g: Any, x: Any, w: Any, b: Any, mean: Any, rstd: Any, groups: int) -> tuple:
    xp = namespace_of(g)
    c = x.shape[-1]
    samples = xp.ascontiguousarray(x.reshape(x.shape[0], -1, c))
    g_samples = xp.ascontiguousarray(g.reshape(samples.shape))
    n, size = samples.shape[0], samples.shape[1] * c // groups
    gx, gw, gb = xp.empty_like(samples), xp.empty((n, c), x.dtype), xp.empty((n, c), x.dtype)

    def block(start: int, stop: int) -> None:
        for i in range(start, stop):
            hat = (samples[i] - mean[i]) * rstd[i]
            gw[i], gb[i] = xp.einsum("sc,sc->c", g_samples[i], hat), column_sums(g_samples[i])
            hat *= _over_groups(gw[i] if w is None else gw[i] * w, groups) / size
            hat += _over_groups(gb[i] if w is None else gb[i] * w, groups) / size
            xp.multiply(g_samples[i], 1 if w is None else w, out=gx[i])
            gx[i] -= hat
            gx[i] *= rstd[i]

    parallel_blocks(block, n, rows_per_block(samples.reshape(n, -1)))
    return gx.reshape(x.shape), None if w is None else gw.sum(0), None if b is None else gb.sum(0)


@group_norm.definition
def _(x: Any, w: Any = None, b: Any = None, groups: int = 1, eps: float = 1e-5) -> Any:
    parts = x.reshape((x.shape[0], -1, groups, x.shape[-1] // groups))
    d = parts - parts.mean(axis=(1, 3), keepdims=True)
    y = d * ((d * d).mean(axis=(1, 3), keepdims=True) + eps) ** -0.5
    return scaled(y.reshape(x.shape), w, b)


# -- helpers ---------------------------------------------------------------------------------------------


def scaled(y: Any, w: Any, b: Any) -> Any:
    """``y * w + b`` with the parts that are there."""
    y = y if w is None else y * w
    return y if b is None else y + b


def check_features(name: str, x: Any, *vectors: Any) -> None:
    """Refuse an empty input and vectors that do not have one element per feature."""
    if x.ndim < 2 or 0 in x.shape:
        raise ShapeError(f"{name}: x must have shape (..., features) and not be empty, not {x.shape}")
    for v in vectors:
        if v is not None and v.shape != (x.shape[-1],):
            raise ShapeError(f"{name}: x {x.shape} needs vectors of shape ({x.shape[-1]},), one element for each "
                             f"feature, not {v.shape}")  # fmt: skip


def _over_groups(a: Any, groups: int) -> Any:
    """Sum (C,) over the channels of each group, and hand the sum to each of them: (C,)."""
    per_group = a.shape[0] // groups
    return namespace_of(a).repeat(a.reshape(groups, per_group).sum(1), per_group)
