"""The op table: one row or more for every op; what is tested of each row stands in ops/test_cases.py."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from minidl.autograd import Tensor

FAMILIES = ("elementwise", "arithmetic", "reduce", "shape", "index", "linalg", "conv", "pool", "fused", "recurrent")


@dataclass(frozen=True)
class Case:
    """One op with inputs and settings to try it on.

    Attributes
    ----------
    name : str
        Of the op in ``minidl.ops``; several rows may share it.
    op : callable
        Takes the inputs in order, and `kwargs`; returns an array or a tuple of them.
    reference : callable
        The same in plain NumPy or SciPy, independent of minidl.
    shapes : sequence of shapes or arrays
        A shape stands for random floats; an array is taken as it is (a mask, labels, lengths).
    domain : (low, high), or one pair for each input
        The floats are uniform in it.
    kinks : sequence of float
        Points without a derivative: inputs keep a distance from them.
    kwargs : dict
        Static arguments, for op and reference alike.
    differentiable, second_order : bool
        Whether derivatives of first and of second order are tested.
    fixed : tuple of int
        Positions of float inputs without a gradient.
    """

    name: str
    op: Callable[..., Any]
    reference: Callable[..., Any]
    shapes: Sequence[Any]
    domain: Any = (-2.0, 2.0)
    kinks: Sequence[float] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    differentiable: bool = True
    second_order: bool = True
    fixed: tuple[int, ...] = ()

    def __str__(self) -> str:
        shapes = [s if isinstance(s, tuple) else s.dtype.kind for s in self.shapes]
        return "-".join([self.name, *map(str, shapes), *(f"{k}={v}" for k, v in self.kwargs.items())]).replace(
            ", ", ","
        )

    def inputs(self, dtype: Any = np.float64) -> list[np.ndarray]:
        """The inputs, the same at every call; read-only, so that an op that writes into them fails."""
        rng = np.random.default_rng(0)
        domains = self.domain if isinstance(self.domain[0], tuple) else itertools.repeat(self.domain)
        arrays = []
        for shape, (low, high) in zip(self.shapes, domains, strict=False):
            x = rng.uniform(low, high, shape) if isinstance(shape, tuple) else np.array(shape)
            for kink in self.kinks:
                x = np.where(np.abs(x - kink) < 0.05, kink + 0.1, x)
            x = np.asarray(x, dtype if x.dtype.kind == "f" else None)
            x.flags.writeable = False
            arrays.append(x)
        return arrays

    def tensors(self, inputs: Sequence[Any]) -> list[Any]:
        """The inputs with those that have a gradient as leaves."""
        floating = [x.dtype.kind == "f" and i not in self.fixed for i, x in enumerate(inputs)]
        return [Tensor(x, requires_grad=True) if f else x for x, f in zip(inputs, floating, strict=True)]

    def __call__(self, *inputs: Any) -> tuple[Any, ...]:
        """The op's outputs for these inputs."""
        return as_tuple(self.op(*inputs, **self.kwargs))

    def expected(self, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """What the reference gives."""
        return tuple(np.asarray(y) for y in as_tuple(self.reference(*inputs, **self.kwargs)))

    def with_first_shape(self, shape: tuple[int, ...]) -> Case:
        """The same row with another shape of its first random input."""
        first = next(i for i, s in enumerate(self.shapes) if isinstance(s, tuple))
        return replace(self, shapes=[*self.shapes[:first], shape, *self.shapes[first + 1 :]])


def as_tuple(y: Any) -> tuple[Any, ...]:
    """One output or several as a tuple."""
    return tuple(y) if isinstance(y, tuple | list) else (y,)


def all_cases() -> list[Case]:
    """Every row of the table."""
    return [case for family in FAMILIES for case in importlib.import_module(f"cases_{family}").CASES]
