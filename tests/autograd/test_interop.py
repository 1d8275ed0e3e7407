"""Tensors among NumPy arrays, other libraries, and things that look like numbers."""

import copy
import pickle

import numpy as np
import pytest

import minidl as dl
from minidl import Tensor

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
