"""The backward walk: what it computes, what it keeps alive, and what it refuses."""

import gc
import weakref

import numpy as np
import pytest

import minidl as dl
from minidl import Tensor, nn, optim
from minidl.autograd import node as node_module
from minidl.errors import DTypeError, GraphError, RangeError, ShapeError

X = np.array([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]])


def leaf(values=X, dtype=np.float64):
    return Tensor(np.array(values, dtype), requires_grad=True)


# -- what it computes ------------------------------------------------------------------------------------


def test_a_diamond_visits_each_node_once():
    """Two paths from one node: their gradients are summed before the node's own rule runs."""
    calls = []

    @dl.op
    def watched(x: "Array"):  # noqa: F821
        return x * 2

    @watched.rule("x")
    def _(g):
        calls.append(g.copy())
        return g * 2

    x = leaf()
    y = watched(x)
    (y * y + y).sum().backward()
    assert len(calls) == 1
    np.testing.assert_allclose(x.grad, 2 * (2 * (2 * X) + 1))


def test_gradients_of_several_backwards_are_summed():
    x = leaf()
    (x * 3).sum().backward()
    (x * x).sum().backward()
    np.testing.assert_allclose(x.grad, 3 + 2 * X)


def test_a_chain_of_ten_thousand_is_no_deeper_than_any_other():
    x = leaf(1.0)
    y = x
    for _ in range(10_000):
        y = y * 1.0001
    y.backward()
    assert x.grad == pytest.approx(1.0001**10_000)
    del y  # and its graph of ten thousand nodes is freed without recursion, too


def test_of_several_outputs_the_unused_ones_count_as_zero():
    x = leaf()
    _, middle, _ = dl.split(x, 3, axis=1)
    (middle * 5).sum().backward()
    np.testing.assert_array_equal(x.grad, np.array([[0, 5, 0], [0, 5, 0]]))


def test_duplicate_indices_accumulate():
    x = leaf()
    x[[0, 0, 1], [1, 1, 2]].sum().backward()
    np.testing.assert_array_equal(x.grad, [[0, 2, 0], [0, 0, 1]])


def test_a_gradient_for_an_intermediate_tensor():
    x = leaf()
    h = x * 2
    (g,) = dl.grad((h * h).sum(), [h])
    np.testing.assert_allclose(g, 4 * X)
    assert x.grad is None


def test_float16_keeps_its_dtype():
    x = leaf(dtype=np.float16)
    (x * 2).sum().backward()
    assert x.grad.dtype == np.float16


# -- what it keeps ---------------------------------------------------------------------------------------


def test_first_order_makes_no_tensor_and_no_node(monkeypatch):
    """Of a whole training step: counted are the constructions during backward."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 3))
    loss = nn.losses.cross_entropy(model(np.ones((4, 8, 8, 1), np.float32)), np.array([0, 1, 2, 0]))
    made = []
    for kind in (Tensor, node_module.Node, node_module.Output):
        original = kind.__init__
        monkeypatch.setattr(kind, "__init__", lambda self, *a, _o=original, **k: (made.append(self), _o(self, *a, **k))[1])
    loss.backward()
    assert made == []
    assert all(p.grad is not None for p in model.parameters())
    assert model(np.ones((4, 8, 8, 1), np.float32)) is not None and made != []  # the counters do count


def test_a_graph_dies_with_its_last_tensor():
    """By reference count: no cycle that would wait for the garbage collector, with activations in it."""
    gc.collect()
    gc.disable()
    try:
        x = leaf()
        h = dl.exp(x)
        array, node = weakref.ref(h.data), h.node
        loss = (h * 2).sum()
        del h
        assert array() is not None, "exp keeps its output for its rule"
        del loss, node
        assert array() is None
    finally:
        gc.enable()


def test_saved_arrays_are_dropped_as_the_walk_passes():
    x = leaf()
    h = dl.exp(x)
    loss = (h * h).sum()
    loss.backward()
    assert loss.node.saved is None and h.node.saved is None


def test_a_recorded_op_keeps_only_what_its_rule_asks_for():
    x = leaf()
    kept = [a for group in (x + 1).node.saved for a in group]
    assert not any(isinstance(a, np.ndarray) for a in kept)
    y = dl.exp(x)
    (kept,) = [a for group in y.node.saved for a in group]
    assert kept is y.data


# -- what it refuses -------------------------------------------------------------------------------------


def test_backward_twice():
    loss = (leaf() ** 2).sum()
    loss.backward()
    with pytest.raises(GraphError, match="retain_graph=True"):
        loss.backward()


def test_retained_graphs_run_again():
    x = leaf()
    loss = (x**2).sum()
    loss.backward(retain_graph=True)
    loss.backward()
    np.testing.assert_allclose(x.grad, 4 * X)


def test_backward_of_several_elements_needs_a_gradient():
    y = leaf() * 2
    with pytest.raises(GraphError, match=r"shape \(2, 3\) needs a gradient.*sum"):
        y.backward()
    with pytest.raises(GraphError, match=r"gradient of shape \(3,\) for a tensor of shape \(2, 3\)"):
        y.backward(np.ones(3))
    y.backward(np.ones((2, 3)))


def test_backward_without_a_graph():
    with pytest.raises(GraphError, match="no graph"):
        Tensor(X).sum().backward()
    with dl.no_grad():
        y = leaf().sum()
    with pytest.raises(GraphError, match="no_grad"):
        y.backward()


def test_an_optimizer_step_under_a_live_graph():
    p = dl.Parameter(np.ones(3, np.float32))
    optimizer = optim.SGD([p], lr=0.1)
    loss = (p * p).sum()
    loss.backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(GraphError, match=r"multiply of shape \(3,\) was changed in place"):
        loss.backward()


def test_writing_into_a_leaf_under_a_live_graph():
    x = leaf()
    loss = (x * x).sum()
    with dl.no_grad():
        x[0, 0] = 7.0
    with pytest.raises(GraphError, match="changed in place"):
        loss.backward()


def test_writing_into_a_tensor_of_a_graph():
    y = leaf() * 2
    with pytest.raises(GraphError, match="part of a graph"):
        y[0] = 1.0
    with pytest.raises(GraphError, match="no_grad"):
        leaf()[0] = 1.0


def test_writing_into_detached_values_of_a_graph():
    """They are the same array: exp's rule would see the changed output."""
    x = Tensor(np.ones(2), requires_grad=True)
    y = dl.exp(x)
    for alias in (y.detach(), x.detach()):
        with pytest.raises(GraphError, match=r"write into a copy\(\)"):
            alias += 1
        with pytest.raises(GraphError, match=r"write into a copy\(\)"):
            alias[0] = 1
    free = y.detach().copy()
    free += 1
    y.sum().backward()
    np.testing.assert_allclose(x.grad, np.exp([1.0, 1.0]), rtol=1e-12)


