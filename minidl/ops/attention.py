"""Scaled dot-product attention in blocks, so that the scores never leave the cache (Deep Learning, 12.4.5.1).

Vaswani et al. (2017), equation 1; the blocked backward that recomputes the probabilities from one number per row is
that of Dao et al. (2022, FlashAttention). A primitive for memory: O(T), not O(T**2), and for speed: one BLAS call
and a few passes for each block, blocks in parallel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..autograd.op import Array, op
from ..autograd.tensor import array_of
from ..backend import backend_of, namespace_of
from ..backend.threads import parallel_blocks
from ..errors import DTypeError, ShapeError
from . import elementwise as _e
from .rows import shifted_exp
from .softmax import softmax


@op(residuals=("lse",))
def scaled_dot_product_attention(
    q: Array,
    k: Array,
    v: Array,
    mask: Array | None = None,
    causal: bool = False,
    scale: float | None = None,
    *,
    xp: Any,
):
    """``softmax(q @ k.T * scale + mask) @ v`` for each head.

    Parameters
    ----------
    q : float array (..., T, D)
        Queries; the axes before T are batch and heads.
    k, v : (..., S, D), (..., S, E)
    mask : bool or float array that broadcasts to (..., T, S), optional
        Bool: True where a query may attend. Float: added to the scores. A query that may attend to nothing
        gives zeros.
    causal : bool
        Query t sees keys 0 to t only.
    scale : float, optional
        ``1 / sqrt(D)`` by default.

    Returns
    -------
    array (..., T, E)
        In memory (N, T, heads, E), so that merging the heads copies nothing.
    """
    _check(q, k, v, mask)
    q4, k4, v4, mask4 = _four(q), _four(k), _four(v), _four_mask(mask, q)
    y = _heads_inside(xp, (*q4.shape[:3], v4.shape[3]), q.dtype)
    lse = xp.empty((*q4.shape[:3], 1), q.dtype)
    plan = _Blocks(q4, k4, v4, mask4, causal, scale)

    def task(start: int, stop: int) -> None:
        for n, h in plan.heads(start, stop):
            for rows, seen in plan.row_blocks():
                s = plan.scores(q4[n, h, rows] * plan.scale, n, h, rows, seen)
                p = xp.empty_like(s)
                top, total = shifted_exp(s, p)
                total += total == 0  # a query that may attend to nothing
                y[n, h, rows] = (p @ v4[n, h, seen]) / total
                lse[n, h, rows] = xp.log(total) + top

    parallel_blocks(task, plan.n_tasks, 1)
    return y.reshape(*q.shape[:-1], v.shape[-1]), lse


@scaled_dot_product_attention.fast
def _(
    g: Any,
    q: Any,
    k: Any,
    v: Any,
    mask: Any,
    y: Any,
    lse: Any,
    causal: bool,
    scale: float | None,
    wanted: tuple[bool, ...],
) -> tuple:
    xp = namespace_of(q)
    q4, k4, v4, mask4, g4, y4 = _four(q), _four(k), _four(v), _four_mask(mask, q), _four(g), _four(y)
    gq, gk, gv = (_heads_inside(xp, a.shape, a.dtype) for a in (q4, k4, v4))
    gm = xp.zeros((*q4.shape[:3], k4.shape[2]), q.dtype) if wanted[3] else None
    plan = _Blocks(q4, k4, v4, mask4, causal, scale)

    def task(start: int, stop: int) -> None:
        for n, h in plan.heads(start, stop):
            dk, dv = xp.zeros(k4[n, h].shape, k.dtype), xp.zeros(v4[n, h].shape, v.dtype)
            for rows, seen in plan.row_blocks():
                qs, gy = q4[n, h, rows] * plan.scale, g4[n, h, rows]
                p = plan.scores(qs, n, h, rows, seen)
                p -= lse[n, h, rows]
                xp.exp(p, out=p)
                dv[..., seen, :] += p.swapaxes(-1, -2) @ gy
                ds = gy @ v4[n, h, seen].swapaxes(-1, -2)
                ds -= xp.einsum("...d,...d->...", gy, y4[n, h, rows])[..., None]
                ds *= p
                gq[n, h, rows] = (ds @ k4[n, h, seen]) * plan.scale
                dk[..., seen, :] += ds.swapaxes(-1, -2) @ qs
                if gm is not None:
                    gm[n, h, rows, seen] = ds
            gk[n, h], gv[n, h] = dk, dv

    parallel_blocks(task, plan.n_tasks, 1)
    g_mask = None if gm is None else gm.reshape(*q.shape[:-1], k.shape[-2])
    return gq.reshape(q.shape), gk.reshape(k.shape), gv.reshape(v.shape), g_mask


@scaled_dot_product_attention.definition
def _(q: Any, k: Any, v: Any, mask: Any = None, causal: bool = False, scale: float | None = None) -> Any:
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    s = (q @ k.swapaxes(-1, -2)) * scale
    raw = array_of(s)
    xp = namespace_of(raw)
    allowed = xp.ones(s.shape, bool)
    if mask is not None and mask.dtype.kind == "f":
        finite = array_of(mask) > -xp.inf
        allowed, s = allowed & finite, s + _e.where(finite, mask, xp.zeros_like(raw, shape=()))
    elif mask is not None:
        allowed = allowed & array_of(mask)
    if causal:
        allowed = allowed & (xp.arange(s.shape[-1]) <= xp.arange(s.shape[-2])[:, None])
    low = xp.full((), xp.finfo(raw.dtype).min / 2, raw.dtype)
    p = softmax(_e.where(allowed, s, low), axis=-1)
    return (p * allowed.any(-1, keepdims=True).astype(raw.dtype)) @ v


class _Blocks:
    """How the work is cut: tasks of whole heads, and in each of them blocks of query rows.

    A block's product of T x D x S stays below BLAS's own threshold for threads, so that two Python threads do not
    wait for each other inside BLAS; and its scores fit the cache. On a GPU one block is everything.
    """

    def __init__(self, q: Any, k: Any, v: Any, mask: Any, causal: bool, scale: float | None) -> None:
        self.xp, self.k, self.mask, self.causal = namespace_of(q), k, mask, causal
        self.scale = 1 / math.sqrt(q.shape[3]) if scale is None else scale
        (self.n, self.n_heads, self.t, d), s = q.shape, k.shape[2]
        block = backend_of(q).block_elems
        self.rows = max(1, min(self.t, max(16, 8 * block // (s * max(d, v.shape[3])))))
        per_task = max(1, 4 * block // (self.rows * s))
        self.heads_each = max(1, min(self.n_heads, per_task))  # none of an empty batch
        self.samples_each = max(1, min(self.n, per_task // self.heads_each))
        self.per_sample = -(-self.n_heads // self.heads_each)
        self.n_tasks = -(-self.n // self.samples_each) * self.per_sample

    def heads(self, start: int, stop: int) -> Iterator[tuple[slice, slice]]:
        """Samples and heads of the tasks from `start` to `stop`."""
        for task in range(start, stop):
            i, j = divmod(task, self.per_sample)
            yield (
                slice(i * self.samples_each, min(self.n, (i + 1) * self.samples_each)),
                slice(j * self.heads_each, min(self.n_heads, (j + 1) * self.heads_each)),
            )

    def row_blocks(self) -> Iterator[tuple[slice, slice]]:
        """Blocks of queries, each with the keys that it may see."""
        s = self.k.shape[2]
        for start in range(0, self.t, self.rows):
            stop = min(self.t, start + self.rows)
            yield slice(start, stop), slice(0, min(s, stop) if self.causal else s)

    def scores(self, q: Any, n: slice, h: slice, rows: slice, seen: slice) -> Any:
        """Scores of scaled queries, ``-inf`` where they may not attend."""
        xp = self.xp
        s = q @ self.k[n, h, seen].swapaxes(-1, -2)
        if self.mask is not None:
            part = self.mask[n, h, rows, seen]
            if part.dtype.kind == "b":
                s = xp.where(part, s, xp.asarray(-xp.inf, dtype=s.dtype))
            else:
                s += part
        if self.causal:
            ahead = xp.arange(rows.start, seen.stop) > xp.arange(rows.start, rows.stop)[:, None]
            s[..., rows.start :] += xp.where(ahead, -xp.inf, 0.0).astype(s.dtype)
        return s


# -- helpers ---------------------------------------------------------------------------------------------


def _four(a: Any) -> Any:
    """(..., T, D) as (N, heads, T, D): a view for up to four axes."""
    if a.ndim == 4:
        return a
    return a.reshape((1,) * (4 - a.ndim) + a.shape) if a.ndim < 4 else a.reshape(-1, *a.shape[-3:])


def _four_mask(mask: Any, q: Any) -> Any:
    if mask is None:
        return None
    xp = namespace_of(q)
    return _four(xp.broadcast_to(mask, (*q.shape[:-1], mask.shape[-1])))


def _heads_inside(xp: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Room for (N, heads, T, D), in memory (N, T, heads, D)."""
    n, heads, t, d = shape
    return xp.empty((n, t, heads, d), dtype).swapaxes(1, 2)


