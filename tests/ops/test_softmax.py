"""Softmax, log-softmax and cross-entropy: definitions, PyTorch, extremes, and what bad input gets."""

import itertools
import sys

import numpy as np
import pytest

from minidl.autograd import check_grads, grad_of, tensor
from minidl.errors import ArgumentError, DTypeError, ShapeError
from minidl.ops.cross_entropy import cross_entropy
from minidl.ops.softmax import log_softmax, softmax

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 3, 5))
LABELS = RNG.integers(0, 5, (4, 3))
IGNORED = np.where(RNG.random((4, 3)) < 0.3, -100, LABELS)
SOFT = RNG.dirichlet(np.ones(5), (4, 3))
WEIGHT = RNG.uniform(0.5, 2, 5)
TARGETS = {"labels": LABELS, "some ignored": IGNORED, "soft": SOFT}


@pytest.mark.parametrize("axis", [-1, 2, 1, 0, -3])
@pytest.mark.parametrize("op", [softmax, log_softmax])
def test_forward_and_fast_rule(op, axis):
    e = np.exp(X - X.max(axis, keepdims=True))
    p = e / e.sum(axis, keepdims=True)
    x = tensor(X, requires_grad=True)
    y = op(x, axis=axis)
    np.testing.assert_allclose(y.numpy(), p if op is softmax else np.log(p), rtol=1e-12)
    g = np.random.default_rng(1).standard_normal(X.shape)
    (fast,) = grad_of(y, [x], [g])
    (generic,) = grad_of(op(x, axis=axis), [x], [tensor(g)], create_graph=True)
    np.testing.assert_allclose(fast, generic.numpy(), rtol=1e-10, atol=1e-13)
    check_grads(lambda a: op(a, axis=axis), X, order=2, rtol=1e-4)


@pytest.mark.parametrize("op", [softmax, log_softmax])
def test_rows_of_very_different_size(op):
    """Short rows share one shift; a row that would underflow beside a larger one gets its own."""
    x = np.array([[1000.0, 999.0], [-1000.0, -1001.0], [0.0, -np.inf]], np.float32)
    expected = np.array([[0.7310586, 0.2689414]] * 2 + [[1.0, 0.0]], np.float32)
    y = op(x)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y if op is softmax else np.exp(y), expected, rtol=1e-6)


@pytest.mark.parametrize("op", [softmax, log_softmax])
def test_softmax_bad_axis(op):
    with pytest.raises(ShapeError, match="axis 3"):
        op(X, axis=3)
    with pytest.raises(ShapeError, match="empty"):
        op(np.ones((3, 0)))


@pytest.mark.parametrize(
    ("target", "weighted", "reduction", "smoothing"),
    list(itertools.product(TARGETS, [False, True], ["mean", "sum", "none"], [0.0, 0.2])),
)
def test_cross_entropy_fast_equals_definition_and_torch(target, weighted, reduction, smoothing):
    weight, t = WEIGHT if weighted else None, TARGETS[target]
    options = {"reduction": reduction, "label_smoothing": smoothing}
    results = []
    for call in (cross_entropy, cross_entropy.plain):
        x = tensor(X, requires_grad=True)
        y = call(x, t, weight, **options)
        g = np.random.default_rng(1).standard_normal(y.shape)
        results.append((y.numpy(), grad_of(y, [x], [g])[0]))
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13)
    torch = pytest.importorskip("torch")
    tx = torch.from_numpy(X).requires_grad_()
    flat = torch.from_numpy(t.reshape(-1, 5) if target == "soft" else t.reshape(-1))
    theirs = torch.nn.functional.cross_entropy(
        tx.reshape(-1, 5), flat, weight=None if weight is None else torch.from_numpy(weight), **options
    )
    np.testing.assert_allclose(results[0][0].reshape(-1), theirs.detach().numpy().reshape(-1), rtol=1e-10)
    theirs.backward(torch.from_numpy(np.asarray(g).reshape(theirs.shape)))
    np.testing.assert_allclose(results[0][1], tx.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_cross_entropy_gradients_to_second_order():
    check_grads(lambda x: cross_entropy(x, IGNORED, WEIGHT, label_smoothing=0.1), X, order=2, rtol=1e-4)


def test_cross_entropy_gradient_of_soft_targets():
    check_grads(lambda x, t: cross_entropy(x, t, WEIGHT, label_smoothing=0.1), X, SOFT, order=2, rtol=1e-4)


def test_cross_entropy_in_many_blocks(monkeypatch):
    whole = cross_entropy(X, LABELS, label_smoothing=0.1)
    monkeypatch.setattr(sys.modules["minidl.ops.cross_entropy"], "rows_per_block", lambda rows: 5)
    np.testing.assert_allclose(cross_entropy(X, LABELS, label_smoothing=0.1), whole, rtol=1e-12)
    check_grads(lambda x: cross_entropy(x, LABELS, WEIGHT, label_smoothing=0.1), X, order=1)


def test_cross_entropy_of_nothing_but_ignored_rows_is_zero():
    x = tensor(X, requires_grad=True)
    loss = cross_entropy(x, np.full((4, 3), -100))
    assert loss.item() == 0
    assert not grad_of(loss, [x])[0].any()


def test_cross_entropy_keeps_float32_and_survives_large_logits():
    x = tensor((X * 1e4).astype(np.float32), requires_grad=True)
    loss = cross_entropy(x, LABELS)
    (g,) = grad_of(loss, [x])
    assert loss.dtype == g.dtype == np.float32
    assert np.isfinite(loss.numpy()) and np.isfinite(g).all()


def test_cross_entropy_bad_input():
    with pytest.raises(ArgumentError, match=r"class 5 .* \[0, 5\)"):
        cross_entropy(X, np.full((4, 3), 5))
    with pytest.raises(ArgumentError, match="class -100"):
        cross_entropy(X, IGNORED, ignore_index=None)
    with pytest.raises(ShapeError, match=r"\(4, 3\), not \(4,\)"):
        cross_entropy(X, LABELS[:, 0])
    with pytest.raises(ShapeError, match="probabilities"):
        cross_entropy(X, SOFT[0])
    with pytest.raises(ShapeError, match="one for each class"):
        cross_entropy(X, LABELS, WEIGHT[:2])
    with pytest.raises(DTypeError, match="target must be"):
        cross_entropy(X, LABELS > 2)
    with pytest.raises(DTypeError, match="floating"):
        cross_entropy(LABELS, LABELS[:, 0])
    with pytest.raises(ArgumentError, match="reduction"):
        cross_entropy(X, LABELS, reduction="max")
    with pytest.raises(ArgumentError, match="label_smoothing"):
        cross_entropy(X, LABELS, label_smoothing=2.0)
    with pytest.raises(ShapeError, match="not be empty"):
        cross_entropy(X[:0], LABELS[:0])
