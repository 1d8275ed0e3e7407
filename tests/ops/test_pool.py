"""Pooling beyond the op table: against PyTorch, ties, NaN, and what bad input gets."""

import numpy as np
import pytest

from minidl import ops
from minidl.autograd import grad_of, tensor
from minidl.errors import ArgumentError, ShapeError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 7, 6, 3))
WINDOWS = [{"size": 2}, {"size": 3, "stride": 2, "padding": 1}, {"size": (2, 3), "stride": 1, "padding": (1, 0)}]


def against_torch(ours, theirs):
    torch = pytest.importorskip("torch")
    x = tensor(X, requires_grad=True)
    y = ours(x)
    g = np.random.default_rng(1).standard_normal(y.shape)
    (gx,) = grad_of(y, [x], [g])
    mirrored = torch.from_numpy(X).requires_grad_()
    z = theirs(torch.nn.functional, mirrored.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    z.backward(torch.from_numpy(g))
    np.testing.assert_allclose(y.numpy(), z.detach().numpy(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gx, mirrored.grad.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_against_torch(kind, window):
    given = {("kernel_size" if k == "size" else k): v for k, v in window.items()}
    against_torch(
        lambda x: getattr(ops, f"{kind}_pool2d")(x, **window),
        lambda f, x: getattr(f, f"{kind}_pool2d")(x, **given),
    )


@pytest.mark.parametrize("size", [1, 2, (3, 4), (7, 6), (9, 5)], ids=str)
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_adaptive_against_torch(kind, size):
    name = f"adaptive_{kind}_pool2d"
    against_torch(lambda x: getattr(ops, name)(x, size), lambda f, x: getattr(f, name)(x, size))


def test_of_equal_pixels_the_first_gets_the_gradient():
    x = tensor(np.zeros((1, 2, 2, 1)), requires_grad=True)
    (g,) = grad_of(ops.max_pool2d(x, 2), [x], [np.ones((1, 1, 1, 1))])
    np.testing.assert_array_equal(g.ravel(), [1, 0, 0, 0])


def test_padding_never_wins():
    x = tensor(np.full((1, 3, 3, 1), -5.0), requires_grad=True)
    y = ops.max_pool2d(x, 3, stride=2, padding=1)
    assert (y.numpy() == -5).all()
    (g,) = grad_of(y, [x], [np.ones(y.shape)])
    assert g.sum() == y.size


def test_large_windows_count_places_beyond_a_byte():
    x = tensor(RNG.standard_normal((1, 20, 20, 2)), requires_grad=True)
    y = ops.max_pool2d(x, 20)
    (g,) = grad_of(y, [x], [np.ones(y.shape)])
    np.testing.assert_array_equal(g, x.numpy() == x.numpy().max(axis=(1, 2), keepdims=True))


def test_pixels_that_no_window_meets_get_nothing():
    x = tensor(X, requires_grad=True)
    for pool in (ops.max_pool2d, ops.avg_pool2d):
        y = pool(x, 2, stride=3)
        (g,) = grad_of(y, [x], [np.ones(y.shape)])
        assert not g[:, 2::3].any() and not g[:, :, 2::3].any()


@pytest.mark.parametrize("pool", [ops.max_pool2d, ops.avg_pool2d])
def test_bad_windows(pool):
    with pytest.raises(ShapeError, match=r"window \(8, 8\) is larger than the image \(7, 6\)"):
        pool(X, 8)
    with pytest.raises(ShapeError, match=r"\(N, H, W, C\), got shape \(7, 6, 3\)"):
        pool(X[0], 2)
    with pytest.raises(ArgumentError, match="more than half of the window"):
        pool(X, 2, padding=2)
    with pytest.raises(ArgumentError, match="size must be one or two integers >= 1"):
        pool(X, 0)
    with pytest.raises(ArgumentError, match="size must be one or two integers >= 1"):
        pool(X, (2, 2, 2))
    with pytest.raises(ArgumentError, match="stride"):
        pool(X, 2, stride=-1)


@pytest.mark.parametrize("pool", [ops.adaptive_max_pool2d, ops.adaptive_avg_pool2d])
def test_bad_cells(pool):
    for size in (0, (2, 2, 2)):
        with pytest.raises(ArgumentError, match="one or two integers >= 1"):
            pool(X, size)
    with pytest.raises(ShapeError, match=r"\(N, H, W, C\)"):
        pool(X[0], 2)