def _check(q: Any, k: Any, v: Any, mask: Any) -> None:
    name = "scaled_dot_product_attention"
    if q.ndim < 2 or k.shape != (*q.shape[:-2], k.shape[-2], q.shape[-1]) or v.shape[:-1] != k.shape[:-1]:
        raise ShapeError(
            f"{name}: q, k, v must have shapes (..., T, D), (..., S, D), (..., S, E) with equal leading axes, "
            f"not {q.shape}, {k.shape}, {v.shape}"
        )
    if k.shape[-2] == 0 or 0 in q.shape[-1:]:
        raise ShapeError(f"{name}: no keys to attend to in k of shape {k.shape}")
    if mask is None:
        return
    if mask.dtype.kind != "b" and mask.dtype != q.dtype:
        raise DTypeError(f"{name}: mask must be bool (True = may attend) or {q.dtype} (added), not {mask.dtype}")
    full = (*q.shape[:-1], k.shape[-2])
    fits = mask.ndim <= len(full) and mask.ndim > 0 and mask.shape[-1] == full[-1]
    if not fits or any(m not in (1, f) for m, f in zip(mask.shape[::-1], full[::-1], strict=False)):
        raise ShapeError(f"{name}: mask of shape {mask.shape} does not broadcast to the scores' {full}; "
                         "its last axis must be the keys")  # fmt: skip
