"""Tensors among NumPy arrays, other libraries, and things that look like numbers."""

import copy
import pickle

import numpy as np
import pytest

import minidl as dl
from minidl import Tensor
from minidl.errors import ArgumentError, DTypeError, GraphError, ShapeError

T = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)


def tensor():
    return Tensor(T.copy(), requires_grad=True)


@pytest.mark.parametrize(
    "f",
    [
        lambda t: np.sin(t), lambda t: np.add(t, T), lambda t: T * t, lambda t: T @ t, lambda t: np.sum(t, axis=0),
        lambda t: np.concatenate([t, T]), lambda t: np.where(T > 2, t, T), lambda t: np.maximum(t, 2.5),
        lambda t: np.mean(t),
        lambda t: np.reshape(t, 4), lambda t: np.stack([t, t]), lambda t: np.linalg.inv(t), lambda t: np.einsum("ij->ji", t),
        lambda t: np.exp(t).T, lambda t: np.clip(t, 1.5, 3.5), lambda t: np.float32(2) - t, lambda t: np.matmul(t, T),
        lambda t: np.clip(t, a_min=1.5, a_max=None), lambda t: np.clip(t, min=[1.5, 2.5], max=3.5),
        lambda t: np.pad(t, 1, constant_values=2), lambda t: np.pad(t, ((1, 0), (0, 2)), "constant"),
        lambda t: np.linalg.norm(t), lambda t: np.linalg.norm(t, "fro"), lambda t: np.linalg.norm(t, 1, axis=0),
    ],
)  # fmt: skip
def test_numpys_functions_record(f):
    t = tensor()
    y = f(t)
    assert isinstance(y, Tensor) and y.dtype == np.float32
    np.testing.assert_allclose(y.numpy(), f(T), rtol=1e-5)
    y.sum().backward()
    assert t.grad.shape == T.shape


def test_what_has_no_op_says_so():
    calls = [lambda t: np.fft.fft(t), lambda t: np.gcd(t, 2), lambda t: np.add.reduce(t), lambda t: np.sin(t, out=T.copy())]
    for f in calls:
        with pytest.raises(TypeError, match=r"does not take tensors.*tensor\.numpy"):
            f(tensor())


def test_out_and_back():
    t = tensor()
    assert np.asarray(t).dtype == np.float32
    np.testing.assert_array_equal(np.asarray(t), T)
    np.testing.assert_array_equal(np.from_dlpack(t.detach()), T)
    assert t.tolist() == T.tolist() and float(t.sum()) == 10.0 and len(t) == 2
    assert [row.shape for row in t] == [(2,), (2,)]
    assert dl.tensor([[1, 2]]).dtype == np.int64 and dl.tensor([1.0]).dtype == np.float32 and dl.tensor(T) is not None


def test_operators_follow_python():
    t = tensor()
    for y, expected in [
        (1 - t, 1 - T), (2 / t, 2 / T), (2**t, 2**T), (-t, -T), (abs(-t), T), (t**2, T**2), (t > 2, T > 2), (t == T, T == T),
        (t @ t, T @ T), (t // 1 if hasattr(Tensor, "__floordiv__") else t, T),
    ]:  # fmt: skip
        np.testing.assert_allclose(np.asarray(y), expected, rtol=1e-6)
    with pytest.raises(ValueError, match="truth value"):
        bool(t)


def test_tensors_are_not_pickled_but_copied():
    with pytest.raises(TypeError, match=r"minidl\.save"):
        pickle.dumps(tensor())
    p = dl.Parameter(T)
    q = copy.deepcopy(p)
    q.data = q.data * 2
    np.testing.assert_array_equal(p.numpy(), T)


def test_tensors_say_what_they_are():
    assert "requires_grad=True" in repr(tensor())
    assert "from multiply" in repr(tensor() * 2)


def test_numpys_arguments_that_have_no_op_are_refused_not_dropped():
    for f in (lambda t: np.linalg.norm(t, 2), lambda t: np.linalg.norm(t, 1), lambda t: np.pad(t, 1, "reflect")):
        with pytest.raises(ArgumentError, match="of tensors"):
            f(tensor())
    with pytest.raises(ArgumentError, match="for Tensors use minimum and maximum"):
        np.clip(T, tensor(), 3)


def test_integers_are_combined_bit_by_bit():
    a, b = np.array([6, 5]), np.array([3, 12])
    for f in (lambda x, y: x & y, lambda x, y: x | y, lambda x, y: x ^ y, lambda x, y: ~x):
        np.testing.assert_array_equal(f(dl.tensor(a), dl.tensor(b)).numpy(), f(a, b))
        np.testing.assert_array_equal(f(a, dl.tensor(b)), f(a, b))
    with pytest.raises(DTypeError, match=r"^bitwise_and: ufunc 'bitwise_and' not supported"):
        tensor() & tensor()


def test_a_leaf_is_copied_deeply_and_a_graph_is_not():
    t = tensor()
    twin = copy.deepcopy(t)
    twin.data[...] = 0
    assert twin.requires_grad and twin.node is None
    np.testing.assert_array_equal(t.numpy(), T)
    with pytest.raises(GraphError, match=r"detach\(\) it first"):
        copy.deepcopy(t * 2)


def test_formats_and_membership_as_of_numbers():
    assert f"{dl.tensor(1.25):.1f}" == "1.2" and f"{tensor()}" == repr(tensor())
    assert 2.0 in tensor() and 5.0 not in tensor()


def test_other_libraries_tensors_and_ragged_lists():
    class Foreign:
        dtype = "float32"  # not a NumPy dtype, as in PyTorch

        def __array__(self, dtype=None, copy=None):
            return T

    np.testing.assert_array_equal(dl.tensor(Foreign()).numpy(), T)
    with pytest.raises(ShapeError, match="nested lists must be equally long"):
        dl.tensor([[1.0, 2.0], [3.0]])
