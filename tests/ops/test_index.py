"""Indexing beyond the op table: random keys against NumPy, duplicates, and what bad keys get."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, basic_indices, integer_array_indices

from minidl import ops
from minidl.autograd import RowSparse, grad_of, tensor
from minidl.errors import ArgumentError, DTypeError, MinidlError, RangeError, ShapeError

X = np.arange(12.0).reshape(3, 4)


def value_and_gradient(x, key):
    leaf = tensor(x, requires_grad=True)
    y = leaf[key]
    g = np.random.default_rng(0).standard_normal(y.shape)
    return y.numpy(), grad_of(y, [leaf], [g])[0], g


def assert_as_numpy(x, key):
    y, found, g = value_and_gradient(x, key)
    np.testing.assert_array_equal(y, x[key])
    expected = np.zeros_like(x)
    np.add.at(expected, key, g)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


@given(st.data(), array_shapes(min_dims=0, max_dims=4, max_side=4))
def test_slices_and_numbers(data, shape):
    x = np.random.default_rng(0).standard_normal(shape)
    assert_as_numpy(x, data.draw(basic_indices(shape, allow_newaxis=True)))


@given(st.data(), array_shapes(max_dims=3, max_side=4))
def test_integer_arrays(data, shape):
    x = np.random.default_rng(0).standard_normal(shape)
    assert_as_numpy(x, data.draw(integer_array_indices(shape)))


@given(st.data(), array_shapes(max_dims=3, max_side=4))
def test_masks(data, shape):
    x = np.random.default_rng(0).standard_normal(shape)
    n_axes = data.draw(st.integers(1, len(shape)))
    assert_as_numpy(x, data.draw(arrays(bool, shape[:n_axes])))


@pytest.mark.parametrize(
    "key",
    [
        np.ix_([0, 2, 0], [1, 1]),
        [2, 0, 0],
        (slice(None), [3, 3]),
        (None, [0, 0], ..., None),
        ([0, 1], slice(None, None, -1)),
        (..., -1),
        (X > 4),
        ([True, False, True], 1),
        np.int64(1),
        [],
    ],
    ids=str,
)
def test_keys_of_lists_and_the_like(key):
    assert_as_numpy(X, key)


def test_duplicates_accumulate():
    x = tensor(X, requires_grad=True)
    (g,) = grad_of(x[[1, 1, 1]].sum(), [x])
    np.testing.assert_array_equal(g, [[0] * 4, [3] * 4, [0] * 4])


def test_tensors_as_keys():
    x, i = tensor(X), tensor(np.array([2, 0]))
    np.testing.assert_array_equal(x[i].numpy(), X[[2, 0]])
    np.testing.assert_array_equal(x[x > 5].numpy(), X[X > 5])
    np.testing.assert_array_equal(x[:, i].numpy(), X[:, [2, 0]])


def test_an_embedding_has_a_row_sparse_gradient():
    w = tensor(X, requires_grad=True)
    ids = np.array([[2, 0], [2, 2]])
    (g,) = grad_of(ops.embedding(w, ids).sum(), [w])
    assert isinstance(g, RowSparse)
    np.testing.assert_array_equal(g.dense(), [[1] * 4, [0] * 4, [3] * 4])
    w.backward(g.dense())
    ops.embedding(w, ids).sum().backward()  # a dense and a sparse contribution add up
    np.testing.assert_array_equal(w.grad, 2 * g.dense())


def test_scatter_add_leaves_its_input_alone():
    x = X.copy()
    y = ops.scatter_add(x, np.array([0, 0]), np.ones((2, 4)))
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y - x, [[2] * 4, [0] * 4, [0] * 4])


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        (3, RangeError, "index 3 is out of bounds for axis 0 with size 3"),
        ((0, -5), RangeError, "-5"),
        (np.array([0, 3]), RangeError, "index 3 is out of range for an axis of length 3"),
        ((slice(None), np.array([-5])), RangeError, "index -5"),
        ((..., np.array([4])), RangeError, "4"),
        ((0, 0, 0), RangeError, r"too many indices.*\(shape \(3, 4\)\)"),
        (np.array([True, False]), RangeError, "boolean"),
        (np.array([0.5]), DTypeError, "integers or booleans, not float64"),
        ((np.array([0, 1]), np.array([0, 1, 2])), RangeError, "broadcast"),
    ],
    ids=str,
)
def test_bad_keys(key, error, message):
    for call in (lambda x: x[key], lambda x: ops.scatter_add(x, key, 1.0)):
        with pytest.raises(error, match=message) as caught:
            call(tensor(X))
        assert isinstance(caught.value, MinidlError) and "\n" not in str(caught.value)
    if error is RangeError:
        with pytest.raises(IndexError):
            tensor(X)[key]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ops.take(X, np.array([12])), RangeError, "take: index 12"),
        (lambda: ops.take(X, np.array([0.0])), DTypeError, "integers"),
        (lambda: ops.take(X, 0, axis=2), ShapeError, "take: there is no axis 2"),
        (lambda: ops.take_along_axis(X, np.array([0])), ShapeError, "as many"),
        (lambda: ops.take_along_axis(X, np.array([[4]])), RangeError, "index 4"),
        (lambda: ops.embedding(X, np.array([3])), ArgumentError, "index 3 is out of range for a table of 3 rows"),
        (lambda: ops.embedding(X, np.array([-1])), ArgumentError, "index -1"),
        (lambda: ops.embedding(X, np.array([1.0])), DTypeError, "ids must be integers"),
        (lambda: ops.one_hot(np.array([4]), 4), ArgumentError, "out of range for 4 classes"),
        (lambda: ops.one_hot(np.array([0.0]), 4), DTypeError, "integers"),
        (lambda: ops.scatter_add(X, np.array([0, 1]), np.ones((3, 4))), ShapeError, "scatter_add"),
        (lambda: ops.diagonal(X[0]), ShapeError, "two axes"),
        (lambda: ops.diagonal(X, axis1=0, axis2=0), ShapeError, "named twice"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
