"""The strict backend itself: each of CuPy's manners that it copies."""

import numpy as np
import pytest
from strict_backend import StrictArray, StrictBackend

import minidl as dl
from minidl.errors import DeviceError

HOST = np.arange(6.0).reshape(2, 3)
X, XP = StrictArray(HOST), StrictBackend.xp


@pytest.mark.parametrize(
    "call",
    [
        lambda: np.asarray(X),
        lambda: np.sum(X),
        lambda: np.exp(X),
        lambda: X + HOST,
        lambda: HOST + X,
        lambda: X @ HOST.T,
        lambda: XP.add(X, HOST),
        lambda: XP.concatenate([X, HOST]),
        lambda: X[np.array([0])],
        lambda: X.__setitem__(0, HOST[0]),
        lambda: XP.sum(X, where=X > 1),
        lambda: StrictArray(np.array([None])),
        lambda: iter(X[0, 0]),
        lambda: float(X),
    ],
)
def test_refused(call):
    with pytest.raises(TypeError):
        call()


@pytest.mark.parametrize("name", ["apply_along_axis", "vectorize", "einsum_path", "nditer", "errstate"])
def test_only_functions_of_cupy(name):
    assert not hasattr(XP, name)


def test_only_methods_of_cupy():
    for name in ("ctypes", "byteswap", "getfield", "setflags"):
        assert not hasattr(X, name)
    assert not hasattr(X.flags, "writeable")


def test_scalars_stay_on_the_device():
    for y in (X.sum(), X[0, 0], XP.max(X), X.mean() * 2, -X[1, 2]):
        assert type(y) is StrictArray and y.shape == ()
    total = X.sum()
    alias = total
    total += 1  # in place: a NumPy scalar would be a new one
    assert float(alias) == 16


def test_indices_out_of_bounds_wrap_around():
    np.testing.assert_array_equal(X[StrictArray(np.array([2, -3]))].get(), HOST[[0, 1]])
    np.testing.assert_array_equal(X[..., StrictArray(np.array([4]))].get(), HOST[:, [1]])


def test_ops_refuse_them_all_the_same():
    with pytest.raises(IndexError, match="index 2 is out of range"):
        dl.ops.getitem(X, StrictArray(np.array([2])))


def test_mixing_devices_names_both():
    with pytest.raises(DeviceError, match=r"numpy and strict_backend.*move one side"):
        dl.ops.add(dl.tensor(HOST), dl.Tensor(X))


def test_a_device_like_any_other():
    with dl.use_device("strict"):
        t = dl.tensor([1.0, 2.0], requires_grad=True)
    assert t.device == "strict" and type(t.data) is StrictArray
    (t * t).sum().backward()
    np.testing.assert_array_equal(t.grad.get(), [2, 4])
    assert (X * dl.Tensor(X)).device == "strict"  # the array leaves the product to the Tensor
