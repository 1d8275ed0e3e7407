"""Normalisation ops: against their plain definitions and PyTorch; blocks; bad input."""

import sys

import numpy as np
import pytest

from minidl.autograd import check_grads, grad_of, tensor
from minidl.errors import ArgumentError, ShapeError
from minidl.ops.norm import group_norm, layer_norm, rms_norm
from minidl.ops.norm_batch import batch_norm, batch_norm_eval

CASES = {
    "layer": (layer_norm, {}, (4, 3, 6)),
    "rms": (rms_norm, {}, (4, 3, 6)),
    "group": (group_norm, {"groups": 3}, (4, 5, 2, 6)),
    "instance": (group_norm, {"groups": 6}, (2, 5, 6)),
    "batch": (batch_norm, {}, (4, 5, 2, 6)),
    "batch of vectors": (batch_norm, {}, (7, 6)),
}


def arguments(op, shape, vectors=True, dtype=np.float64):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape) * 2 + 5
    n = len(op.array_names) - 1 if vectors else 0
    return [a.astype(dtype) for a in (x, *(rng.standard_normal(shape[-1]) for _ in range(n)))]


def outputs_and_gradients(call, arrays, options):
    inputs = [tensor(a, requires_grad=True) for a in arrays]
    ys = call(*inputs, **options)
    ys = ys if isinstance(ys, tuple) else (ys,)
    rng = np.random.default_rng(1)
    gs = [rng.standard_normal(y.shape).astype(y.dtype) for y in ys]
    return [y.numpy() for y in ys], grad_of(ys, inputs, gs)


@pytest.mark.parametrize("vectors", [True, False])
@pytest.mark.parametrize(("op", "options", "shape"), CASES.values(), ids=CASES.keys())
def test_fast_equals_definition(op, options, shape, vectors):
    arrays = arguments(op, shape, vectors)
    ys, gs = outputs_and_gradients(op, arrays, options)
    zs, hs = outputs_and_gradients(op.plain, arrays, options)
    for a, b in zip(ys + gs, zs + hs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize(("op", "options", "shape"), CASES.values(), ids=CASES.keys())
def test_gradients_to_second_order(op, options, shape):
    def only_y(*a):
        y = op(*a, **options)
        return y[0] if isinstance(y, tuple) else y

    check_grads(only_y, *arguments(op, shape), order=2, rtol=1e-4)


@pytest.mark.parametrize(("op", "options", "shape"), CASES.values(), ids=CASES.keys())
def test_many_blocks_equal_one(op, options, shape, monkeypatch):
    arrays = arguments(op, (8, *shape))
    whole = outputs_and_gradients(op, arrays, options)
    for module in ("minidl.ops.norm", "minidl.ops.norm_batch"):
        monkeypatch.setattr(sys.modules[module], "rows_per_block", lambda rows: 3)
    parts = outputs_and_gradients(op, arrays, options)
    for a, b in zip(whole[0] + whole[1], parts[0] + parts[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("op", "options", "shape"), CASES.values(), ids=CASES.keys())
def test_stays_float32(op, options, shape):
    ys, gs = outputs_and_gradients(op, arguments(op, shape, dtype=np.float32), options)
    assert {a.dtype for a in ys + gs} == {np.dtype(np.float32)}


def test_batch_statistics_without_cancellation():
    """A mean far from zero costs no digits of the variance (mean(x**2) - mean(x)**2 would lose them all)."""
    x = (np.random.default_rng(0).standard_normal((512, 3)) + 3000).astype(np.float32)
    _, mean, var = batch_norm(x)
    np.testing.assert_allclose(mean, x.astype(np.float64).mean(0), rtol=1e-6)
    np.testing.assert_allclose(var, x.astype(np.float64).var(0), rtol=1e-3)


def test_batch_norm_eval_uses_the_given_statistics():
    x, w, b = arguments(batch_norm, (4, 5, 6))
    y, mean, var = batch_norm(x, w, b)
    np.testing.assert_allclose(batch_norm_eval(x, mean, var, w, b), y, rtol=1e-12)
    np.testing.assert_allclose(batch_norm_eval(x, mean, var), batch_norm(x)[0], rtol=1e-12)
    check_grads(lambda *a: batch_norm_eval(a[0], mean, var, *a[1:]), x, w, b, order=2, rtol=1e-4)


def test_against_torch():
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    x, w, b = arguments(layer_norm, (4, 5, 6))
    tx, tw, tb = (torch.from_numpy(a) for a in (x, w, b))
    first = tx.swapaxes(1, 2)
    pairs = [
        (layer_norm(x, w, b), f.layer_norm(tx, (6,), tw, tb)),
        (rms_norm(x, w, 1e-6), f.rms_norm(tx, (6,), tw, 1e-6)),
        (group_norm(x, w, b, 2), f.group_norm(first, 2, tw, tb).swapaxes(1, 2)),
        (batch_norm(x, w, b)[0], f.batch_norm(first, None, None, tw, tb, True).swapaxes(1, 2)),
    ]
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-10, atol=1e-12)


def test_bad_input():
    x = np.ones((4, 6))
    for op in (layer_norm, rms_norm, batch_norm, group_norm):
        with pytest.raises(ShapeError, match=r"shape \(6,\)"):
            op(x, np.ones(5))
        with pytest.raises(ShapeError, match="not be empty"):
            op(x[:0])
    with pytest.raises(ArgumentError, match="divide the 6 channels"):
        group_norm(x, groups=4)
