"""The registry of array libraries, the choice of a device, and what each backend promises."""

import importlib.util
import threading

import numpy as np
import pytest

import minidl as dl
from minidl.backend import backend_of, current_backend, namespace_of, namespace_of_type
from minidl.backend.base import device, registered
from minidl.backend.random import default_stream, generator
from minidl.errors import ArgumentError, DeviceError


def test_arrays_and_numbers_belong_to_numpy():
    for x in (np.ones(2), np.float32(1), 1.0, 2, True, np.ones(2).view(np.matrix) if hasattr(np, "matrix") else 1):
        assert backend_of(x).name == "cpu" and namespace_of(x) is np
    assert namespace_of_type(np.memmap) is np
    assert "cpu" in [b.name for b in registered()]


def test_what_nobody_owns_is_named():
    with pytest.raises(DeviceError, match="no backend owns an array of type list; known are ndarray"):
        backend_of([1.0])


def test_an_unknown_device():
    with pytest.raises(ArgumentError, match="'cpu' or 'cuda', not 'tpu'"):
        dl.use_device("tpu")
    with pytest.raises(ArgumentError, match="'cpu' or 'cuda'"):
        dl.tensor([1.0]).to("disk")


@pytest.mark.skipif(importlib.util.find_spec("cupy") is not None, reason="CuPy is installed")
def test_no_gpu_is_one_line_with_what_to_do():
    with pytest.raises(DeviceError) as caught:
        dl.use_device("cuda")
    assert "needs CuPy" in str(caught.value) and "pip install" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert current_backend().name == "cpu"


def test_the_choice_of_a_device_ends_with_its_block_and_belongs_to_its_thread():
    seen = []
    with dl.use_device("cpu") as chosen:
        assert current_backend() is chosen
        thread = threading.Thread(target=lambda: seen.append(current_backend().name))
        thread.start()
        thread.join(10)
    assert seen == ["cpu"] and device("cpu") is current_backend()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("n", [0, 1, 1000])
def test_flat_arrays_start_on_a_cache_line_with_zeros(n, dtype):
    a = backend_of(1.0).flat(n, dtype)
    assert a.shape == (n,) and a.dtype == dtype
    assert not n or a.ctypes.data % 64 == 0
    assert not a.any() and a.flags.writeable


def test_scatter_add_adds_every_duplicate():
    target = np.zeros((3, 2), np.float32)
    backend_of(target).scatter_add(target, np.array([2, 0, 2, 2]), np.ones((4, 2), np.float32))
    np.testing.assert_array_equal(target[:, 0], [1, 0, 3])


def test_erf_keeps_float32():
    y = backend_of(1.0).erf(np.array([-1.0, 0.0, 0.5], np.float32))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, [-0.8427008, 0.0, 0.5204999], rtol=1e-6)


def test_the_default_stream_follows_its_seed_and_can_be_put_back():
    dl.seed(3)
    first = generator(None).random(4)
    state = default_stream.state
    second = generator(None).random(4)
    default_stream.state = state
    np.testing.assert_array_equal(generator(None).random(4), second)
    dl.seed(3)
    np.testing.assert_array_equal(generator(None).random(4), first)
    np.testing.assert_array_equal(generator(7).random(2), np.random.default_rng(7).random(2))
