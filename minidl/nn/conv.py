"""Convolution layers, channels-last (Deep Learning, chapter 9)."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..params import Parameter
from . import init as initial
from .checks import check_divides, check_positive, pair
from .module import Module


class _Conv(Module):
    """What the convolutions share: sizes, parameters, repr."""

    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: int,
        weight_shape: tuple[int, ...],
        bias: bool,
        rng: initial.Rng,
        init: initial.Initialiser,
    ) -> None:
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel_size
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        self.weight = Parameter(init(weight_shape, rng))
        self.bias = Parameter(initial.zeros((out_channels,))) if bias else None

    def _check(self, *sizes: Any) -> None:
        """Refuse sizes that make no convolution, before they make a weight."""
        in_channels, out_channels, kernel_size, stride, dilation, groups = sizes
        name = type(self).__name__
        check_positive(name, in_channels=in_channels, out_channels=out_channels, kernel_size=kernel_size,
                       stride=stride, dilation=dilation, groups=groups)  # fmt: skip
        check_divides(name, in_channels=in_channels, out_channels=out_channels, groups=groups)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        plain = {"padding": (0, (0, 0)), "dilation": (1, (1, 1)), "groups": (1,)}
        for name, defaults in plain.items():
            value = getattr(self, name)
            text += "" if value in defaults else f", {name}={value!r}"
        return text + ("" if self.bias is not None else ", bias=False")


class Conv2d(_Conv):
    """Cross-correlation of images with learned filters.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, dilation : int or (int, int)
        Height and width.
    padding : int, pair, ``((top, bottom), (left, right))``, ``"same"`` or ``"valid"``
    groups : int
        Channels in groups that do not see each other; ``groups=in_channels`` is a depthwise convolution.
    bias : bool
    rng, init
        As in :class:`~minidl.nn.Linear`: :func:`~minidl.nn.init.he_uniform`, bias zero.

    Attributes
    ----------
    weight : Parameter (KH, KW, in_channels // groups, out_channels)
    bias : Parameter (out_channels,) or None
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: Any = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        rng: initial.Rng = None,
        init: initial.Initialiser = initial.he_uniform,
    ) -> None:
        self._check(in_channels, out_channels, kernel_size, stride, dilation, groups)
        shape = (*pair(kernel_size), in_channels // groups, out_channels)
        super().__init__(in_channels, out_channels, pair(kernel_size), pair(stride), padding, pair(dilation), groups,
                         shape, bias, rng, init)  # fmt: skip

    def forward(self, x: Any) -> Any:
        """(N, H, W, in_channels) -> (N, H', W', out_channels)."""
        return ops.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def multiply_adds(self, y: Any, *inputs: Any, **options: Any) -> int:
        return y.size * (self.weight.size // self.out_channels)


class Conv1d(_Conv):
    """Cross-correlation of sequences with learned filters; parameters as in :class:`Conv2d`.

    Attributes
    ----------
    weight : Parameter (K, in_channels // groups, out_channels)
    bias : Parameter (out_channels,) or None
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: Any = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        rng: initial.Rng = None,
        init: initial.Initialiser = initial.he_uniform,
    ) -> None:
        self._check(in_channels, out_channels, kernel_size, stride, dilation, groups)
        shape = (kernel_size, in_channels // groups, out_channels)
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups,
                         shape, bias, rng, init)  # fmt: skip

    def forward(self, x: Any) -> Any:
        """(N, L, in_channels) -> (N, L', out_channels)."""
        return ops.conv1d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def multiply_adds(self, y: Any, *inputs: Any, **options: Any) -> int:
        return y.size * (self.weight.size // self.out_channels)


class ConvTranspose2d(_Conv):
    """The transpose of a convolution: makes images larger by its stride.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, rng, init
        As in :class:`Conv2d`; `padding` is that of the convolution it transposes, so it trims the output.
    output_padding : int or (int, int)
        Added to one side of the output, to choose among sizes that the convolution maps to one.

    Attributes
    ----------
    weight : Parameter (KH, KW, in_channels, out_channels // groups)
    bias : Parameter (out_channels,) or None
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: Any = 0,
        output_padding: int | tuple[int, int] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | tuple[int, int] = 1,
        rng: initial.Rng = None,
        init: initial.Initialiser = initial.he_uniform,
    ) -> None:
        self._check(in_channels, out_channels, kernel_size, stride, dilation, groups)
        self.output_padding = pair(output_padding)
        shape = (*pair(kernel_size), in_channels, out_channels // groups)
        super().__init__(in_channels, out_channels, pair(kernel_size), pair(stride), padding, pair(dilation), groups,
                         shape, bias, rng, init)  # fmt: skip

    def forward(self, x: Any) -> Any:
        """(N, H, W, in_channels) -> (N, H', W', out_channels)."""
        return ops.conv_transpose2d(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.dilation, self.groups
        )

    def multiply_adds(self, y: Any, *inputs: Any, **options: Any) -> int:
        return inputs[0].size * (self.weight.size // self.in_channels)
