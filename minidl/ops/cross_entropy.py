"""Cross-entropy of class targets under a softmax (Deep Learning, sections 6.2.1.1 and 6.2.2.3).

A primitive for stability and speed: one exponential per logit, kept for backward (as much as PyTorch keeps). For
a row with target weights a (V of them, summing to A) the loss is ``A * logsumexp(x) - a @ x`` and its
gradient ``A * softmax(x) - a``; labels, class weights, smoothing and soft targets only choose a.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.op import Array, op
from ..autograd.tensor import array_of
from ..backend import namespace_of
from ..backend.threads import parallel_blocks
from ..errors import ArgumentError, DTypeError, ShapeError
from . import reduce as _r
from .rows import rows_per_block, shifted_exp_of_rows


@op(residuals=("e", "total", "top", "wish", "scale"))
def cross_entropy(
    logits: Array,
    target: Array,
    weight: Array | None = None,
    reduction: str = "mean",
    ignore_index: int | None = -100,
    label_smoothing: float = 0.0,
    *,
    xp: Any,
    recording: bool,
):
    """Negative log-likelihood of `target` under ``softmax(logits)``, over the last axis.

    Parameters
    ----------
    logits : float array (..., V)
        Unnormalised log-probabilities.
    target : integer array (...) of classes, or float array (..., V) of class probabilities
    weight : float array (V,), optional
        A factor for each class. With class targets, ``"mean"`` divides by the sum of the targets' weights.
    reduction : {"mean", "sum", "none"}
        ``"none"`` returns one loss for each row, shape (...).
    ignore_index : int or None
        Rows with this class count for nothing. If every row is ignored the mean is zero.
    label_smoothing : float in [0, 1]
        Share of the target probability that is spread evenly over the classes (Szegedy et al., 2016).

    Raises
    ------
    ShapeError, DTypeError, ArgumentError
        Shapes that do not fit, targets of a wrong kind, a class outside [0, V).
    """
    _check(logits, target, weight, reduction, label_smoothing)
    x = xp.ascontiguousarray(logits.reshape(-1, logits.shape[-1]))
    e = xp.empty_like(x) if recording else None
    top, total = shifted_exp_of_rows(x, e)
    wish = _Wish(xp, x, target, weight, ignore_index, label_smoothing)
    losses = _times(xp.log(total)[:, 0], wish.mass()) - wish.dot(x, top if isinstance(top, float) else top[:, 0])
    if reduction == "none":
        return losses.reshape(logits.shape[:-1]), e, total, top, wish, 1.0
    scale = 1 / wish.count() if reduction == "mean" else 1.0
    return losses.sum() * scale, e, total, top, wish, scale


@cross_entropy.fast
def _(
    g: Any,
    logits: Any,
    target: Any,
    weight: Any,
    e: Any,
    total: Any,
    top: Any,
    wish: _Wish,
    scale: Any,
    label_smoothing: float,
    wanted: tuple[bool, ...],
) -> tuple:
    xp = namespace_of(logits)
    factor = (g.reshape(-1) if g.ndim else g) * scale  # one number, or (n,) without a reduction
    to_mass = _column(_times(factor, wish.mass())) / total
    gx = xp.empty_like(e)

    def block(start: int, stop: int) -> None:
        xp.multiply(e[start:stop], to_mass[start:stop], out=gx[start:stop])

    parallel_blocks(block, e.shape[0], rows_per_block(e))
    wish.subtract_from(gx, factor)
    g_target = None
    if target.dtype.kind == "f" and wanted[1]:
        g_target = (xp.log(total) + top - logits.reshape(e.shape)) * _column(factor * (1 - label_smoothing))
        g_target = (g_target if weight is None else g_target * weight).reshape(target.shape)
    return gx.reshape(logits.shape), g_target, None


@cross_entropy.definition
def _(
    logits: Any,
    target: Any,
    weight: Any = None,
    reduction: str = "mean",
    ignore_index: int | None = -100,
    label_smoothing: float = 0.0,
) -> Any:
    v = logits.shape[-1]
    w = 1.0 if weight is None else weight
    if target.dtype.kind == "f":
        a = (target * (1 - label_smoothing) + label_smoothing / v) * w
        count: Any = max(1, target.size // v)
    else:
        labels = array_of(target)
        xp = namespace_of(labels)
        seen = (labels != ignore_index if ignore_index is not None else xp.ones(labels.shape, bool))[..., None]
        one_hot = ((labels[..., None] == xp.arange(v)) & seen).astype(logits.dtype)
        picked = (one_hot * w).sum(axis=-1, keepdims=True)
        spread = seen.astype(logits.dtype) * (w * (label_smoothing / v))
        a = picked * one_hot * (1 - label_smoothing) + spread
        count = float(picked.sum()) + float(not seen.any())
    losses = -(a * (logits - _r.logsumexp(logits, axis=-1, keepdims=True))).sum(axis=-1)
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / count


def _times(a: Any, factor: Any) -> Any:
    """``a * factor``; `a` itself where the factor is the number one, as it most often is."""
    return a if isinstance(factor, float) and factor == 1 else a * factor


def _column(a: Any) -> Any:
    """One number as it is, (n,) as (n, 1)."""
    return a[:, None] if a.ndim else a


class _Wish:
    """The target weights a of each row: one number at its label, an even rest from smoothing, or a row of them."""

    def __init__(self, xp: Any, x: Any, target: Any, weight: Any, ignore_index: int | None, smoothing: float) -> None:
        n, v = x.shape
        self.dense = self.even = None
        if target.dtype.kind == "f":
            self.dense = target.reshape(n, v) * (1 - smoothing) + smoothing / v
            self.dense = self.dense if weight is None else self.dense * weight
            return
        labels, self.seen = _seen_labels(xp, target.reshape(-1), v, ignore_index, x.dtype)
        self.at = xp.arange(0, n * v, v) + labels  # places in the flattened logits: quicker than (row, label)
        self.weights = self.seen if weight is None else _times(weight[labels], self.seen)
        self.picked = _times(self.weights, 1.0 - smoothing)
        if smoothing:
            self.even = xp.zeros(v, x.dtype) + (1.0 if weight is None else weight) * (smoothing / v)

    def mass(self) -> Any:
        """Sum of each row's target weights, (n,), or one number for all."""
        if self.dense is not None:
            return self.dense.sum(-1)
        return self.picked if self.even is None else self.picked + self.seen * self.even.sum()

    def dot(self, x: Any, top: Any) -> Any:
        """Target weights times ``x - top``, summed over each row, (n,); the difference first, for its digits."""
        if self.dense is not None:
            return (self.dense * (x - (top if isinstance(top, float) else top[:, None]))).sum(-1)
        hard = _times(x.reshape(-1)[self.at] - top, self.picked)
        return hard if self.even is None else hard + _times(x @ self.even - top * self.even.sum(), self.seen)

    def count(self) -> Any:
        """What the mean divides by; one where every row is ignored, so that the mean is zero and not 0/0."""
        if self.dense is not None or isinstance(self.weights, float):
            return self.dense.shape[0] if self.dense is not None else self.at.shape[0]
        total = self.weights.sum()
        return total + (total == 0)

    def subtract_from(self, gx: Any, factor: Any) -> None:
        """``gx -= factor * a``, in place."""
        if self.dense is not None:
            gx -= self.dense * _column(factor)
            return
        gx.reshape(-1)[self.at] -= _times(factor, self.picked)  # a view: gx is contiguous
        if self.even is not None:
            gx -= _column(_times(factor, self.seen)) * self.even


