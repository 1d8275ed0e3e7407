"""Normalisation layers (Deep Learning, section 8.7.1); all of them act on the last axis, the channels or features."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..autograd import array_of
from ..autograd.modes import modes
from ..errors import ArgumentError, ShapeError
from ..ops.norm_batch import batch_norm_eval
from ..params import Parameter
from . import init as initial
from .checks import check_divides, check_positive
from .module import Module
from .tree import Buffer


class _BatchNorm(Module):
    """Normalise each channel with the batch's statistics in training, with running ones in evaluation.

    Ioffe and Szegedy (2015).

    Parameters
    ----------
    num_features : int
        Channels C.
    eps : float
        Added to the variance.
    momentum : float
        Share of the new batch in the running statistics, ``running += momentum * (batch - running)``.
    affine : bool
        Learn a gain and a shift.

    Attributes
    ----------
    weight, bias : Parameter (C,) or None
    running_mean, running_var : Buffer (C,)
        `running_var` averages the unbiased variance, as PyTorch does.
    """

    ndims: tuple[int, ...]
    layout: str

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True) -> None:
        check_positive(type(self).__name__, num_features=num_features)
        if not 0 <= momentum <= 1:
            raise ArgumentError(f"{type(self).__name__}: momentum must lie in [0, 1], not {momentum!r}")
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.weight = Parameter(initial.ones((num_features,))) if affine else None
        self.bias = Parameter(initial.zeros((num_features,))) if affine else None
        self.running_mean = Buffer(initial.zeros((num_features,)))
        self.running_var = Buffer(initial.ones((num_features,)))

    def forward(self, x: Any) -> Any:
        if x.ndim not in self.ndims or x.shape[-1] != self.num_features:
            raise ShapeError(f"input must have shape {self.layout} with C = {self.num_features}, not {x.shape}")
        if not self.training:
            mean, var = self.running_mean, self.running_var
            return batch_norm_eval(x, mean, var, self.weight, self.bias, self.eps)
        n = x.size // self.num_features
        if n < 2:
            raise ShapeError(f"training needs several values per channel, input is {x.shape}; call eval() to predict")
        y, mean, var = ops.batch_norm(x, self.weight, self.bias, self.eps)
        if not modes.replaying:  # dl.recompute runs this twice
            self._follow(self.running_mean, array_of(mean))
            self._follow(self.running_var, array_of(var), n / (n - 1))
        return y

    def _follow(self, running: Buffer, batch: Any, factor: float = 1.0) -> None:
        new = running.data * (1 - self.momentum)  # a new array: a graph made in evaluation keeps the old one
        new += batch * (self.momentum * factor)
        running.data = new

    def extra_repr(self) -> str:
        affine = "" if self.weight is not None else ", affine=False"
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}{affine}"


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (N, C) or (N, L, C)."""

    __doc__ = (__doc__ or "") + "\n\n    " + (_BatchNorm.__doc__ or "")
    ndims, layout = (2, 3), "(N, C) or (N, L, C)"


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images (N, H, W, C)."""

    __doc__ = (__doc__ or "") + "\n\n    " + (_BatchNorm.__doc__ or "")
    ndims, layout = (4,), "(N, H, W, C)"


class LayerNorm(Module):
    """Normalise each vector along the last axis (Ba, Kiros and Hinton, 2016).

    Parameters
    ----------
    normalized_shape : int
        Features D.
    eps : float
    affine, bias : bool
        Learn a gain; learn a shift too.

    Attributes
    ----------
    weight, bias : Parameter (D,) or None
    """

    def __init__(self, normalized_shape: int, eps: float = 1e-5, affine: bool = True, bias: bool = True) -> None:
        normalized_shape = _last_axis("LayerNorm", normalized_shape)
        self.normalized_shape, self.eps = normalized_shape, eps
        self.weight = Parameter(initial.ones((normalized_shape,))) if affine else None
        self.bias = Parameter(initial.zeros((normalized_shape,))) if affine and bias else None

    def forward(self, x: Any) -> Any:
        """(..., D) -> (..., D)."""
        if x.shape[-1] != self.normalized_shape:
            raise ShapeError(f"the last axis of the input {x.shape} must have length {self.normalized_shape}")
        return ops.layer_norm(x, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}" + ("" if self.weight is not None else ", affine=False")


class GroupNorm(Module):
    """Normalise each sample over space and groups of channels (Wu and He, 2018).

    Parameters
    ----------
    num_groups, num_channels : int
    eps : float
    affine : bool

    Attributes
    ----------
    weight, bias : Parameter (C,) or None
    """

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True) -> None:
        check_positive("GroupNorm", num_groups=num_groups, num_channels=num_channels)
        check_divides("GroupNorm", num_channels=num_channels, num_groups=num_groups)
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.weight = Parameter(initial.ones((num_channels,))) if affine else None
        self.bias = Parameter(initial.zeros((num_channels,))) if affine else None

    def forward(self, x: Any) -> Any:
        """(N, ..., C) -> (N, ..., C)."""
        if x.shape[-1] != self.num_channels:
            raise ShapeError(f"the last axis of the input {x.shape} must be the {self.num_channels} channels")
        return ops.group_norm(x, self.weight, self.bias, self.num_groups, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}"


class RMSNorm(Module):
    """Divide each vector by its root mean square (Zhang and Sennrich, 2019).

    Parameters
    ----------
    normalized_shape : int
        Features D.
    eps : float

    Attributes
    ----------
    weight : Parameter (D,)
    """

    def __init__(self, normalized_shape: int, eps: float = 1e-6) -> None:
        normalized_shape = _last_axis("RMSNorm", normalized_shape)
        self.normalized_shape, self.eps = normalized_shape, eps
        self.weight = Parameter(initial.ones((normalized_shape,)))

    def forward(self, x: Any) -> Any:
        """(..., D) -> (..., D)."""
        if x.shape[-1] != self.normalized_shape:
            raise ShapeError(f"the last axis of the input {x.shape} must have length {self.normalized_shape}")
        return ops.rms_norm(x, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}"


def _last_axis(layer: str, normalized_shape: Any) -> int:
    """The length of the only axis that is normalised, given as a number or as PyTorch's tuple of one."""
    if isinstance(normalized_shape, tuple | list):
        if len(normalized_shape) != 1:
            raise ArgumentError(f"{layer}: normalises the last axis only, give its length instead of {normalized_shape!r}")
        normalized_shape = normalized_shape[0]
    check_positive(layer, normalized_shape=normalized_shape)
    return int(normalized_shape)
