"""A larger batch wants a larger learning rate: k ranks make the batch k times as large, so the rate too, after a warm-up.

The linear scaling rule of Goyal and others (2017, sections 2.1 and 2.2), for SGD.
"""

from __future__ import annotations

from ...errors import ArgumentError
from ...optim import Optimizer
from ...optim.schedules import Warmup


def scaled_lr(optimizer: Optimizer, size: int, warmup: int) -> Warmup:
    """Multiply the learning rates by `size`, reached in a straight line from the old ones over `warmup` updates.

    Parameters
    ----------
    optimizer : Optimizer
        With the rates that suit one process.
    size : int
        Number of ranks.
    warmup : int
        Updates; the paper takes those of 5 epochs.

    Returns
    -------
    Warmup
        The schedule, for ``fit(schedule=...)``.
    """
    if size < 1:
        raise ArgumentError(f"scaled_lr: size must be at least 1, got {size}")
    for group in optimizer.groups:
        group["lr"] *= size
    return Warmup(optimizer, warmup, start=1 / size)
