"""Initialisers: variances as their papers state, float32, and a seed that means the same every time."""

import math

import numpy as np
import pytest

from minidl.errors import ShapeError
from minidl.nn import init

VARIANCES = [
    (init.glorot_uniform, lambda i, o: 2 / (i + o)),
    (init.glorot_normal, lambda i, o: 2 / (i + o)),
    (init.he_uniform, lambda i, o: 2 / i),
    (init.he_normal, lambda i, o: 2 / i),
    (init.lecun_uniform, lambda i, o: 1 / i),
    (init.lecun_normal, lambda i, o: 1 / i),
]


@pytest.mark.parametrize(("make", "variance"), VARIANCES)
@pytest.mark.parametrize("shape", [(60, 200), (3, 5, 10, 40)])
def test_variance(make, variance, shape):
    a = make(shape, rng=0)
    taps = math.prod(shape[:-2])
    assert a.dtype == np.float32
    assert a.shape == shape
    np.testing.assert_allclose(a.var(), variance(taps * shape[-2], taps * shape[-1]), rtol=0.08)
    np.testing.assert_allclose(a.mean(), 0, atol=0.02)
    np.testing.assert_array_equal(a, make(shape, rng=0))
    np.testing.assert_array_equal(a, make(shape, rng=np.random.default_rng(0)))


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (3, 3, 2, 5)])
def test_orthogonal(shape):
    a = init.orthogonal(shape, rng=0, gain=2.0).reshape(-1, shape[-1])
    gram = a.T @ a if a.shape[0] >= a.shape[1] else a @ a.T
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-5)


def test_orthogonal_blocks():
    a = init.orthogonal_blocks((3, 12), rng=0)
    for k in range(4):
        block = a[:, 3 * k : 3 * k + 3]
        np.testing.assert_allclose(block @ block.T, np.eye(3), atol=1e-5)
    with pytest.raises(ShapeError, match="orthogonal_blocks"):
        init.orthogonal_blocks((3, 10))


def test_constants():
    assert init.constant((2, 2), 3.5).tolist() == [[3.5, 3.5], [3.5, 3.5]]
    assert init.zeros((2,)).dtype == init.ones((2,)).dtype == np.float32
    assert init.ones((1,), rng=3).tolist() == [1]


def test_a_vector_has_no_fans():
    with pytest.raises(ShapeError, match="axes"):
        init.he_normal((5,))
