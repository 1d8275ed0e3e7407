"""Fused recurrent ops: against their plain definition, against each sequence alone, and against PyTorch."""

import numpy as np
import pytest

from minidl.autograd import check_grads, grad_of, tensor
from minidl.errors import ArgumentError, DTypeError, ShapeError
from minidl.ops.recurrent import rnn
from minidl.ops.recurrent_gru import gru
from minidl.ops.recurrent_lstm import lstm

T, N, F, H = 5, 4, 3, 6
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
OPS = {"rnn": rnn, "lstm": lstm, "gru": gru}
LENGTHS = {"all": None, "varying": np.array([5, 2, 0, 3])}


def arguments(name, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    g = GATES[name] * H
    arrays = [rng.standard_normal(s) for s in ((T, N, F), (F, g), (H, g), (g,))]
    arrays[2] *= 0.5
    if name == "gru":
        arrays.append(rng.standard_normal(g))
    arrays.append(rng.standard_normal((N, H)))
    if name == "lstm":
        arrays.append(rng.standard_normal((N, H)))
    return [a.astype(dtype) for a in arrays]


def kinds():
    for name in OPS:
        for lengths in LENGTHS:
            for reverse in (False, True):
                yield pytest.param(name, LENGTHS[lengths], reverse, id=f"{name}-{lengths}-{reverse}")


@pytest.mark.parametrize(("name", "lengths", "reverse"), list(kinds()))
def test_fast_equals_definition(name, lengths, reverse):
    arrays = arguments(name)
    rng = np.random.default_rng(1)
    fused = [tensor(a, requires_grad=True) for a in arrays]
    plain = [tensor(a, requires_grad=True) for a in arrays]
    ys = OPS[name](*fused, lengths=lengths, reverse=reverse)
    zs = OPS[name].plain(*plain, lengths=lengths, reverse=reverse)
    gs = [rng.standard_normal(y.shape) for y in ys]
    for y, z in zip(ys, zs, strict=True):
        np.testing.assert_allclose(y.numpy(), z.numpy(), rtol=1e-12, atol=1e-14)
    for a, b in zip(grad_of(ys, fused, gs), grad_of(zs, plain, gs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", OPS)
def test_gradient_along_a_direction(name):
    check_grads(lambda *a: OPS[name](*a, lengths=LENGTHS["varying"], reverse=True), *arguments(name), order=1)


@pytest.mark.parametrize("name", OPS)
def test_second_order_goes_through_the_definition(name):
    arrays = arguments(name)
    arrays[0] = arrays[0][:2]
    check_grads(lambda *a: OPS[name](*a)[0], *arrays, order=2, rtol=1e-4)


def test_relu_rnn():
    check_grads(lambda *a: rnn(*a, activation="relu")[0], *arguments("rnn", seed=3), order=1)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", OPS)
def test_each_sequence_as_if_alone(name, reverse):
    x, w_ih, w_hh, *rest = arguments(name)
    lengths = LENGTHS["varying"]
    biases, first = [a for a in rest if a.ndim == 1], [a for a in rest if a.ndim == 2]
    y, *final = OPS[name](x, w_ih, w_hh, *biases, *first, lengths=lengths, reverse=reverse)
    for n, length in enumerate(lengths):
        assert not y[length:, n].any()
        start = [s[n : n + 1] for s in first]
        if length == 0:
            expected = start
        else:
            own = x[:length, n : n + 1][:: -1 if reverse else 1]
            y_own, *expected = OPS[name](own, w_ih, w_hh, *biases, *start)
            np.testing.assert_allclose(y[:length, n], y_own[:: -1 if reverse else 1, 0], rtol=1e-12, atol=1e-14)
        for a, b in zip(final, expected, strict=True):
            np.testing.assert_allclose(a[n], b[0], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", OPS)
def test_only_final_state_used(name):
    """No gradient reaches y; the sweep starts from the final state alone."""
    arrays = [tensor(a, requires_grad=True) for a in arguments(name)]
    plain = [tensor(a, requires_grad=True) for a in arguments(name)]
    g = np.ones((N, H))
    found = grad_of([OPS[name](*arrays)[1]], arrays, [g])
    wanted = grad_of([OPS[name].plain(*plain)[1]], plain, [g])
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", OPS)
def test_stays_float32_and_leaves_inputs_alone(name):
    arrays = arguments(name, dtype=np.float32)
    copies = [a.copy() for a in arrays]
    inputs = [tensor(a, requires_grad=True) for a in arrays]
    y = OPS[name](*inputs)[0]
    grads = grad_of(y, inputs, [np.ones(y.shape, np.float32)])
    assert {a.dtype for a in (y, *grads)} == {np.dtype(np.float32)}
    for a, b in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", OPS)
def test_against_torch(name):
    torch = pytest.importorskip("torch")
    x, w_ih, w_hh, b, *rest = arguments(name)
    layer = getattr(torch.nn, name.upper())(F, H).double()
    theirs = dict(layer.named_parameters())
    b_hh = rest[0] if name == "gru" else np.zeros_like(b)
    with torch.no_grad():
        for key, value in (("weight_ih", w_ih.T), ("weight_hh", w_hh.T), ("bias_ih", b), ("bias_hh", b_hh)):
            theirs[key + "_l0"].copy_(torch.from_numpy(np.ascontiguousarray(value)))
    first = [torch.from_numpy(a[None]) for a in rest if a.ndim == 2]
    tx = torch.from_numpy(x).requires_grad_()
    ty, _ = layer(tx, tuple(first) if len(first) > 1 else first[0])
    (ty * ty).sum().backward()
    inputs = [tensor(a, requires_grad=True) for a in (x, w_ih, w_hh, b, *rest)]
    y = OPS[name](*inputs)[0]
    gx, g_ih, g_hh, *_ = grad_of(y, inputs, [2 * y.numpy()])
    np.testing.assert_allclose(y.numpy(), ty.detach().numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(gx, tx.grad.numpy(), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(g_ih.T, theirs["weight_ih_l0"].grad.numpy(), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(g_hh.T, theirs["weight_hh_l0"].grad.numpy(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", OPS)
def test_bad_input(name):
    x, w_ih, w_hh, *_ = arguments(name)
    call = OPS[name]
    with pytest.raises(ShapeError, match=r"time, batch, features"):
        call(x[0], w_ih, w_hh)
    with pytest.raises(ShapeError, match="w_ih of shape"):
        call(x, w_ih[:-1], w_hh)
    with pytest.raises(ShapeError, match="w_hh must have shape"):
        call(x, w_ih, w_hh[:-1])
    with pytest.raises(ShapeError, match="bias"):
        call(x, w_ih, w_hh, np.zeros(1))
    with pytest.raises(DTypeError, match="float32, float64"):
        call(x, w_ih.astype(np.float32), w_hh)
    with pytest.raises(ArgumentError, match=r"\[0, 5\]"):
        call(x, w_ih, w_hh, lengths=[6, 1, 1, 1])
    with pytest.raises(ShapeError, match="lengths"):
        call(x, w_ih, w_hh, lengths=[1, 2])
    with pytest.raises(DTypeError, match="integers"):
        call(x, w_ih, w_hh, lengths=[1.0, 2.0, 1.0, 1.0])


def test_unknown_activation():
    with pytest.raises(ArgumentError, match="'tanh' or 'relu'"):
        rnn(*arguments("rnn"), activation="gelu")
