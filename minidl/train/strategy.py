"""The process swap: how one step's gradients become one update. Here the serial case; others live in ``parallel``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ..nn import Module
from ..optim import Optimizer


class Strategy(Protocol):
    """What the loop asks of a way to train, with one process or many."""

    @property
    def is_main(self) -> bool:
        """Whether this process prints, logs and writes checkpoints."""

    def prepare(self, model: Module, optimizer: Optimizer) -> None:
        """Once, before the first step (and after a checkpoint was loaded): share memory, broadcast the weights."""

    def step(self, optimizer: Optimizer, n_samples: int) -> None:
        """The gradients (means over `n_samples` of this process) are complete and finite: make the update."""

    def total(self, sums: Mapping[str, float]) -> dict[str, float]:
        """Sums over all processes."""


class Serial:
    """One process: an update is the optimizer's step."""

    is_main = True

    def prepare(self, model: Module, optimizer: Optimizer) -> None:
        pass

    def step(self, optimizer: Optimizer, n_samples: int) -> None:
        optimizer.step()

    def total(self, sums: Mapping[str, float]) -> dict[str, float]:
        return dict(sums)
