"""Dropout as a layer (Srivastava et al., 2014; Deep Learning, section 7.12)."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..backend.random import generator
from .checks import check_probability
from .init import Rng
from .module import Module


class Dropout(Module):
    """Zero each value with probability `p` in training, and scale the others up; nothing in evaluation.

    Parameters
    ----------
    p : float in [0, 1)
    rng : Generator, int or None
        Draws the masks; the default stream (``dl.seed``) unless given.
    """

    def __init__(self, p: float = 0.5, rng: Rng = None) -> None:
        self.p = check_probability("Dropout", p)
        self.rng = None if rng is None else generator(rng)  # a seed: one stream for all calls

    def forward(self, x: Any) -> Any:
        """Any shape, unchanged."""
        return drop(x, self.p, self.rng) if self.training else x

    def extra_repr(self) -> str:
        return f"p={self.p}"


def drop(x: Any, p: float, rng: Any) -> Any:
    """Dropout with masks from `rng`, or from the default stream; drawn on the host, the same for every device."""
    return ops.dropout(x, p, rng) if p else x
