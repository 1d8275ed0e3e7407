"""Functions that look at shapes first take lists and numbers as NumPy's do, and say what else is wrong."""

import numpy as np
import pytest

from minidl import nn, ops
from minidl.autograd import Tensor, tensor
from minidl.errors import DTypeError, GraphError, MinidlError, ShapeError

A = [[1.0, 2.0], [3.0, 5.0]]
CALLS = [
    ("matmul", (A, A)), ("dot", (A, A)), ("vdot", (A, A)), ("inner", (A, A)), ("outer", ([1.0, 2.0], [3.0])),
    ("tensordot", (A, A, 1)), ("trace", (A,)), ("diagonal", (A,)), ("swapaxes", (A, 0, 1)), ("moveaxis", (A, 0, 1)),
    ("expand_dims", (A, 0)), ("squeeze", ([A],)), ("concatenate", ([A, A], 1)), ("stack", ([A, A], 1)),
    ("repeat", (A, 2, 1)),
    ("tile", (A, (2, 1))),
    ("tile", (A, np.int64(2))), ("ravel", (A,)), ("take", (A, [1], 1)), ("var", (A, 0)), ("std", (A,)),
    ("einsum", ("ij,jk->ik", A, A)), ("stack", ([1.0, 2.0],)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments"), CALLS, ids=str)
def test_lists_are_arrays(name, arguments):
    y = getattr(ops, name)(*arguments)
    np.testing.assert_allclose(y, getattr(np, name)(*arguments), rtol=1e-6)
    assert y.dtype == np.float32


def test_tensors_beside_lists():
    x = tensor(A, requires_grad=True)
    y = x @ [[1.0], [2.0]] + ops.stack([x.sum(), 0.5])
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [[4, 6], [4, 6]])
    np.testing.assert_array_equal(ops.one_hot((1, 2), 3), np.eye(3)[1:])


def test_a_list_of_tensors_does_not_lose_their_gradients():
    w = tensor(1.0, requires_grad=True)
    for f in (lambda: ops.mean([w, w * 2]), lambda: tensor(A) * [w, w], lambda: ops.matmul([[w]], A)):
        with pytest.raises(GraphError, match="join them with stack or concatenate"):
            f()


def test_what_is_no_array():
    for f in (lambda: ops.matmul(tensor(A), None), lambda: ops.stack([tensor(1.0), "a"]), lambda: ops.ravel({})):
        with pytest.raises(DTypeError, match="expected an array, a Tensor or a number, got"):
            f()
    with pytest.raises(ShapeError, match="nested lists must be equally long"):
        ops.sum([[1.0], [1.0, 2.0]])
    with pytest.raises(DTypeError, match="repeat: counts must be integers"):
        ops.repeat(tensor(A), 1.5, 0)


def test_losses_and_masks_take_lists():
    assert nn.losses.mse([1.0, 2.0], [1.0, 4.0]) == 2
    assert nn.losses.cross_entropy(tensor([0.0, 0.0]), 1).item() == pytest.approx(np.log(2), rel=1e-6)
    logits = Tensor(np.zeros((2, 3), np.float32))
    assert nn.losses.nll(logits - 1, [0, 1], weight=[1.0, 2.0, 3.0]).item() == pytest.approx(1)
    attention, x = nn.MultiHeadAttention(4, 2, rng=0), np.ones((1, 2, 4), np.float32)
    y = attention(x, mask=[[True, False], [True, True]], key_mask=[[True, True]])
    np.testing.assert_array_equal(y.numpy(), attention(x, causal=True).numpy())


def test_numpys_integers_are_integers():
    """As axes, shifts, strides and paddings: they come out of shapes and index arithmetic."""
    one, x = np.int64(1), tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    y = x.mean(one).sum() + ops.logsumexp(x, one).sum() + (ops.roll(x, one) * x).sum() + ops.expand_dims(x, one).sum()
    y.backward()
    image, kernel = np.ones((1, 5, 5, 1)), np.ones((3, 3, 1, 1))
    assert ops.conv2d(image, kernel, stride=np.int64(2), padding=(one, (one, 0))).shape == (1, 3, 2, 1)
    assert ops.conv1d(image[0], kernel[0], padding=one).shape == (5, 5, 1)
    assert ops.max_pool2d(image, np.int64(2)).shape == ops.adaptive_avg_pool2d(image, np.int64(2)).shape == (1, 2, 2, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, w: ops.conv2d(x, w, stride=1.5), "conv2d: stride must be one or two integers >= 1, got 1.5"),
        (lambda x, w: ops.conv2d(x, w, padding=((1, 0), (0.5, 1))), r"conv2d: padding must be .*got \(0.5, 1\)"),
        (lambda x, w: ops.conv1d(x[0], w[0], stride=(2, 1)), "conv2d: stride must be one or two integers"),
        (lambda x, w: ops.max_pool2d(x, 1.5), "max_pool2d: size must be one or two integers >= 1, got 1.5"),
        (lambda x, w: ops.one_hot([0], 2.5), "one_hot: the number of classes must be an integer"),
        (lambda x, w: ops.scatter_add(x, [0, 0], np.ones(3)),
         r"values of shape \(3,\) do not fit x\[index\] of shape \(2, 5, 5, 1\)"),
        (lambda x, w: nn.losses.nll(w[0, 0], [0], weight=tensor([1.0], requires_grad=True)),
         "no gradient with respect to the class weights"),
        (lambda x, w: nn.losses.cross_entropy(w[0, 0], [0], tensor([1.0], requires_grad=True)),
         "no gradient with respect to the class"),
    ],
)  # fmt: skip
def test_what_is_no_integer_or_does_not_fit(call, message):
    with pytest.raises(MinidlError, match=message):
        call(np.ones((1, 5, 5, 1)), np.ones((3, 3, 1, 1)))
