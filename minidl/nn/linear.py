"""Layers that multiply by a matrix: the affine layer, and maxout (Deep Learning, sections 6.1 and 6.3.1)."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..backend.random import generator
from ..params import Parameter
from . import init as initial
from .checks import check_positive
from .module import Module


class Linear(Module):
    """``y = x @ weight + bias``.

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
    rng : Generator, int or None
        Draws the weight.
    init : initialiser
        Of the weight, :func:`~minidl.nn.init.he_uniform` unless given; the bias starts at zero.

    Attributes
    ----------
    weight : Parameter (in_features, out_features)
    bias : Parameter (out_features,) or None
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        rng: initial.Rng = None,
        init: initial.Initialiser = initial.he_uniform,
    ) -> None:
        check_positive("Linear", in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(init((in_features, out_features), rng))
        self.bias = Parameter(initial.zeros((out_features,))) if bias else None

    def forward(self, x: Any) -> Any:
        """(..., in_features) -> (..., out_features)."""
        return ops.linear(x, self.weight, self.bias)

    def multiply_adds(self, y: Any, *inputs: Any, **options: Any) -> int:
        return y.size * self.in_features

    def extra_repr(self) -> str:
        bias = "" if self.bias is not None else ", bias=False"
        return f"in_features={self.in_features}, out_features={self.out_features}{bias}"


class Maxout(Module):
    """The largest of several affine functions, for each output: a learned convex activation.

    Goodfellow, Warde-Farley, Mirza, Courville and Bengio (2013), *Maxout networks*.

    Parameters
    ----------
    in_features, out_features : int
    pieces : int
        How many affine functions compete for one output.

    Attributes
    ----------
    weight : Parameter (in_features, out_features * pieces)
        The pieces of one output lie side by side.
    bias : Parameter (out_features * pieces,) or None
    """

    def __init__(
        self, in_features: int, out_features: int, pieces: int = 2, bias: bool = True, rng: initial.Rng = None
    ) -> None:
        check_positive("Maxout", in_features=in_features, out_features=out_features, pieces=pieces)
        self.in_features, self.out_features, self.pieces = in_features, out_features, pieces
        self.weight = Parameter(initial.lecun_uniform((in_features, out_features * pieces), generator(rng)))
        self.bias = Parameter(initial.zeros((out_features * pieces,))) if bias else None

    def forward(self, x: Any) -> Any:
        """(..., in_features) -> (..., out_features)."""
        z = ops.linear(x, self.weight, self.bias)
        return z.reshape((*z.shape[:-1], self.out_features, self.pieces)).max(axis=-1)

    def multiply_adds(self, y: Any, *inputs: Any, **options: Any) -> int:
        return y.size * self.pieces * self.in_features

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, pieces={self.pieces}"
