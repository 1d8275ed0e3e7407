"""Losses: formulas in float64, PyTorch where present, gradients, and one clear line for bad input."""

import numpy as np
import pytest

from minidl import nn
from minidl.autograd import check_grads, tensor
from minidl.errors import ArgumentError, DTypeError, ShapeError
from minidl.nn import losses

rng = np.random.default_rng(0)
X = rng.standard_normal((6, 5))
Y = np.array([0, 4, 2, -100, 1, 3])
W = np.array([1.0, 2.0, 0.5, 1.5, 3.0])
D = rng.standard_normal((6, 5))
P = np.exp(D) / np.exp(D).sum(-1, keepdims=True)
BITS = (D > 0).astype(float)
LOG_Q = X - np.log(np.exp(X).sum(-1, keepdims=True))
SEEN = Y >= 0


def _ce(x, y, w, smoothing=0.0):
    log_p = x - np.log(np.exp(x).sum(-1, keepdims=True))
    wish = np.eye(5)[np.where(y >= 0, y, 0)] * (1 - smoothing) + smoothing / 5
    rows = -(wish * w * log_p).sum(-1)[y >= 0]
    return rows.sum() / w[y[y >= 0]].sum()


FORMULAS = [
    ("ce", losses.cross_entropy, (X, Y), {}, _ce(X, Y, np.ones(5))),
    ("ce weighted", losses.cross_entropy, (X, Y), {"weight": W}, _ce(X, Y, W)),
    ("ce smoothed", losses.cross_entropy, (X, Y), {"label_smoothing": 0.1}, _ce(X, Y, np.ones(5), 0.1)),
    ("ce soft", losses.cross_entropy, (X, P), {}, -(P * LOG_Q).sum(-1).mean()),
    ("nll", losses.nll, (LOG_Q, Y), {"weight": W}, _ce(X, Y, W)),
    ("mse", losses.mse, (X, D), {}, ((X - D) ** 2).mean()),
    ("l1", losses.l1, (X, D), {}, abs(X - D).mean()),
    ("huber", losses.huber, (X, D), {"delta": 0.7},
     np.where(abs(X - D) < 0.7, 0.5 * (X - D) ** 2, 0.7 * (abs(X - D) - 0.35)).mean()),
    ("bce", losses.bce_with_logits, (X, BITS), {},
     -(BITS * np.log(1 / (1 + np.exp(-X))) + (1 - BITS) * np.log(1 / (1 + np.exp(X)))).mean()),
    ("bce pos", losses.bce_with_logits, (X, BITS), {"pos_weight": 3.0},
     -(3 * BITS * np.log(1 / (1 + np.exp(-X))) + (1 - BITS) * np.log(1 / (1 + np.exp(X)))).mean()),
    ("hinge", losses.hinge, (X, 2 * BITS - 1), {}, np.maximum(0, 1 - (2 * BITS - 1) * X).mean()),
    ("kl", losses.kl_divergence, (LOG_Q, P), {}, (P * (np.log(P) - LOG_Q)).sum(-1).mean()),
    ("kl log", losses.kl_divergence, (LOG_Q, np.log(P)), {"log_target": True},
     (P * (np.log(P) - LOG_Q)).sum(-1).mean()),
]  # fmt: skip


@pytest.mark.parametrize(("name", "loss", "args", "kwargs", "expected"), FORMULAS, ids=[f[0] for f in FORMULAS])
def test_formula_and_gradient(name, loss, args, kwargs, expected):
    np.testing.assert_allclose(loss(tensor(args[0]), args[1], **kwargs).item(), expected, rtol=1e-12)
    small = args[0].astype(np.float32)
    target = args[1].astype(np.float32) if args[1].dtype.kind == "f" else args[1]
    kwargs32 = {k: v.astype(np.float32) if hasattr(v, "dtype") else v for k, v in kwargs.items()}
    y = loss(tensor(small, requires_grad=True), target, **kwargs32)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.item(), expected, rtol=1e-5)
    check_grads(lambda x: loss(x, args[1], **kwargs), args[0], order=2)


def test_multi_margin_formula_and_gradient():
    y = np.array([0, 4, 2, 0, 1, 3])
    rows = [sum(max(0, 0.5 - x[k] + x[j]) for j in range(5) if j != k) / 5 for x, k in zip(X, y, strict=True)]
    expected = np.mean(rows)
    np.testing.assert_allclose(losses.multi_margin(X, y, margin=0.5).item(), expected, rtol=1e-12)
    check_grads(lambda x: losses.multi_margin(x, y, margin=0.5), X, order=1)


@pytest.mark.parametrize(("name", "loss", "args", "kwargs", "expected"), FORMULAS, ids=[f[0] for f in FORMULAS])
def test_reductions_agree(name, loss, args, kwargs, expected):
    rows = loss(tensor(args[0]), args[1], reduction="none", **kwargs).numpy()
    assert rows.shape in (args[0].shape, args[0].shape[:-1])
    np.testing.assert_allclose(loss(tensor(args[0]), args[1], reduction="sum", **kwargs).item(), rows.sum(), rtol=1e-12)
    with pytest.raises(ArgumentError, match="reduction"):
        loss(tensor(args[0]), args[1], reduction="average", **kwargs)


