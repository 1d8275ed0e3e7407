"""Small convolutional networks for small images: a few hundred thousand weights, trained in minutes on a CPU.

Deep Learning, sections 9.1 to 9.4 (convolution, pooling) and 8.7.1 (batch normalisation).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import nn, ops


class ConvNet(nn.Module):
    """Blocks of convolution, batch normalisation, ReLU and 2x2 max pooling; then two dense layers.

    The shape of LeNet-5 (LeCun and others, 1998), with what came later: ReLU, batch normalisation, dropout.

    Parameters
    ----------
    image_shape : (H, W, C)
    n_classes : int
    channels : sequence of int
        Feature maps of each block; each block halves height and width.
    kernel : int
        Side of the square kernels.
    hidden : int
        Units of the dense layer before the last.
    dropout : float
        Share of those units that is dropped in training.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        n_classes: int,
        channels: Sequence[int] = (16, 32),
        kernel: int = 5,
        hidden: int = 128,
        dropout: float = 0.25,
    ) -> None:
        height, width, n_in = image_shape
        self.blocks: list[ConvBlock] = []
        for n_out in channels:
            self.blocks.append(ConvBlock(n_in, n_out, kernel))
            height, width, n_in = height // 2, width // 2, n_out
        self.hidden = nn.Linear(height * width * n_in, hidden)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(hidden, n_classes)

    def forward(self, x: Any) -> Any:
        """Images (N, H, W, C) to class scores (N, n_classes): logarithms of unnormalised probabilities."""
        for block in self.blocks:
            x = block(x)
        x = x.reshape(x.shape[0], -1)
        return self.out(self.dropout(ops.relu(self.hidden(x))))


class ConvBlock(nn.Module):
    """Convolution, batch normalisation, ReLU, 2x2 max pooling: (N, H, W, C_in) to (N, H/2, W/2, C_out)."""

    def __init__(self, n_in: int, n_out: int, kernel: int) -> None:
        self.conv = nn.Conv2d(n_in, n_out, kernel, padding="same", bias=False)  # batch norm shifts anyway
        self.norm = nn.BatchNorm2d(n_out)

    def forward(self, x: Any) -> Any:
        # ReLU and the maximum commute: pooling first leaves a quarter of the work to ReLU
        return ops.relu(ops.max_pool2d(self.norm(self.conv(x)), 2))
