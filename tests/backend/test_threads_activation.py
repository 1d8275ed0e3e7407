"""Blocks on several threads, and the fast exact GELU against the error function."""

import os
import threading

import numpy as np
import pytest

from minidl.backend import activation, blas, memory, sweeps, threads
from minidl.backend import matmul as matmul_module
from minidl.backend.matmul import matmul
from minidl.backend.threads import parallel_blocks


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize(("n_rows", "step"), [(0, 3), (1, 3), (10, 3), (9, 3), (10, 100), (5, 0)])
def test_blocks_cover_each_row_once(n_rows, step, n_threads, monkeypatch):
    monkeypatch.setattr(threads, "n_threads", lambda: n_threads)
    hits = np.zeros(n_rows, int)

    def visit(start, stop):
        hits[start:stop] += 1

    parallel_blocks(visit, n_rows, step)
    assert (hits == 1).all()


def test_an_error_in_any_block_reaches_the_caller(monkeypatch):
    monkeypatch.setattr(threads, "n_threads", lambda: 2)
    with pytest.raises(ZeroDivisionError):
        parallel_blocks(lambda start, stop: 1 // (start - 7), 20, 1)


def test_nested_calls_do_not_lock_up(monkeypatch):
    monkeypatch.setattr(threads, "n_threads", lambda: 2)
    total, lock = [], threading.Lock()

    def inner(start, stop):
        with lock:
            total.append(stop - start)

    parallel_blocks(lambda start, stop: parallel_blocks(inner, 10, 1), 10, 1)
    assert sum(total) == 100


def test_our_threads_are_as_many_as_blas_may_use():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    with threadpoolctl.threadpool_limits(1):
        assert threads.n_threads() == 1
    assert threads.n_threads() == blas.blas_threads()


def test_without_control_of_blas_the_environment_says_how_many_threads(monkeypatch):
    monkeypatch.setattr(threads, "blas_threads", lambda: None)
    for wish, wanted in (("1", 1), ("many", os.cpu_count())):
        monkeypatch.setenv("OMP_NUM_THREADS", wish)
        threads._n_threads_wished.cache_clear()
        assert 1 <= threads.n_threads() <= wanted
    threads._n_threads_wished.cache_clear()


def test_blocks_on_several_threads_find_blas_on_one_and_leave_it_as_it_was(monkeypatch):
    pytest.importorskip("threadpoolctl")
    monkeypatch.setattr(threads, "n_threads", lambda: 2)
    before, seen = blas.blas_threads(), []
    parallel_blocks(lambda start, stop: seen.append(blas.blas_threads()), 4, 1)
    assert seen == [1] * 4
    with pytest.raises(ZeroDivisionError):
        parallel_blocks(lambda start, stop: 1 // (start - 3), 4, 1)
    assert blas.blas_threads() == before


@pytest.mark.parametrize("shape", [(700, 300, 200), (200, 300, 700), (1, 300, 200), (5, 7, 3), (256, 200, 192)])
@pytest.mark.parametrize("layout", ["plain", "transposed"])
def test_a_product_split_over_threads_is_the_product(shape, layout, monkeypatch):
    monkeypatch.setattr(matmul_module, "WORTH_SPLITTING", 1)
    monkeypatch.setattr(matmul_module, "n_threads", lambda: 3)
    monkeypatch.setattr(threads, "n_threads", lambda: 3)
    m, k, n = shape
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((m, k), np.float32), rng.standard_normal((k, n), np.float32)
    if layout == "transposed":
        a, b = np.asfortranarray(a), np.asfortranarray(b)
    out = np.empty((m, n), np.float32)
    assert matmul(a, b, out=out) is out
    np.testing.assert_allclose(out, a.astype(float) @ b, rtol=1e-4, atol=1e-4)
    assert matmul(a, b).dtype == np.float32


@pytest.mark.parametrize("shape", [(20, 650, 260), (20, 640, 1300), (7, 300, 1201), (3, 5, 4), (200, 700, 900)])
@pytest.mark.parametrize("layout", ["plain", "transposed"])
def test_products_of_a_sweep_are_the_products(shape, layout, monkeypatch):
    monkeypatch.setattr(sweeps, "n_threads", lambda: 2)
    monkeypatch.setattr(threads, "n_threads", lambda: 2)
    m, k, n = shape
    rng = np.random.default_rng(0)
    w = rng.standard_normal((k, n) if layout == "plain" else (n, k), np.float32)
    w = w if layout == "plain" else w.T
    with sweeps.products_with(w, m) as multiply:
        for _ in range(2):
            a = rng.standard_normal((m, k), np.float32)
            y = multiply(a)
            assert y.shape == (m, n) and y.dtype == np.float32
            np.testing.assert_allclose(y, a.astype(float) @ w, rtol=1e-4, atol=1e-4)


def test_freed_memory_stays_with_the_process_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.setenv("MINIDL_MALLOC", "system")
    assert not memory.keep_freed_memory()


def test_gelu_to_float32_rounding():
    x = np.linspace(-12, 12, 100_001)
    exact, slope = activation.gelu(x, derivative=True)
    y, d = activation.gelu(x.astype(np.float32), derivative=True)
    assert y.dtype == d.dtype == np.float32
    np.testing.assert_allclose(y, exact, rtol=2e-7, atol=3e-7)
    np.testing.assert_allclose(d, slope, rtol=2e-7, atol=3e-7)


def test_gelu_derivative_in_float64():
    x, h = np.linspace(-5, 5, 101), 1e-6
    numeric = (activation.gelu(x + h)[0] - activation.gelu(x - h)[0]) / (2 * h)
    np.testing.assert_allclose(activation.gelu(x, derivative=True)[1], numeric, rtol=1e-7, atol=1e-8)


def test_gelu_extremes_and_shapes():
    y, d = activation.gelu(np.array([[-np.float32(1e18), 0, 1e18]], np.float32), derivative=True)
    np.testing.assert_array_equal(y, np.array([[0, 0, 1e18]], np.float32))
    np.testing.assert_array_equal(d, [[0, 0.5, 1]])
    assert activation.gelu(np.ones((4, 6), np.float32)[:, ::2])[0].shape == (4, 3)