def test_against_torch():
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    x, d, p, bits = map(torch.tensor, (X, D, P, BITS))
    y, w, log_q = torch.tensor(Y), torch.tensor(W), torch.tensor(LOG_Q)
    clean = np.where(SEEN, Y, 0)
    pairs = [
        (losses.cross_entropy(X, Y, W, label_smoothing=0.2), f.cross_entropy(x, y, w, label_smoothing=0.2)),
        (losses.cross_entropy(X, P, W, label_smoothing=0.2), f.cross_entropy(x, p, w, label_smoothing=0.2)),
        (losses.nll(LOG_Q, Y, W), f.nll_loss(log_q, y, w)),
        (losses.huber(X, D, 0.5), f.huber_loss(x, d, delta=0.5)),
        (losses.bce_with_logits(X, BITS, W), f.binary_cross_entropy_with_logits(x, bits, pos_weight=w)),
        (losses.multi_margin(X, clean), f.multi_margin_loss(x, torch.tensor(clean))),
        (losses.kl_divergence(LOG_Q, P), f.kl_div(log_q, p, reduction="batchmean")),
    ]
    for ours, theirs in pairs:
        np.testing.assert_allclose(np.asarray(ours), theirs.numpy(), rtol=1e-10)


def test_extreme_logits_stay_finite():
    x = tensor(np.float32([-1e4, 0, 1e4, 1e4]), requires_grad=True)
    y = losses.bce_with_logits(x, np.float32([0, 1, 1, 0]))
    y.backward()
    np.testing.assert_allclose(y.item(), (np.log(2) + 1e4) / 4, rtol=1e-6)
    assert np.isfinite(x.grad).all()


def test_kl_counts_zero_probability_as_zero():
    p = np.array([[0.0, 1.0]])
    np.testing.assert_allclose(losses.kl_divergence(np.log([[0.5, 0.5]]), p).item(), np.log(2), rtol=1e-12)


def test_all_targets_ignored_is_zero():
    y = np.full(6, -100)
    for loss in (losses.cross_entropy, losses.nll):
        x = tensor(X, requires_grad=True)
        value = loss(x, y)
        value.backward()
        assert value.item() == 0
        assert not x.grad.any()


def test_integer_and_boolean_targets_serve_as_numbers():
    x = tensor(X.astype(np.float32))
    assert losses.bce_with_logits(x, BITS.astype(int)).dtype == np.float32
    as_bool, as_float = (losses.bce_with_logits(x, BITS.astype(t)).item() for t in (bool, np.float32))
    assert as_bool == as_float


F = X.astype(np.float32)
FAULTS = [
    (ShapeError, r"\(6, 1\), target \(6,\)", losses.mse, F[:, :1], F[:, 0]),
    (ShapeError, r"\(6, 5\), target \(5,\)", losses.l1, F, F[0]),
    (ShapeError, "empty", losses.mse, F[:0], F[:0]),
    (ShapeError, "empty", losses.cross_entropy, F[:0], Y[:0]),
    (ShapeError, "empty", losses.nll, F[:0], Y[:0]),
    (ShapeError, r"\(6,\)", losses.cross_entropy, F, Y[:5]),
    (ShapeError, r"\(6,\)", losses.nll, F, Y[:5]),
    (ArgumentError, r"class 5 .*\[0, 5\)", losses.cross_entropy, F, Y + 1 + 100 * (Y < 0)),
    (ArgumentError, r"class 5 .*\[0, 5\)", losses.nll, F, np.where(SEEN, Y + 1, -100)),
    (ArgumentError, r"class -1 ", losses.multi_margin, F, np.full(6, -1)),
    (DTypeError, "integer", losses.nll, F, F[:, 0]),
    (DTypeError, "floating", losses.mse, Y, Y),
    (ArgumentError, "-1 or 1", losses.hinge, F, BITS),
    (ArgumentError, r"\[0, 1\]", losses.bce_with_logits, F, 2 * BITS.astype(np.float32) - 1),
    (ArgumentError, "log_target", losses.kl_divergence, F, F),
]


@pytest.mark.parametrize(("error", "message", "loss", "prediction", "target"), FAULTS)
def test_bad_input_is_one_clear_line(error, message, loss, prediction, target):
    with pytest.raises(error, match=message) as caught:
        loss(tensor(prediction), target)
    assert "\n" not in str(caught.value)


MODULES = [
    (nn.CrossEntropyLoss(W, label_smoothing=0.1), lambda: losses.cross_entropy(X, Y, W, label_smoothing=0.1), (X, Y)),
    (nn.NLLLoss(W), lambda: losses.nll(LOG_Q, Y, W), (LOG_Q, Y)),
    (nn.MSELoss(), lambda: losses.mse(X, D), (X, D)),
    (nn.L1Loss("sum"), lambda: losses.l1(X, D, "sum"), (X, D)),
    (nn.HuberLoss(0.3), lambda: losses.huber(X, D, 0.3), (X, D)),
    (nn.BCEWithLogitsLoss(W), lambda: losses.bce_with_logits(X, BITS, W), (X, BITS)),
    (nn.HingeLoss(0.5), lambda: losses.hinge(X, 2 * BITS - 1, 0.5), (X, 2 * BITS - 1)),
    (nn.MultiMarginLoss(), lambda: losses.multi_margin(X, abs(Y) % 5), (X, abs(Y) % 5)),
    (nn.KLDivLoss(), lambda: losses.kl_divergence(LOG_Q, P), (LOG_Q, P)),
]


@pytest.mark.parametrize(("module", "function", "args"), MODULES, ids=[type(m[0]).__name__ for m in MODULES])
def test_modules_are_the_functions(module, function, args):
    np.testing.assert_array_equal(np.asarray(module(tensor(args[0]), args[1]).item()), np.asarray(function()))
    assert module.parameters() == []
