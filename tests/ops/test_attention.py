"""Blocked attention: against its plain definition, PyTorch, and the rows and blocks where it could go wrong."""

import numpy as np
import pytest

from minidl.autograd import check_grads, grad_of, tensor
from minidl.errors import DTypeError, ShapeError
from minidl.ops import attention
from minidl.ops.attention import scaled_dot_product_attention as attend


def qkv(lead=(2, 3), t=5, s=7, d=4, e=6, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((*lead, *shape)).astype(dtype) for shape in ((t, d), (s, d), (s, e))]


def masks():
    rng = np.random.default_rng(5)
    some = rng.random((2, 3, 5, 7)) > 0.4
    nothing = some.copy()
    nothing[0, 1, 2] = False
    additive = rng.standard_normal((5, 7))
    barred = additive.copy()
    barred[1, ::2] = -np.inf
    barred[2] = -np.inf
    per_sequence = np.array([[1, 1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1]], bool)[:, None, None]
    return {"none": None, "bool": some, "row of nothing": nothing, "additive": additive, "barred": barred,
            "per sequence": per_sequence}  # fmt: skip


def both(arrays, mask, **options):
    results = []
    for call in (attend, attend.plain):
        inputs = [tensor(a, requires_grad=True) for a in arrays]
        y = call(*inputs, mask, **options)
        g = np.random.default_rng(9).standard_normal(y.shape).astype(y.dtype)
        results.append([y.numpy(), *grad_of(y, inputs, [g])])
    return results


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("mask", masks().values(), ids=masks().keys())
def test_fast_equals_definition(mask, causal):
    for fast, plain in zip(*both(qkv(), mask, causal=causal), strict=True):
        assert np.isfinite(fast).all()
        np.testing.assert_allclose(fast, plain, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("lead", [(), (3,), (2, 3), (2, 1, 3)])
@pytest.mark.parametrize(("t", "s"), [(5, 7), (7, 5), (1, 1)])
def test_any_number_of_leading_axes(lead, t, s):
    for fast, plain in zip(*both(qkv(lead, t, s), None, causal=True, scale=0.3), strict=True):
        np.testing.assert_allclose(fast, plain, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
def test_many_blocks(causal, monkeypatch):
    """Small blocks give the same numbers as one block."""
    arrays = qkv((3, 5), t=37, s=41)
    mask = np.random.default_rng(1).random((3, 1, 37, 41)) > 0.5
    whole, _ = both(arrays, mask, causal=causal)
    backend = type("Small", (), {"block_elems": 256})
    monkeypatch.setattr(attention, "backend_of", lambda a: backend)
    parts, plain = both(arrays, mask, causal=causal)
    for a, b, c in zip(whole, parts, plain, strict=True):
        np.testing.assert_allclose(a, c, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(b, c, rtol=1e-10, atol=1e-12)


def test_query_that_may_attend_to_nothing_gives_zeros():
    q, k, v = qkv()
    y = attend(q, k, v, masks()["row of nothing"])
    assert not y[0, 1, 2].any()
    assert y[0, 1, 1].any()


def test_gradients_to_second_order():
    q, k, v = qkv((2,), t=3, s=4)
    check_grads(lambda *a: attend(*a, causal=True), q, k, v, order=2, rtol=1e-4)


def test_gradient_of_an_additive_mask():
    q, k, v = qkv()
    bias = np.random.default_rng(2).standard_normal((3, 1, 7))
    check_grads(lambda *a: attend(*a), q, k, v, bias, order=2, rtol=1e-4)


def test_scores_of_any_size_do_not_overflow():
    q, k, v = qkv(dtype=np.float32)
    y = attend(1e3 * q, 1e3 * k, v)
    assert np.isfinite(y).all()
    np.testing.assert_allclose(y, attend.plain(1e3 * q, 1e3 * k, v), rtol=1e-4, atol=1e-5)
    assert y.dtype == np.float32


def test_heads_are_merged_without_a_copy():
    y = attend(*qkv())
    assert y.swapaxes(1, 2).flags.c_contiguous


@pytest.mark.parametrize("causal", [False, True])
def test_against_torch(causal):
    torch = pytest.importorskip("torch")
    arrays = qkv(t=6, s=6)
    theirs = [torch.from_numpy(a).requires_grad_() for a in arrays]
    expected = torch.nn.functional.scaled_dot_product_attention(*theirs, is_causal=causal)
    g = np.random.default_rng(4).standard_normal(expected.shape)
    expected.backward(torch.from_numpy(g))
    inputs = [tensor(a, requires_grad=True) for a in arrays]
    y = attend(*inputs, causal=causal)
    np.testing.assert_allclose(y.numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-12)
    for a, b in zip(grad_of(y, inputs, [g]), theirs, strict=True):
        np.testing.assert_allclose(a, b.grad.numpy(), rtol=1e-9, atol=1e-11)


def test_bad_input():
    q, k, v = qkv()
    with pytest.raises(ShapeError, match="equal leading axes"):
        attend(q[:1], k, v)
    with pytest.raises(ShapeError, match="equal leading axes"):
        attend(q[..., :-1], k, v)
    with pytest.raises(ShapeError, match="no keys"):
        attend(q, k[..., :0, :], v[..., :0, :])
    with pytest.raises(ShapeError, match=r"mask of shape \(5, 6\)"):
        attend(q, k, v, np.ones((5, 6), bool))
    with pytest.raises(DTypeError, match="True = may attend"):
        attend(q, k, v, np.ones((5, 7), int))
