"""Element-wise layers, softmax, and layers that only reshape; each is its op with a name (Deep Learning, 6.3)."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..errors import ShapeError
from .module import Module


class Identity(Module):
    """Gives back its input."""

    def forward(self, x: Any) -> Any:
        return x


class Flatten(Module):
    """All axes from `start_axis` on as one: (N, H, W, C) -> (N, H*W*C)."""

    def __init__(self, start_axis: int = 1) -> None:
        self.start_axis = start_axis

    def forward(self, x: Any) -> Any:
        if not -x.ndim <= self.start_axis < x.ndim:
            raise ShapeError(f"there is no axis {self.start_axis} to flatten from in shape {x.shape}")
        size = 1
        for n in x.shape[self.start_axis :]:
            size *= n
        return x.reshape((*x.shape[: self.start_axis], size))

    def extra_repr(self) -> str:
        return "" if self.start_axis == 1 else f"start_axis={self.start_axis}"


class ReLU(Module):
    """``max(x, 0)``."""

    def forward(self, x: Any) -> Any:
        return ops.relu(x)


class LeakyReLU(Module):
    """`x` where positive, else ``slope * x`` (Maas, Hannun and Ng, 2013)."""

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = slope

    def forward(self, x: Any) -> Any:
        return ops.leaky_relu(x, self.slope)

    def extra_repr(self) -> str:
        return f"slope={self.slope}"


class ELU(Module):
    """`x` where positive, else ``alpha * (exp(x) - 1)`` (Clevert, Unterthiner and Hochreiter, 2016)."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Any) -> Any:
        return ops.elu(x, self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


class GELU(Module):
    """``x * Phi(x)`` with the normal distribution function, exactly (Hendrycks and Gimpel, 2016)."""

    def forward(self, x: Any) -> Any:
        return ops.gelu(x)


class SiLU(Module):
    """``x * sigmoid(x)`` (Elfwing, Uchibe and Doya, 2018)."""

    def forward(self, x: Any) -> Any:
        return ops.silu(x)


class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, x: Any) -> Any:
        return ops.tanh(x)


class Sigmoid(Module):
    """``1 / (1 + exp(-x))``."""

    def forward(self, x: Any) -> Any:
        return ops.sigmoid(x)


class Softplus(Module):
    """``log(1 + exp(x))``, without overflow."""

    def forward(self, x: Any) -> Any:
        return ops.softplus(x)


class Hardtanh(Module):
    """`x` clipped to [low, high]."""

    def __init__(self, low: float = -1.0, high: float = 1.0) -> None:
        self.low, self.high = low, high

    def forward(self, x: Any) -> Any:
        return ops.hardtanh(x, self.low, self.high)

    def extra_repr(self) -> str:
        return f"low={self.low}, high={self.high}"


class _AlongAxis(Module):
    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def extra_repr(self) -> str:
        return f"axis={self.axis}"


class Softmax(_AlongAxis):
    """Probabilities along `axis`. Losses take logits: do not put it before CrossEntropyLoss."""

    def forward(self, x: Any) -> Any:
        return ops.softmax(x, self.axis)


class LogSoftmax(_AlongAxis):
    """Logarithms of probabilities along `axis`."""

    def forward(self, x: Any) -> Any:
        return ops.log_softmax(x, self.axis)
