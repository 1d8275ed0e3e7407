"""Derivatives as functions (grad, value_and_grad, jacobian, hvp), modes, recomputation and the gradient check."""

import threading
import tracemalloc
from typing import NamedTuple

import numpy as np
import pytest

import minidl as dl
from minidl import Tensor, nn
from minidl.errors import ArgumentError, GraphError

A = np.array([[2.0, 1.0], [1.0, 3.0]])
X = np.array([0.5, -1.5])


class Pair(NamedTuple):
    w: np.ndarray
    b: np.ndarray


def quadratic(x):
    return (x * (A @ x)).sum() * 0.5 + (x**3).sum()


def test_grad_of_a_function_and_of_a_tensor():
    np.testing.assert_allclose(dl.grad(quadratic)(X), A @ X + 3 * X**2)
    x = Tensor(X, requires_grad=True)
    np.testing.assert_allclose(dl.grad(quadratic(x), x), A @ X + 3 * X**2)


def test_value_and_grad_of_a_tree_of_parameters():
    parameters = {"w": np.ones((2, 3), np.float32), "layers": [np.zeros(3, np.float32), np.ones(3, np.float32)]}

    def loss(p, x):
        return ((x @ p["w"] + p["layers"][0]) * p["layers"][1]).sum()

    value, g = dl.value_and_grad(loss)(parameters, np.ones((4, 2), np.float32))
    assert float(value) == 24.0
    np.testing.assert_array_equal(g["w"], np.full((2, 3), 4.0))
    np.testing.assert_array_equal(g["layers"][0], np.full(3, 4.0))
    np.testing.assert_array_equal(g["layers"][1], np.full(3, 8.0))


def test_jacobian():
    j = dl.jacobian(lambda x: dl.stack([x[0] * x[1], x[1] ** 2, x[0]]), X)
    np.testing.assert_allclose(j, [[X[1], X[0]], [0, 2 * X[1]], [1, 0]])


def test_jacobian_of_nothing_and_of_no_tensor():
    assert dl.jacobian(lambda x: x[:0], np.ones(3)).shape == (0, 3)
    assert dl.jacobian(lambda x: x[:0], Tensor(np.ones((3, 2)))).shape == (0, 2, 3, 2)
    with pytest.raises(GraphError, match="jacobian: the function must return one Tensor, not tuple"):
        dl.jacobian(lambda x: (x, x), np.ones(3))


def test_gradients_of_named_tuples_and_of_no_argument():
    g = dl.grad(lambda p: (p.w * p.b).sum())(Pair(np.ones(2), np.full(2, 3.0)))
    assert isinstance(g, Pair)
    np.testing.assert_array_equal(g.w, [3, 3])
    with pytest.raises(ArgumentError, match="argnums=2 names an argument that is not there; 1 were given"):
        dl.grad(lambda x: x.sum(), argnums=2)(np.ones(2))


def test_hessian_vector_product_is_that_of_the_dense_hessian():
    v = np.array([0.3, -2.0])
    np.testing.assert_allclose(dl.hvp(quadratic, X, v), (A + np.diag(6 * X)) @ v)


def test_every_order_of_derivative():
    x = Tensor(np.array(0.7), requires_grad=True)
    y = dl.sin(x)
    for k in range(1, 6):
        y = dl.grad(y, x, create_graph=True)
        np.testing.assert_allclose(y.numpy(), np.sin(0.7 + k * np.pi / 2), rtol=1e-12)


def test_no_grad_and_enable_grad():
    x = Tensor(X, requires_grad=True)
    with dl.no_grad():
        assert (x * 2).node is None
        with dl.enable_grad():
            assert (x * 2).node is not None
        assert (x * 2).node is None
    assert (x * 2).node is not None
    with pytest.raises(ZeroDivisionError), dl.no_grad():
        raise ZeroDivisionError
    assert (x * 2).node is not None, "the mode comes back after an error"

    @dl.no_grad()
    def f():
        return (x * 2).node

    assert f() is None


def test_modes_belong_to_their_thread():
    seen = []
    with dl.no_grad():
        thread = threading.Thread(target=lambda: seen.append((Tensor(X, requires_grad=True) * 2).node is not None))
        thread.start()
        thread.join(10)
    assert seen == [True]


# -- recomputation ---------------------------------------------------------------------------------------


