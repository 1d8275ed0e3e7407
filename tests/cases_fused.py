"""Rows of the op table for the fused ops: softmax, cross-entropy, norms, dropout, attention."""

import numpy as np
from cases import Case

from minidl import ops

RNG = np.random.default_rng(0)
LABELS = np.array([2, 0, -100, 1])
CLASS_WEIGHT = np.array([0.5, 1.0, 2.0, 1.5, 0.7])
SOFT = RNG.dirichlet(np.ones(5), 4)
SEEN = RNG.random((2, 3, 5)) < 0.7
SEEN[0, 1] = False  # a query that may attend to nothing
ADDED = np.where(RNG.random((3, 5)) < 0.7, RNG.standard_normal((3, 5)), -np.inf)


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def cross_entropy(x, target, weight=None, reduction="mean", label_smoothing=0.0, ignore_index=-100):
    """Row by row, from the definition."""
    log_p, losses, total = np.log(softmax(x)), [], 0.0
    for row, t in zip(log_p, target, strict=True):
        soft = target.dtype.kind == "f"
        if not soft and t == ignore_index:
            losses.append(0.0)
            continue
        wish = (1 - label_smoothing) * (t if soft else np.eye(len(row))[t]) + label_smoothing / len(row)
        factor = np.ones(len(row)) if weight is None else weight
        losses.append(-(wish * factor * row).sum())
        total += 1.0 if soft else factor[t]
    losses = np.array(losses, x.dtype)
    return {"none": losses, "sum": losses.sum(), "mean": losses.sum() / total}[reduction].astype(x.dtype)


def normalised(x, axes, eps):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def scaled(y, w, b):
    return y * (1 if w is None else w) + (0 if b is None else b)


def layer_norm(x, w=None, b=None, eps=1e-5):
    return scaled(normalised(x, -1, eps), w, b)


def rms_norm(x, w=None, eps=1e-6):
    return scaled(x / np.sqrt((x * x).mean(-1, keepdims=True) + eps), w, None)


def group_norm(x, w=None, b=None, groups=1, eps=1e-5):
    parts = x.reshape(x.shape[0], -1, groups, x.shape[-1] // groups)
    return scaled(normalised(parts, (1, 3), eps).reshape(x.shape), w, b)


def batch_norm(x, w=None, b=None, eps=1e-5):
    axes = tuple(range(x.ndim - 1))
    return scaled(normalised(x, axes, eps), w, b), x.mean(axes), x.var(axes)


def attention(q, k, v, mask=None, causal=False, scale=None):
    scores = q @ k.swapaxes(-1, -2) * (1 / np.sqrt(q.shape[-1]) if scale is None else scale)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)
    reachable = np.isfinite(scores).any(-1, keepdims=True)
    return softmax(np.where(reachable, scores, 0)) * reachable @ v


def dropout(x, p, rng):
    return x * (np.random.default_rng(rng).random(x.shape, dtype=np.float32) >= p) / (1 - p)


def norms(name, *shapes, **kwargs):
    return [Case(name, getattr(ops, name), globals()[name], s, (-2.0, 3.0), kwargs=kwargs) for s in shapes]


def losses(target, weight=(), **kwargs):
    fixed = (2,) if len(weight) else ()
    inputs = [(4, 5), target, *([weight] if len(weight) else [])]
    return Case("cross_entropy", ops.cross_entropy, cross_entropy, inputs, kwargs=kwargs, fixed=fixed)


def attends(q, k, v, *mask, **kwargs):
    op = ops.scaled_dot_product_attention
    fixed = (3,) if mask and np.isinf(mask[0]).any() else ()
    return Case("scaled_dot_product_attention", op, attention, [q, k, v, *mask], kwargs=kwargs, fixed=fixed)


CASES = [
    Case("softmax", ops.softmax, softmax, [(3, 5)]),
    Case("softmax", ops.softmax, softmax, [(3, 5, 2)], kwargs={"axis": 1}),
    Case("softmax", ops.softmax, softmax, [(5,)], (-50.0, 50.0), kwargs={"axis": 0}),
    Case("log_softmax", ops.log_softmax, lambda x, axis=-1: np.log(softmax(x, axis)), [(3, 5)]),
    Case("log_softmax", ops.log_softmax, lambda x, axis: np.log(softmax(x, axis)), [(3, 5, 2)], kwargs={"axis": 0}),
    losses(LABELS),
    losses(LABELS, label_smoothing=0.2),
    losses(LABELS, CLASS_WEIGHT),
    losses(LABELS, CLASS_WEIGHT, label_smoothing=0.1, reduction="none"),
    losses(np.maximum(LABELS, 0), reduction="sum"),
    losses(np.maximum(LABELS, 0), ignore_index=0),
    losses(SOFT),
    losses(SOFT, CLASS_WEIGHT, label_smoothing=0.1, reduction="sum"),
    Case("dropout", ops.dropout, dropout, [(3, 4)], kwargs={"p": 0.4, "rng": 5}),
    Case("dropout", ops.dropout, dropout, [(3, 4)], kwargs={"p": 0.0, "rng": 5}),
    *norms("layer_norm", [(3, 6), (6,), (6,)], [(2, 3, 4), (4,), (4,)], [(3, 6)], [(3, 6), (6,)]),
    *norms("layer_norm", [(3, 6), (6,), (6,)], eps=0.1),
    *norms("rms_norm", [(3, 6), (6,)], [(2, 3, 4)]),
    *norms("group_norm", [(2, 5, 6), (6,), (6,)], [(2, 3, 2, 6)], groups=3),
    *norms("group_norm", [(2, 4, 4), (4,)], groups=1),
    *norms("group_norm", [(2, 4, 3), (3,), (3,)], groups=3),
    *norms("batch_norm", [(4, 3, 6), (6,), (6,)], [(5, 3), (3,), (3,)], [(5, 3)]),
    attends((2, 3, 4), (2, 5, 4), (2, 5, 6)),
    attends((3, 4), (3, 4), (3, 4), causal=True),
    attends((2, 3, 4), (2, 5, 4), (2, 5, 6), SEEN, scale=0.3),
    attends((2, 2, 3, 4), (2, 2, 5, 4), (2, 2, 5, 2), ADDED),
    attends((2, 3, 4), (2, 5, 4), (2, 5, 2), (1, 5)),
]