def _seen_labels(xp: Any, labels: Any, v: int, ignore_index: int | None, dtype: Any) -> tuple[Any, Any]:
    """Labels with 0 in place of ignored ones, and a factor for each row (0 where ignored), or 1.0 for all.

    Raises
    ------
    ArgumentError
        A class outside [0, V).
    """
    labels = labels.astype(np.int64, copy=False)
    outside = labels.view(np.uint64) >= v  # negative ones are huge as unsigned
    any_outside = bool(xp.count_nonzero(outside))  # many times faster than .any()
    if ignore_index is None or not (any_outside or 0 <= ignore_index < v):
        ignored = None
    else:
        ignored = labels == ignore_index
        outside &= ~ignored
    if any_outside and xp.count_nonzero(outside):
        first = int(labels[outside][0])
        raise ArgumentError(
            f"cross_entropy: class {first} in target lies outside [0, {v}), the classes of the logits"
        )
    if ignored is None:
        return labels, 1.0
    return xp.where(ignored, 0, labels), (~ignored).astype(dtype)


def _check(logits: Any, target: Any, weight: Any, reduction: str, smoothing: float) -> None:
    """Refuse what would give a wrong number."""
    name = "cross_entropy"
    if reduction not in ("mean", "sum", "none"):
        raise ArgumentError(f"{name}: reduction must be 'mean', 'sum' or 'none', not {reduction!r}")
    if not 0 <= smoothing <= 1:
        raise ArgumentError(f"{name}: label_smoothing must lie in [0, 1], not {smoothing}")
    if logits.dtype.kind != "f":
        raise DTypeError(f"{name}: logits must be floating point, not {logits.dtype}")
    if logits.ndim < 1 or 0 in logits.shape:
        raise ShapeError(f"{name}: logits must have shape (..., classes) and not be empty, not {logits.shape}")
    kind = target.dtype.kind
    if kind not in "iuf":
        raise DTypeError(f"{name}: target must be integer classes or float probabilities, not {target.dtype}")
    wish, what = (logits.shape, "probabilities") if kind == "f" else (logits.shape[:-1], "classes")
    if target.shape != wish:
        raise ShapeError(f"{name}: logits {logits.shape} need target {what} of shape {wish}, not {target.shape}")
    v = logits.shape[-1]
    if weight is not None and weight.shape != (v,):
        raise ShapeError(f"{name}: weight must have shape ({v},), one for each class, not {weight.shape}")
