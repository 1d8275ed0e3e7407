"""Blocks on several threads, and the fast exact GELU against the error function."""

import os
import threading

import numpy as np
import pytest

from minidl.backend import activation, threads
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


def test_threads_follow_the_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert threads.n_threads() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert 1 <= threads.n_threads() <= (os.cpu_count() or 1)


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
