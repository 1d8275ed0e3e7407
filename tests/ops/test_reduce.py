"""Reductions beyond the op table: ties, zeros, infinities, empty axes, and what bad input gets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import ops
from minidl.autograd import check_grads, grad_of, tensor
from minidl.errors import ArgumentError, ShapeError


def gradient(op, x, g=1.0, **kwargs):
    leaf = tensor(np.asarray(x, float), requires_grad=True)
    y = op(leaf, **kwargs)
    return grad_of(y, [leaf], [np.full(y.shape, g)])[0]


@pytest.mark.parametrize(("op", "sign"), [(ops.max, 1), (ops.min, -1)])
def test_ties_share_the_gradient(op, sign):
    x = sign * np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    np.testing.assert_allclose(gradient(op, x, axis=1), [[0, 1 / 2, 1 / 2], [1 / 3] * 3], rtol=1e-15, atol=0)
    np.testing.assert_allclose(gradient(op, x), np.where(sign * x == 3, 1 / 2, 0), rtol=1e-15, atol=0)
    np.testing.assert_allclose(gradient(op, x, axis=(0, 1)), gradient(op, x), rtol=0, atol=0)


@pytest.mark.parametrize("zeros", [(), (1,), (0, 3), (0, 1, 2, 3, 4)], ids=str)
def test_product_with_zeros(zeros):
    x = np.array([2.0, -1.0, 3.0, 0.5, 4.0])
    x[list(zeros)] = 0
    expected = [np.prod(np.delete(x, i)) for i in range(5)]
    np.testing.assert_allclose(gradient(ops.prod, x), expected, rtol=1e-14, atol=0)
    check_grads(ops.prod, x, order=3)


@given(st.integers(0, 9), st.integers(1, 3))
def test_products_of_any_length(n, m):
    x = np.random.default_rng(n).uniform(0.5, 2, (m, n))
    expected = x.prod(axis=1, keepdims=True) / x
    np.testing.assert_allclose(gradient(ops.prod, x, axis=1), expected, rtol=1e-12, atol=0)
    np.testing.assert_allclose(gradient(ops.prod, x), x.prod() / x, rtol=1e-12, atol=0)


@pytest.mark.parametrize("op", [ops.std, ops.norm, lambda x, axis=None: ops.norm(x, axis, ord=3)])
def test_gradient_at_zero_is_zero(op):
    """The point of the cone: one of its subgradients instead of NaN."""
    for x in (np.zeros(3), np.zeros((2, 0)), np.array([[0.0, 0.0], [1.0, 2.0]])):
        if x.size:
            assert np.isfinite(gradient(op, x, axis=-1)).all()
    assert not gradient(op, np.zeros(3)).any()


def test_std_of_equal_large_values_is_zero():
    x = np.full(7, 1e6, np.float32)
    assert ops.std(x) == 0 and ops.var(x) == 0


def test_logsumexp_with_infinities():
    x = np.array([[-np.inf, -np.inf], [-np.inf, 0.0], [np.log(3), 0.0], [1000.0, 1000.0], [-1000.0, -1000.0]])
    expected = [-np.inf, 0, np.log(4), 1000 + np.log(2), -1000 + np.log(2)]
    np.testing.assert_allclose(ops.logsumexp(x, axis=1), expected, rtol=1e-15, atol=0)
    finite = x[1:]
    np.testing.assert_allclose(
        gradient(ops.logsumexp, finite, axis=1), [[0, 1], [3 / 4, 1 / 4], [1 / 2] * 2, [1 / 2] * 2], rtol=1e-12, atol=0
    )
    assert not np.isnan(gradient(ops.logsumexp, x, axis=1)).any()


@pytest.mark.parametrize(
    ("op", "of_nothing"), [(ops.sum, 0), (ops.prod, 1), (ops.norm, 0), (ops.any, False), (ops.all, True)]
)
def test_over_an_axis_of_length_zero(op, of_nothing):
    y = op(np.zeros((2, 0)), axis=1)
    np.testing.assert_array_equal(y, [of_nothing] * 2)
    assert op(np.zeros((0, 3)), axis=1).shape == (0,)


@pytest.mark.parametrize("axis", [1, (0, 1), None])
def test_axis_and_its_negative_name_the_same(axis):
    x = np.random.default_rng(0).standard_normal((2, 3))
    negative = axis if axis is None else tuple(a - 2 for a in np.atleast_1d(axis).tolist())
    for op in (ops.sum, ops.mean, ops.max, ops.prod, ops.logsumexp, ops.var):
        np.testing.assert_allclose(op(x, axis), op(x, negative), rtol=1e-15, atol=0)
        np.testing.assert_allclose(gradient(op, x, axis=axis), gradient(op, x, axis=negative), rtol=1e-15, atol=0)


def test_means_do_not_lose_digits_or_promote():
    x = np.full(100_000, 0.1, np.float32)
    assert ops.mean(tensor(x)).dtype == np.float32
    np.testing.assert_allclose(ops.mean(x), 0.1, rtol=1e-6)


EMPTY, X = np.zeros((2, 0)), np.zeros((2, 3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ops.max(EMPTY), ShapeError, r"max: .*\(2, 0\)"),
        (lambda: ops.min(EMPTY, axis=1), ShapeError, "min"),
        (lambda: ops.argmax(EMPTY), ShapeError, "argmax"),
        (lambda: ops.logsumexp(EMPTY), ShapeError, "logsumexp"),
        (lambda: ops.var(EMPTY), ArgumentError, "var: needs more than ddof=0 values"),
        (lambda: ops.std(X, axis=0, ddof=2), ArgumentError, "std: needs more than ddof=2 values"),
        (lambda: ops.sum(X, axis=2), ShapeError, "sum: axis 2 is out of bounds"),
        (lambda: ops.mean(X, axis=(0, 0)), ShapeError, "mean: duplicate"),
        (lambda: ops.cumsum(X, axis=2), ShapeError, "cumsum"),
        (lambda: ops.var(X, axis=2), ShapeError, "axis 2"),
        (lambda: ops.norm(X, axis=-3), ShapeError, "axis -3"),
        (lambda: ops.logsumexp(X, axis=5), ShapeError, "axis 5"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_small_integers_do_not_overflow_in_running_sums():
    for values in ([True] * 3, np.array([100, 100], np.int8)):
        np.testing.assert_array_equal(ops.cumsum(tensor(values)).numpy(), np.cumsum(values))


def test_nothing_to_average():
    with pytest.raises(ShapeError, match=r"mean: nothing to average, x has shape \(0, 3\)"):
        ops.mean(tensor(np.zeros((0, 3))))
    assert ops.mean(tensor(np.zeros((0, 3))), axis=1).shape == (0,)


def test_norms_of_other_orders_and_axes_out_of_range_are_refused():
    for order in (0, -1, "fro"):
        with pytest.raises(ArgumentError, match="norm: ord must be positive"):
            ops.norm(tensor(np.ones(3)), ord=order)
    for op, name in ((ops.var, "var"), (ops.std, "std"), (ops.norm, "norm")):
        with pytest.raises(ShapeError, match=f"^{name}: .*axis 3"):
            op(tensor(np.ones((2, 3))), axis=3)
