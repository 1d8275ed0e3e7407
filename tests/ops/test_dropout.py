"""Dropout: how much it drops, that it keeps the mean, and that backward uses the same mask."""

import numpy as np
import pytest

from minidl.autograd import check_grads, grad_of, tensor
from minidl.errors import ArgumentError
from minidl.ops.dropout import dropout


def test_share_and_scale():
    y = dropout(np.ones((200, 500), np.float32), 0.3, rng=0)
    assert y.dtype == np.float32
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.7], rtol=1e-6)
    assert abs((y == 0).mean() - 0.3) < 0.01


def test_backward_uses_the_mask_of_the_forward():
    x = tensor(np.random.default_rng(1).standard_normal((20, 30)), requires_grad=True)
    y = dropout(x, 0.5, rng=2)
    (g,) = grad_of(y, [x], [np.ones((20, 30))])
    np.testing.assert_allclose(g * x.numpy(), y.numpy(), rtol=1e-12)
    check_grads(lambda a: dropout(a, 0.5, rng=2) ** 2, x.numpy(), order=2, rtol=1e-4)


def test_same_seed_same_mask():
    x = np.ones(100)
    np.testing.assert_array_equal(dropout(x, 0.5, rng=7), dropout(x, 0.5, rng=7))
    generator = np.random.default_rng(7)
    first, second = dropout(x, 0.5, rng=generator), dropout(x, 0.5, rng=generator)
    assert (first != second).any()


def test_nothing_dropped():
    x = np.random.default_rng(0).standard_normal(50)
    np.testing.assert_array_equal(dropout(x, 0.0, rng=1), x)


@pytest.mark.parametrize("p", [-0.1, 1.0, 2.0])
def test_bad_probability(p):
    with pytest.raises(ArgumentError, match=r"\[0, 1\)"):
        dropout(np.ones(3), p)
