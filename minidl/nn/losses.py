"""Losses: how far a prediction is from what was wanted, as one number to minimise (Deep Learning, section 6.2).

Every loss is a function and, with its settings fixed, a class in ``loss_modules.py``. `reduction` is ``"mean"``,
``"sum"`` or ``"none"``. Shapes must be equal where PyTorch or NumPy would broadcast: (N, 1) against (N,) is an
error, because the (N, N) table that comes of it trains without complaint, to nonsense.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..autograd import array_of
from ..autograd.tensor import with_shape
from ..backend import namespace_of
from ..errors import ArgumentError, DTypeError, GraphError, ShapeError


def cross_entropy(
    logits: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int | None = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Any:
    """Negative log-likelihood of `target` under ``softmax(logits)``, over the last axis.

    Parameters
    ----------
    logits : (..., C)
        Unnormalised: no softmax before it.
    target : integers (...), or probabilities (..., C)
    weight : (C,), optional
        A factor for each class; the mean divides by the sum of the targets' weights.
    ignore_index : int or None
        Targets of this class count for nothing; all ignored gives zero.
    label_smoothing : float in [0, 1]
        Share of the target spread evenly over the classes (Szegedy et al., 2016).

    Raises
    ------
    ShapeError, DTypeError, ArgumentError
        An empty batch, shapes that do not fit, targets of a wrong kind, a class outside [0, C).
    """
    logits, target = with_shape(logits), with_shape(target)
    _check_constant("cross_entropy", weight)
    if not isinstance(label_smoothing, int | float):
        raise ArgumentError(f"cross_entropy: label_smoothing must be a number in [0, 1], not {label_smoothing!r}")
    if not logits.size:
        raise _empty("cross_entropy", logits)
    return ops.cross_entropy(logits, target, weight, reduction, ignore_index, label_smoothing)


def nll(
    log_p: Any, target: Any, weight: Any = None, ignore_index: int | None = -100, reduction: str = "mean"
) -> Any:
    """Negative log-likelihood where the model gives log-probabilities (..., C); arguments as for cross_entropy."""
    log_p = with_shape(log_p)
    _check_constant("nll", weight)
    if not log_p.size:
        raise _empty("nll", log_p)
    target = _labels("nll", log_p, target, ignore_index)
    xp = namespace_of(target)
    seen = xp.ones(target.shape, bool) if ignore_index is None else target != ignore_index
    labels = xp.where(seen, target, 0)
    losses = -ops.take_along_axis(log_p, labels[..., None], axis=-1).reshape(target.shape)
    factor = seen.astype(log_p.dtype)
    if weight is not None:
        weight = array_of(with_shape(weight))
        if weight.shape != log_p.shape[-1:]:
            raise ShapeError(f"nll: weight must have shape {log_p.shape[-1:]}, not {weight.shape}")
        factor = factor * weight[labels]
    losses = losses * factor
    if reduction != "mean":
        return reduced("nll", losses, reduction)
    total = float(factor.sum())
    return losses.sum() * (1 / total if total else 0.0)


def mse(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """Squared error ``(prediction - target)**2``: the mean of a Gaussian (Deep Learning, equation 5.65)."""
    prediction, target = _like("mse", prediction, target)
    d = prediction - target
    return reduced("mse", d * d, reduction)


def l1(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """Absolute error ``|prediction - target|``: the median (Deep Learning, section 6.2.2.1)."""
    prediction, target = _like("l1", prediction, target)
    return reduced("l1", ops.abs(prediction - target), reduction)


def huber(prediction: Any, target: Any, delta: float = 1.0, reduction: str = "mean") -> Any:
    """Squared error (halved) up to `delta`, linear beyond: outliers pull with bounded force (Huber, 1964)."""
    if not delta > 0:
        raise ArgumentError(f"huber: delta must be positive, not {delta!r}")
    prediction, target = _like("huber", prediction, target)
    size = ops.abs(prediction - target)
    capped = ops.minimum(size, delta)
    return reduced("huber", capped * (size - 0.5 * capped), reduction)


def bce_with_logits(logits: Any, target: Any, pos_weight: Any = None, reduction: str = "mean") -> Any:
    """Cross-entropy of yes-or-no targets under ``sigmoid(logits)``, without overflow.

    Parameters
    ----------
    logits, target : equal shapes
        Targets in [0, 1]; integers and booleans will do.
    pos_weight : number or array that broadcasts, optional
        A factor for the positive part, e.g. negatives per positive.
    """
    logits, target = _like("bce_with_logits", logits, target)
    raw = array_of(target)
    if bool((raw < 0).any()) or bool((raw > 1).any()):
        raise ArgumentError("bce_with_logits: targets must lie in [0, 1]; for -1 and 1 use hinge or (target + 1) / 2")
    if pos_weight is None:
        return reduced("bce_with_logits", ops.softplus(logits) - logits * target, reduction)
    losses = (1 - target) * logits + (1 + (pos_weight - 1) * target) * ops.softplus(-logits)
    return reduced("bce_with_logits", losses, reduction)


def hinge(score: Any, target: Any, margin: float = 1.0, reduction: str = "mean") -> Any:
    """``max(0, margin - target * score)`` with targets -1 and 1: the loss of a support vector machine.

    Raises
    ------
    ArgumentError
        A target that is neither -1 nor 1.
    """
    score, target = _like("hinge", score, target)
    if bool((abs(array_of(target)) != 1).any()):
        raise ArgumentError("hinge: targets must be -1 or 1; for 0 and 1 pass 2 * target - 1")
    return reduced("hinge", ops.maximum(margin - target * score, 0.0), reduction)


def multi_margin(scores: Any, target: Any, margin: float = 1.0, reduction: str = "mean") -> Any:
    """``sum over wrong classes j of max(0, margin - score[y] + score[j]) / C`` (Weston and Watkins, 1999).

    Parameters
    ----------
    scores : (..., C)
    target : integers (...)
    """
    scores = with_shape(scores)
    if not scores.size:
        raise _empty("multi_margin", scores)
    target = _labels("multi_margin", scores, target, None)
    xp = namespace_of(target)
    right = ops.take_along_axis(scores, target[..., None], axis=-1)
    others = (xp.arange(scores.shape[-1]) != target[..., None]).astype(scores.dtype)
    losses = (ops.maximum(margin - right + scores, 0.0) * others).sum(axis=-1) * (1 / scores.shape[-1])
    return reduced("multi_margin", losses, reduction)


def kl_divergence(log_q: Any, p: Any, log_target: bool = False, reduction: str = "mean") -> Any:
    """``sum of p * (log p - log_q)`` over the last axis: what coding p by the model q costs (Deep Learning, 3.50).

    Parameters
    ----------
    log_q : (..., C)
        The model's log-probabilities, as of ``log_softmax``.
    p : (..., C)
        Target probabilities, or their logarithms with `log_target`.
    reduction : str
        The mean is over distributions (PyTorch's ``"batchmean"``), not over classes.
    """
    log_q, p = _like("kl_divergence", log_q, p)
    if log_target:
        return reduced("kl_divergence", (ops.exp(p) * (p - log_q)).sum(axis=-1), reduction)
    if bool((array_of(p) < 0).any()):
        raise ArgumentError("kl_divergence: p has negative entries; for logarithms pass log_target=True")
    log_p = ops.log(ops.where(array_of(p) > 0, p, 1.0))  # 0 * log 0 counts as 0
    return reduced("kl_divergence", (p * (log_p - log_q)).sum(axis=-1), reduction)


# -- helpers -------------------------------------------------------------------------------------------------


def reduced(name: str, losses: Any, reduction: str) -> Any:
    """The mean, the sum, or the losses themselves."""
    if reduction == "mean":
        return losses.mean()
    if reduction == "sum":
        return losses.sum()
    if reduction == "none":
        return losses
    raise ArgumentError(f"{name}: reduction must be 'mean', 'sum' or 'none', not {reduction!r}")


def _check_constant(name: str, weight: Any) -> None:
    if getattr(weight, "requires_grad", False):
        raise GraphError(f"{name}: has no gradient with respect to the class weights; pass weight.detach()")


def _empty(name: str, a: Any) -> ShapeError:
    return ShapeError(f"{name}: nothing to average, the input has shape {a.shape}; leave out empty batches")


def _like(name: str, prediction: Any, target: Any) -> tuple[Any, Any]:
    """Both, `target` with the dtype of `prediction` if it holds whole numbers; refuse another shape."""
    prediction = with_shape(prediction)
    if not hasattr(target, "dtype"):
        target = np.asarray(target)
        target = target.astype(prediction.dtype) if target.dtype.kind == "f" else target
    if target.shape != prediction.shape:
        raise ShapeError(f"{name}: prediction has shape {prediction.shape}, target {target.shape}; "
                         "they must be equal, reshape one")  # fmt: skip
    if not prediction.size:
        raise _empty(name, prediction)
    if prediction.dtype.kind != "f" or target.dtype.kind not in "fiub":
        raise DTypeError(f"{name}: needs floating predictions and numbers as targets, not {prediction.dtype} "
                         f"and {target.dtype}")  # fmt: skip
    return prediction, target if target.dtype.kind == "f" else array_of(target).astype(prediction.dtype)


def _labels(name: str, scores: Any, target: Any, ignore_index: int | None) -> Any:
    """Integer classes as an array, checked against the scores (..., C)."""
    target = array_of(target)
    target = target if hasattr(target, "dtype") else np.asarray(target)
    if target.dtype.kind not in "iu":
        raise DTypeError(f"{name}: target must be integer classes, not {target.dtype}")
    if target.shape != scores.shape[:-1]:
        raise ShapeError(f"{name}: scores {scores.shape} need targets of shape {scores.shape[:-1]}, not {target.shape}")
    bad = (target < 0) | (target >= scores.shape[-1])
    if ignore_index is not None:
        bad &= target != ignore_index
    if bool(bad.any()):
        first = int(target.reshape(-1)[bad.reshape(-1).argmax()])
        raise ArgumentError(f"{name}: class {first} in target lies outside [0, {scores.shape[-1]})")
    return target
