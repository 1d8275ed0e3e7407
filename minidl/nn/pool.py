"""Pooling layers, channels-last (Deep Learning, section 9.3)."""

from __future__ import annotations

from typing import Any

from .. import ops
from .checks import check_positive, pair
from .module import Module


class _Pool(Module):
    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        stride = kernel_size if stride is None else stride
        check_positive(type(self).__name__, kernel_size=kernel_size, stride=stride)
        self.kernel_size, self.stride, self.padding = pair(kernel_size), pair(stride), padding

    def extra_repr(self) -> str:
        padding = "" if self.padding in (0, (0, 0)) else f", padding={self.padding!r}"
        return f"kernel_size={self.kernel_size}, stride={self.stride}{padding}"


class MaxPool2d(_Pool):
    """The largest value of each window.

    Parameters
    ----------
    kernel_size : int or (int, int)
    stride : int or (int, int), optional
        The kernel size unless given.
    padding : as in :class:`~minidl.nn.Conv2d`
        Padded values never win.
    """

    def forward(self, x: Any) -> Any:
        """(N, H, W, C) -> (N, H', W', C)."""
        return ops.max_pool2d(x, self.kernel_size, self.stride, self.padding)


class AvgPool2d(_Pool):
    """The mean of each window; parameters as in :class:`MaxPool2d`."""

    def forward(self, x: Any) -> Any:
        """(N, H, W, C) -> (N, H', W', C)."""
        return ops.avg_pool2d(x, self.kernel_size, self.stride, self.padding)


class GlobalAvgPool2d(Module):
    """The mean over the whole image (Lin, Chen and Yan, 2014, *Network in network*)."""

    def forward(self, x: Any) -> Any:
        """(N, H, W, C) -> (N, C)."""
        return ops.global_avg_pool2d(x)


class _AdaptivePool2d(Module):
    """What both adaptive poolings share.

    Parameters
    ----------
    output_size : int or (int, int)
    """

    def __init__(self, output_size: int | tuple[int, int]) -> None:
        check_positive(type(self).__name__, output_size=output_size)
        self.output_size = pair(output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool2d(_AdaptivePool2d):
    """Means over windows chosen so that the output has `output_size`, whatever the input's size."""

    def forward(self, x: Any) -> Any:
        """(N, H, W, C) -> (N, H', W', C)."""
        return ops.adaptive_avg_pool2d(x, self.output_size)


class AdaptiveMaxPool2d(_AdaptivePool2d):
    """Largest values of such windows."""

    def forward(self, x: Any) -> Any:
        """(N, H, W, C) -> (N, H', W', C)."""
        return ops.adaptive_max_pool2d(x, self.output_size)