def test_writing_a_graph_into_a_constant_keeps_its_gradient_or_says_so():
    w, total, kept = Tensor(np.ones(2), requires_grad=True), Tensor(np.zeros(2)), Tensor(np.zeros(2))
    total += w * 3
    total.sum().backward()
    np.testing.assert_array_equal(w.grad, [3, 3])
    with pytest.raises(GraphError, match="the value's gradient would be lost"):
        kept[0] = w[0]
    kept[0] = w[0].detach()
    assert kept.tolist() == [1, 0]


def test_writing_what_does_not_fit():
    counts = Tensor(np.array([1, 2]))
    with pytest.raises(DTypeError, match=r"x add= \.\.\.: the result is float"):
        counts += 0.5
    with pytest.raises(RangeError, match="index 5 is out of bounds"):
        counts[5] = 1
    with pytest.raises(ShapeError, match=r"x\[\.\.\.\] = \.\.\.: could not broadcast"):
        counts[:] = np.ones(3)


def test_integers_have_no_gradient():
    with pytest.raises(DTypeError, match="astype"):
        Tensor(np.arange(3), requires_grad=True)


def test_detached_values_stop_the_gradient():
    x = leaf()
    (x * x.detach()).sum().backward()
    np.testing.assert_allclose(x.grad, X)


# -- no hidden promotion ---------------------------------------------------------------------------------

F32 = np.ones((2, 3), np.float32)


@pytest.mark.parametrize(
    "f",
    [
        lambda t: t + 1, lambda t: 2.5 * t, lambda t: t / 3, lambda t: t**2, lambda t: t**0.5, lambda t: 2**t,
        lambda t: t * np.float64(2.5), lambda t: np.float64(2.5) - t, lambda t: t + np.int64(3), lambda t: t * np.arange(3),
        lambda t: t.mean(), lambda t: t.var(axis=0), lambda t: dl.logsumexp(t), lambda t: dl.where(t.data > 0, t, 0.0),
        lambda t: dl.softmax(t * 1e3), lambda t: t[None] @ np.ones((3, 2), np.float32), lambda t: t * True,
    ],
)  # fmt: skip
def test_float32_stays(f):
    t = Tensor(F32, requires_grad=True)
    y = f(t)
    assert y.dtype == np.float32
    y.sum().backward()
    assert t.grad.dtype == np.float32


def test_two_floating_dtypes_do_not_mix():
    with pytest.raises(DTypeError, match="float32, float64 do not mix; cast"):
        Tensor(F32) + Tensor(F32.astype(np.float64))


def test_integers_become_the_default():
    assert (dl.tensor([1, 2, 3]) / 2).dtype == np.float32
    assert dl.tensor([1, 2, 3]).sum().dtype == np.int64
