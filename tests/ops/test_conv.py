"""Convolution beyond the op table: against PyTorch, what padding means, and what bad input gets."""

import numpy as np
import pytest

from minidl import ops
from minidl.autograd import grad_of, tensor
from minidl.errors import ArgumentError, ShapeError

RNG = np.random.default_rng(0)
SETTINGS = [
    {},
    {"stride": 2, "padding": 1},
    {"stride": (2, 3), "padding": (2, 0), "dilation": (1, 2)},
    {"groups": 2, "padding": 1},
    {"groups": 4, "stride": 2},
]


def against_torch(ours, theirs, x, w, b, **settings):
    """Outputs and the three gradients, for the same channels-last arrays; `theirs` takes PyTorch's layout."""
    torch = pytest.importorskip("torch")
    leaves = [tensor(a, requires_grad=True) for a in (x, w, b)]
    y = ours(*leaves, **settings)
    g = np.random.default_rng(1).standard_normal(y.shape)
    found = [y.numpy(), *grad_of(y, leaves, [g])]
    mirrored = [torch.from_numpy(a).requires_grad_() for a in (x, w, b)]
    to_last = (0, 2, 3, 1)
    z = theirs(torch, *mirrored, **settings).permute(to_last)
    z.backward(torch.from_numpy(g))
    for a, e in zip(found, [z.detach(), *[m.grad for m in mirrored]], strict=True):
        np.testing.assert_allclose(a, e.numpy(), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_conv2d_against_torch(settings):
    def theirs(torch, x, w, b, **k):
        return torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), b, **k)

    x, w = RNG.standard_normal((2, 7, 8, 4)), RNG.standard_normal((3, 2, 4 // settings.get("groups", 1), 8))
    against_torch(ops.conv2d, theirs, x, w, RNG.standard_normal(8), **settings)


@pytest.mark.parametrize("settings", [*SETTINGS, {"stride": 2, "output_padding": (1, 0)}], ids=str)
def test_conv_transpose2d_against_torch(settings):
    def theirs(torch, x, w, b, **k):
        return torch.nn.functional.conv_transpose2d(x.permute(0, 3, 1, 2), w.permute(2, 3, 0, 1), b, **k)

    groups = settings.get("groups", 1)
    x, w = RNG.standard_normal((2, 5, 4, 4)), RNG.standard_normal((3, 2, 4, 8 // groups))
    against_torch(ops.conv_transpose2d, theirs, x, w, RNG.standard_normal(8), **settings)


@pytest.mark.parametrize("size", [(5, 6), (4, 4), (7, 3)])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [(3, 3), (2, 4)])
def test_same_padding_gives_one_output_per_stride(size, stride, kernel):
    x, w = np.ones((1, *size, 1)), np.ones((*kernel, 1, 1))
    y = ops.conv2d(x, w, stride=stride, padding="same")
    assert y.shape[1:3] == tuple(-(-n // stride) for n in size)


def test_same_padding_puts_the_odd_pixel_after():
    x = np.arange(1.0, 4.0).reshape(1, 3, 1)
    y = ops.conv1d(x, np.ones((2, 1, 1)), padding="same")
    np.testing.assert_array_equal(y.ravel(), [3, 5, 3])


def test_asymmetric_padding_shifts_the_image():
    x = np.arange(1.0, 7.0).reshape(1, 2, 3, 1)
    y = ops.conv2d(x, np.ones((1, 1, 1, 1)), padding=((1, 0), (0, 2)))
    np.testing.assert_array_equal(y[0, :, :, 0], [[0, 0, 0, 0, 0], [1, 2, 3, 0, 0], [4, 5, 6, 0, 0]])


def test_transposed_convolution_is_the_adjoint():
    """<conv(x), g> = <x, conv_transpose(g)>."""
    x, w = RNG.standard_normal((2, 6, 5, 3)), RNG.standard_normal((3, 2, 3, 4))
    settings = {"stride": (2, 1), "padding": ((1, 0), (1, 1)), "dilation": (1, 2)}
    y = ops.conv2d(x, w, **settings)
    g = RNG.standard_normal(y.shape)
    back = ops.conv_transpose2d(g, w.swapaxes(2, 3), output_padding=(0, 0), **settings)
    rows = slice(0, back.shape[1])  # rows that no window reaches get nothing
    np.testing.assert_allclose((y * g).sum(), (x[:, rows] * back).sum(), rtol=1e-10, atol=0)


def test_many_images_in_blocks(monkeypatch):
    """The result does not depend on how many images make a block."""
    x, w = RNG.standard_normal((9, 6, 6, 3)), RNG.standard_normal((3, 3, 3, 4))
    settings = {"stride": 2, "padding": 1}
    whole = run_all(x, w, settings)
    monkeypatch.setattr("minidl.backend.convolution._images_per_block", lambda *args: 2)
    for a, b in zip(run_all(x, w, settings), whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def run_all(x, w, settings):
    leaves = [tensor(x, requires_grad=True), tensor(w, requires_grad=True)]
    y = ops.conv2d(*leaves, **settings)
    return [y.numpy(), *grad_of(y, leaves, [np.cos(y.numpy())])]


X, W = np.ones((1, 4, 5, 2)), np.ones((3, 3, 2, 4))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ops.conv2d(X, np.ones((5, 3, 2, 4))), ShapeError, r"kernel \(5, 3\).* larger than the image \(4, 5\)"),
        (lambda: ops.conv2d(X, W, dilation=2), ShapeError, "dilation"),
        (lambda: ops.conv2d(X, np.ones((3, 3, 3, 4))), ShapeError, "x has 2 channels .* w expects 3"),
        (lambda: ops.conv2d(X[0], W), ShapeError, r"\(N, H, W, C\)"),
        (lambda: ops.conv2d(X, W[..., :0]), ShapeError, r"w \(3, 3, 2, 0\) is empty"),
        (lambda: ops.conv2d(X, W, groups=3), ArgumentError, "groups=3 must divide the 2 input and 4 output"),
        (lambda: ops.conv2d(X, W, groups=2), ShapeError, "2 groups"),
        (lambda: ops.conv2d(X, W, stride=0), ArgumentError, "stride must be one or two integers >= 1, got 0"),
        (lambda: ops.conv2d(X, W, dilation=(1, 1, 1)), ArgumentError, "dilation"),
        (lambda: ops.conv2d(X, W, padding=-1), ArgumentError, "padding must be one or two integers >= 0, got -1"),
        (lambda: ops.conv2d(X, W, padding="full"), ArgumentError, "'same' or 'valid', not 'full'"),
        (lambda: ops.conv2d(X, W, padding=(1, 2, 3)), ArgumentError, "two axes"),
        (lambda: ops.conv2d(X, W, np.ones(3)), ShapeError, r"conv2d: b has shape \(3,\); the output has 4"),
        (lambda: ops.conv2d(X, W, np.ones((1, 1, 4))), ShapeError, r"\(1, 1, 4\)"),
        (lambda: ops.conv1d(X, W), ShapeError, r"\(N, L, C\)"),
        (lambda: ops.conv1d(X[:, 0], np.ones((6, 2, 1))), ShapeError, "larger than"),
        (lambda: ops.conv_transpose2d(X, np.ones((3, 3, 3, 4))), ShapeError, r"KH, KW, C"),
        (lambda: ops.conv_transpose2d(X, W, groups=3), ArgumentError, "groups=3 does not divide the 2"),
        (lambda: ops.conv_transpose2d(X, W, output_padding=1), ShapeError, "output_padding must be < stride"),
        (lambda: ops.conv_transpose2d(X, W, padding=4), ShapeError, "impossible"),
        (lambda: ops.conv_transpose2d(X, W, np.ones(3)), ShapeError, r"b has shape \(3,\)"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
