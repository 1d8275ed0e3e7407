"""Gradient clipping, by global norm (Pascanu and others 2013; section 10.11.1) or by value."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..backend import namespace_of
from ..errors import ArgumentError
from ..params import Parameter, ParameterSpace


def grad_norm(parameters: ParameterSpace | Parameter | Iterable[Parameter]) -> float:
    """Euclidean norm of all gradients together, summed in float64 over parameters."""
    return math.sqrt(sum(_square_sum(g) for g in _gradients(parameters)))


def clip_grad_norm(parameters: ParameterSpace | Parameter | Iterable[Parameter], max_norm: float) -> float:
    """Scale all gradients so that their global norm is at most `max_norm`; returns the norm before."""
    if not max_norm > 0:
        raise ArgumentError(f"clip_grad_norm: max_norm must be positive, got {max_norm!r}")
    gradients = list(_gradients(parameters))
    norm = math.sqrt(sum(_square_sum(g) for g in gradients))
    if norm > max_norm:
        for g in gradients:
            g *= max_norm / norm
    return norm


def clip_grad_value(parameters: ParameterSpace | Parameter | Iterable[Parameter], max_value: float) -> None:
    """Limit every component of every gradient to [-max_value, max_value], in place."""
    if not max_value > 0:
        raise ArgumentError(f"clip_grad_value: max_value must be positive, got {max_value!r}")
    for g in _gradients(parameters):
        namespace_of(g).clip(g, -max_value, max_value, out=g)


def _gradients(parameters: ParameterSpace | Parameter | Iterable[Parameter]) -> Iterable[Any]:
    """Every gradient as an array that may be changed in place (of a sparse one, its coalesced rows)."""
    if isinstance(parameters, Parameter):
        parameters = [parameters]
    if not isinstance(parameters, Iterable | ParameterSpace):
        raise ArgumentError(f"expected parameters, e.g. model.parameters(), not {type(parameters).__name__}")
    members = parameters.parameters if isinstance(parameters, ParameterSpace) else list(parameters)
    for p in members:
        if not isinstance(p, Parameter):
            raise ArgumentError(f"expected Parameters, not {type(p).__name__}")
        if not p.touched:
            continue
        if p.sparse:
            p.grad = p.grad.coalesce()
            yield p.grad.values
        else:
            yield p.grad


def _square_sum(g: Any) -> float:
    flat = g.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        total = float(flat.dot(flat))
    if math.isfinite(total):
        return total
    wide = flat.astype(np.float64)  # squares of finite gradients may overflow float32
    return float((wide * wide).sum())