def peak(f):
    """Bytes that NumPy held at the most while `f` ran."""
    tracemalloc.start()
    try:
        f()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_recompute_gives_the_same_gradient_for_less_memory():
    rng = np.random.default_rng(0)
    blocks = [nn.Sequential(*[m for _ in range(8) for m in (nn.Linear(64, 64), nn.Tanh())]) for _ in range(6)]
    x = rng.standard_normal((512, 64), np.float32)
    parameters = [p for b in blocks for p in b.parameters()]

    def step(through):
        for p in parameters:
            p.zero_grad()
        h = Tensor(x)
        for b in blocks:
            h = through(b, h)
        (h * h).sum().backward()

    plain_peak = peak(lambda: step(lambda b, h: b(h)))
    expected = [p.grad.copy() for p in parameters]
    recomputed_peak = peak(lambda: step(dl.recompute))
    for p, g in zip(parameters, expected, strict=True):
        np.testing.assert_array_equal(p.grad, g)
    assert recomputed_peak < 0.5 * plain_peak


def test_recompute_draws_the_same_dropout():
    drop, x = nn.Dropout(0.5), Tensor(np.ones((4, 50), np.float32), requires_grad=True)
    y = dl.recompute(lambda t: drop(t) * 3, x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.numpy())


def with_and_without_recompute(build, seed=0):
    """What a module's gradients and buffers are both ways: two lists of arrays."""
    results = []
    for through in (lambda m, x: m(x), dl.recompute):
        model, x = build(), Tensor(np.random.default_rng(seed).standard_normal((8, 6), np.float32), requires_grad=True)
        (through(model, x) ** 2).sum().backward()
        results.append([x.grad, *[p.grad for p in model.parameters()], *[b.numpy() for b in model.buffers()]])
    return results


def test_recompute_draws_the_same_numbers_from_a_layers_own_stream():
    def build():
        return nn.Sequential(nn.Linear(6, 6, rng=0), nn.Dropout(0.5, rng=7), nn.Linear(6, 6, rng=1))

    for expected, found in zip(*with_and_without_recompute(build), strict=True):
        np.testing.assert_array_equal(found, expected)
    own = np.random.default_rng(3)
    twin = np.random.default_rng(3)
    x = Tensor(np.ones(9, np.float32), requires_grad=True)
    dl.recompute(lambda t: dl.dropout(t, 0.5, own), x).sum().backward()
    dl.dropout(x, 0.5, twin)
    assert own.random() == twin.random()  # backward has put the stream back


def test_recompute_moves_running_statistics_once():
    def build():
        return nn.Sequential(nn.Linear(6, 6, rng=0), nn.BatchNorm1d(6))

    for expected, found in zip(*with_and_without_recompute(build), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_recompute_of_tensors_in_lists_and_dicts():
    x, z = (Tensor(np.full(2, v), requires_grad=True) for v in (2.0, 3.0))
    y = dl.recompute(lambda pair, named, factor: [pair[0] * named["z"] * factor, pair[1]], (x, x * x), {"z": z * z}, 5)
    (y[0] + y[1]).sum().backward()
    np.testing.assert_allclose(x.grad, 9 * 5 + 2 * 2, rtol=1e-12)
    np.testing.assert_allclose(z.grad, 2 * 5 * 2 * 3, rtol=1e-12)
    with pytest.raises(GraphError, match="recompute: the function must return a Tensor or several, not float"):
        dl.recompute(lambda t: 1.0, x)


# -- checks ----------------------------------------------------------------------------------------------


def test_check_grads_refuses_a_wrong_rule():
    @dl.op
    def wrong(x: "Array"):  # noqa: F821
        return x * x

    wrong.rules(x=lambda g, x: g * 2.001 * x)
    with pytest.raises(AssertionError, match=r"check_grads\(wrong\): the rules give slope"):
        dl.check_grads(wrong, X)


def test_check_grads_refuses_a_wrong_second_order():
    @dl.op
    def forgetful(x: "Array"):  # noqa: F821
        return x**3

    forgetful.rules(x=lambda g, x: g * 3 * (x.detach() if isinstance(x, Tensor) else x) ** 2)
    dl.check_grads(forgetful, X, order=1)
    with pytest.raises(AssertionError, match="gradient of forgetful"):
        dl.check_grads(forgetful, X, order=2)


def test_detect_anomaly_names_the_op_and_the_users_line_in_the_forward():
    with dl.detect_anomaly(), np.errstate(all="ignore"), pytest.raises(GraphError, match=r"^log: .*test_functional\.py:\d+"):
        dl.log(Tensor(np.array([1.0, -1.0]), requires_grad=True))


def test_detect_anomaly_names_the_op_and_the_users_line_in_the_backward():
    x = Tensor(np.array([0.0, 1.0]), requires_grad=True)
    with dl.detect_anomaly(), np.errstate(all="ignore"):
        loss = dl.sqrt(x).sum()
        with pytest.raises(GraphError, match=r"^sqrt: .*backward pass.*'x'.*test_functional\.py:\d+"):
            loss.backward()
    with np.errstate(all="ignore"):
        dl.sqrt(x).sum().backward()  # outside the block nobody looks
