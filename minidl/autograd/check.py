"""Gradient check against numbers: along one random direction, in float64, to any order.

<v, J u> from central differences must equal <J^T v, u> from the rules: two evaluations, whatever the size.
Deep Learning, section 11.5 ("Compare back-propagated derivatives to numerical derivatives").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import backend_of
from .engine import grad_of
from .sparse import RowSparse
from .tensor import Tensor, array_of


def check_grads(
    fn: Callable, *inputs: Any, order: int = 2, rtol: float = 1e-5, atol: float = 1e-7, step: float = 1e-6, rng: Any = 0
) -> None:
    """Raise AssertionError where the derivatives of `fn` at `inputs` are wrong.

    Parameters
    ----------
    fn : callable
        Takes Tensors, returns a Tensor (or a tuple of Tensors).
    inputs : arrays
        Floating inputs are checked, in float64; others are passed through.
    order : int
        1 checks gradients, 2 also gradients of gradients, and so on.
    rtol, atol : float
        Tolerance of the comparison.
    step : float
        Step of the central difference.
    rng : Generator or seed
        Draws the directions; their components are kept away from zero.
    """
    rng = np.random.default_rng(rng)
    values = [_double(x) for x in inputs]
    _check(fn, values, order, rtol, atol, step, rng)


def _double(x: Any) -> Any:
    x = array_of(x)
    if not hasattr(x, "dtype"):
        x = np.asarray(x)
    return x.astype(np.float64) if x.dtype.kind == "f" else x


def _direction(like: Any, rng: np.random.Generator) -> Any:
    size = rng.uniform(0.5, 1.5, like.shape) * rng.choice([-1.0, 1.0], like.shape)
    return backend_of(like).from_host(np.asarray(size))


def _as_tuple(y: Any) -> tuple:
    return tuple(y) if isinstance(y, tuple | list) else (y,)


def _inner(a: list, b: list) -> float:
    return float(sum((x * y).sum() for x, y in zip(a, b, strict=True)))


def _check(
    fn: Callable, values: list, order: int, rtol: float, atol: float, step: float, rng: Any
) -> None:
    floating = [i for i, x in enumerate(values) if hasattr(x, "dtype") and x.dtype.kind == "f"]
    tensors = [Tensor(x, requires_grad=i in floating) for i, x in enumerate(values)]
    ys = [y for y in _as_tuple(fn(*tensors)) if y.dtype.kind == "f"]
    v = [_direction(y.data, rng) for y in ys]
    u = [_direction(values[i], rng) for i in floating]
    leaves = [tensors[i] for i in floating]
    analytic = _values(grad_of(ys, leaves, [Tensor(x) for x in v], retain_graph=True))
    numeric = (_moved(fn, values, floating, u, step, v) - _moved(fn, values, floating, u, -step, v)) / (2 * step)
    slope = _inner(analytic, u)
    if not np.isclose(slope, numeric, rtol=rtol, atol=atol):
        name = getattr(fn, "name", getattr(fn, "__name__", "function"))
        raise AssertionError(
            f"check_grads({name}): the rules give slope {slope!r} along a random direction, "
            f"central differences give {numeric!r}; shapes {[x.shape for x in leaves]}"
        )
    if order > 1:
        recorded = _values(grad_of(ys, leaves, [Tensor(x) for x in v], create_graph=True))
        for first, again in zip(analytic, recorded, strict=True):
            if not np.allclose(_host(first), _host(again), rtol=rtol, atol=atol):
                raise AssertionError("check_grads: create_graph=True gives another gradient than backward")
        _check(_derivative(fn, floating, v), values, order - 1, rtol, atol, step, rng)


def _values(gradients: list) -> list:
    return [np.zeros(()) if g is None else _dense(g.data if isinstance(g, Tensor) else g) for g in gradients]


def _dense(g: Any) -> Any:
    return g.dense() if isinstance(g, RowSparse) else g


def _host(array: Any) -> np.ndarray:
    return backend_of(array).to_host(array)


def _moved(fn: Callable, values: list, floating: list[int], u: list, step: float, v: list) -> float:
    moved = list(values)
    for i, d in zip(floating, u, strict=True):
        moved[i] = backend_of(d).xp.asarray(values[i] + step * d)  # without axes, NumPy's sum is a scalar
    ys = [y for y in _as_tuple(fn(*[Tensor(x, i in floating) for i, x in enumerate(moved)])) if y.dtype.kind == "f"]
    return _inner([y.data for y in ys], v)


def _derivative(fn: Callable, floating: list[int], v: list) -> Callable:
    """The gradient of <v, fn> as a function of the same inputs."""

    def gradient(*tensors: Tensor) -> tuple:
        ys = [y for y in _as_tuple(fn(*tensors)) if y.dtype.kind == "f"]
        leaves = [tensors[i] for i in floating]
        parts = grad_of(ys, leaves, [Tensor(x) for x in v], create_graph=True)
        return tuple(
            g if g is not None else Tensor(backend_of(x.data).xp.zeros_like(x.data))
            for g, x in zip(parts, leaves, strict=True)
        )

    gradient.__name__ = f"gradient of {getattr(fn, '__name__', 'function')}"
    return gradient
