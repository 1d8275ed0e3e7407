"""Linear algebra beyond the op table: identities, other signs of the determinant, and what bad input gets."""

import numpy as np
import pytest
import strict_backend

from minidl import ops
from minidl.autograd import check_grads, grad_of, tensor
from minidl.errors import ArgumentError, DTypeError, ShapeError

RNG = np.random.default_rng(0)
A = RNG.standard_normal((2, 4, 4))
SYMMETRIC = A @ A.swapaxes(-1, -2) + np.eye(4)


def test_identities():
    np.testing.assert_allclose(A @ ops.inverse(A), np.broadcast_to(np.eye(4), A.shape), rtol=0, atol=1e-12)
    factor = ops.cholesky(SYMMETRIC)
    np.testing.assert_allclose(factor @ factor.swapaxes(-1, -2), SYMMETRIC, rtol=1e-12, atol=1e-12)
    sign, logabs = ops.slogdet(A)
    np.testing.assert_allclose(sign * np.exp(logabs), ops.det(A), rtol=1e-12, atol=0)


def test_gradient_of_cholesky_is_symmetric():
    """As its argument is: so a step along it keeps the matrix symmetric."""
    x = tensor(SYMMETRIC, requires_grad=True)
    (g,) = grad_of(ops.cholesky(x), [x], [A])
    np.testing.assert_array_equal(g, g.swapaxes(-1, -2))


@pytest.mark.parametrize("sign", [1, -1])
def test_determinants_of_either_sign(sign):
    x = np.diag([1.0, 2.0, sign * 3.0]) + 0.1
    check_grads(lambda t: ops.slogdet(t)[1], x, order=2, rtol=1e-4)
    check_grads(ops.det, x, order=2, rtol=1e-4)


def test_gradient_of_the_sign_is_zero():
    x = tensor(A, requires_grad=True)
    (g,) = grad_of(ops.slogdet(x)[0].sum(), [x])
    assert not g.any()


def test_slogdet_of_a_singular_matrix():
    sign, logabs = ops.slogdet(np.zeros((2, 2)))
    assert sign == 0 and logabs == -np.inf


@pytest.mark.parametrize("place", [np.asarray, strict_backend.StrictArray], ids=["numpy", "strict"])
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (ops.inverse, "inverse: a matrix is singular"),
        (lambda x: ops.solve(x, x), "solve: a matrix is singular"),
        (lambda x: ops.cholesky(-x), "cholesky: a matrix is not positive definite"),
    ],
)
def test_singular_on_every_device(call, message, place):
    """NumPy raises, CuPy returns NaN: both get one line."""
    singular = np.array([[1.0, 1.0], [1.0, 1.0]])
    with pytest.raises(ArgumentError, match=message):
        call(place(singular))


def test_nan_passes_through():
    assert np.isnan(ops.inverse(np.full((2, 2), np.nan))).all()


def test_einsum_contracts_the_cheapest_pair_first():
    x, y, z = RNG.standard_normal((2, 50)), RNG.standard_normal((50, 60)), RNG.standard_normal((60, 3))
    np.testing.assert_allclose(ops.einsum("ab,bc,cd->ad", x, y, z), x @ y @ z, rtol=1e-10, atol=0)


M = np.ones((2, 3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ops.matmul(M, M), ShapeError, r"\(2, 3\) @ \(2, 3\): axis -1 of the first has 3, axis -2 .* has 2"),
        (lambda: ops.matmul(M, np.float64(2.0)), ShapeError, "at least one axis"),
        (lambda: ops.matmul(np.ones((2, 2, 3)), np.ones((3, 3, 2))), ShapeError, "matmul"),
        (lambda: ops.dot(M, M), ShapeError, "matmul"),
        (lambda: ops.vdot(M, M[0]), ShapeError, "matmul"),
        (lambda: ops.tensordot(M, M, 1), ShapeError, r"axis 1 of \(2, 3\) has 3, axis 0 of \(2, 3\) has 2"),
        (lambda: ops.tensordot(M, M, ([0, 1], [0])), ShapeError, "2 axes of the first against 1"),
        (lambda: ops.tensordot(M, M, ([2], [0])), ShapeError, "no axis 2"),
        (lambda: ops.inverse(M), ShapeError, "inverse: needs square matrices"),
        (lambda: ops.solve(M, M), ShapeError, "solve: needs square"),
        (lambda: ops.solve(A, np.ones((3, 1))), ShapeError, "axis -2 of b must have length 4"),
        (lambda: ops.cholesky(M), ShapeError, "square"),
        (lambda: ops.slogdet(M), ShapeError, "square"),
        (lambda: ops.triu(M[0]), ShapeError, "two axes"),
        (lambda: ops.inverse(A.astype(np.float16)), DTypeError, "float16"),
        (lambda: ops.einsum("ij,jk->ik", M), ShapeError, "names 2 operands, 1 were given"),
        (lambda: ops.einsum("ij,jk->ik", M, M), ShapeError, "'j' is 3 and 2"),
        (lambda: ops.einsum("ijk->i", M), ShapeError, "names 3 axes"),
        (lambda: ops.einsum("ij->iz", M), ShapeError, "output"),
        (lambda: ops.einsum("i-j", M), ShapeError, "letters"),
        (lambda: ops.linear(M, M), ShapeError, "x has 3 features .* w expects 2"),
        (lambda: ops.linear(M, np.ones((3, 4)), np.ones(3)), ShapeError, "b has shape"),
        (lambda: ops.linear(M, np.ones((3, 4), np.float32)), DTypeError, "x is float64, w is float32"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
