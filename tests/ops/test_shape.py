"""Changes of shape beyond the op table: views, partial gradients of split, and what bad input gets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import ops
from minidl.autograd import grad_of, tensor
from minidl.errors import ArgumentError, ShapeError

X = np.arange(24.0).reshape(2, 3, 4)


def test_views_copy_nothing():
    x = tensor(X)
    for y in (
        x.reshape(6, 4),
        x.T,
        x.swapaxes(0, 2),
        ops.expand_dims(x, 0),
        ops.flip(x),
        ops.broadcast_to(x, (5, 2, 3, 4)),
    ):
        assert np.shares_memory(y.numpy(), X)


@given(st.permutations(range(4)))
def test_transpose_then_its_inverse(axes):
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    y = ops.transpose(x, tuple(axes))
    np.testing.assert_array_equal(ops.transpose(y, tuple(np.argsort(axes))), x)


@given(st.lists(st.integers(0, 7), max_size=4).map(sorted))
def test_split_then_concatenate(cuts):
    x = np.arange(14.0).reshape(7, 2)
    parts = ops.split(x, cuts)
    assert len(parts) == len(cuts) + 1
    np.testing.assert_array_equal(ops.concatenate(parts), x)


def test_parts_of_a_split_that_nobody_uses_get_zeros():
    x = tensor(X, requires_grad=True)
    _, middle, _ = ops.split(x, 3, axis=1)
    (g,) = grad_of(middle.sum(), [x])
    np.testing.assert_array_equal(g, np.zeros_like(X) + np.array([0, 1, 0])[:, None])


def test_the_same_tensor_joined_twice_gets_both_gradients():
    x = tensor(X, requires_grad=True)
    y = ops.concatenate([x, x * 2, x])
    (g,) = grad_of(y.sum(), [x])
    np.testing.assert_array_equal(g, np.full_like(X, 4))


def test_lists_tensors_and_arrays_join():
    y = ops.concatenate([tensor(np.ones(2, np.float32)), np.zeros(1, np.float32)])
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y.numpy(), [1, 1, 0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ops.reshape(X, (5, 5)), ShapeError, r"reshape: shape \(2, 3, 4\) has 24 elements"),
        (lambda: ops.reshape(X, (-1, -1)), ShapeError, "reshape"),
        (lambda: ops.transpose(X, (0, 1)), ShapeError, "2 axes .* name each of its 3 once"),
        (lambda: ops.transpose(X, (0, 1, 1)), ShapeError, "transpose"),
        (lambda: ops.transpose(X, (0, 1, 3)), ShapeError, "transpose"),
        (lambda: ops.swapaxes(X, 0, 3), ShapeError, "no axis 3; the axes are -3 to 2"),
        (lambda: ops.moveaxis(X, (0, 1), (0,)), ArgumentError, "2 axes to move, 1 places"),
        (lambda: ops.moveaxis(X, (0, 0), (0, 1)), ShapeError, "named twice"),
        (lambda: ops.expand_dims(X, 4), ShapeError, "expand_dims: there is no axis 4"),
        (lambda: ops.squeeze(X, 0), ShapeError, "axis 0 of shape .* has length 2, not 1"),
        (lambda: ops.broadcast_to(X, (2, 3)), ShapeError, r"\(2, 3, 4\) does not broadcast to \(2, 3\)"),
        (lambda: ops.concatenate([]), ShapeError, "at least one"),
        (lambda: ops.stack([]), ShapeError, "at least one"),
        (lambda: ops.concatenate([X, X[0]]), ShapeError, "different numbers of axes"),
        (lambda: ops.concatenate([X, X[:, :2]]), ShapeError, "differ at axis 1; only axis 0 may"),
        (lambda: ops.concatenate([X, X], axis=3), ShapeError, "concatenate: there is no axis 3"),
        (lambda: ops.stack([X, X[:1]]), ShapeError, "they must be equal"),
        (lambda: ops.split(X, 2, axis=1), ShapeError, "axis 1 of shape .* length 3, not a multiple of 2"),
        (lambda: ops.split(X, 0), ShapeError, "not a multiple of 0"),
        (lambda: ops.split(X, [2, 1], axis=2), ArgumentError, "indices must ascend"),
        (lambda: ops.split(X, 2, axis=5), ShapeError, "split: there is no axis 5"),
        (lambda: ops.pad(X, -1), ArgumentError, "not negative"),
        (lambda: ops.pad(X, [(1, 1), (1, 1)]), ShapeError, "for 3 axes"),
        (lambda: ops.pad(X, 1.5), ArgumentError, "must be integers"),
        (lambda: ops.flip(X, 3), ShapeError, "flip: there is no axis 3"),
        (lambda: ops.roll(X, 1, 3), ShapeError, "roll: there is no axis 3"),
        (lambda: ops.repeat(X, [1, 2], axis=1), ShapeError, "2 counts for axis 1"),
        (lambda: ops.repeat(X, -1), ArgumentError, "not be negative"),
        (lambda: ops.tile(X, (2, -1)), ArgumentError, "not be negative"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
