"""The learning rate halved from when training gets slow, as Kaldi's `steps/nnet/train_scheduler.sh` does ("newbob")."""

from __future__ import annotations

from ...errors import ArgumentError
from ...optim import Optimizer
from ...optim.schedules import Plateau
from ...train import EarlyStopping, Trainer


class Halving(Plateau):
    """The full rate until an epoch gains less than `slow` of the loss; then half after each, until one gains below `least`.

    Parameters
    ----------
    optimizer : Optimizer
    slow, least : float
        Relative gains.
    keep : int
        Epochs that have the full rate whatever they gain: sigmoid layers take some to start moving.

    Attributes
    ----------
    finished : bool
    """

    def __init__(self, optimizer: Optimizer, slow: float = 0.01, least: float = 0.001, keep: int = 0) -> None:
        if not 0 <= least <= slow:
            raise ArgumentError(f"Halving: needs 0 <= least <= slow, got {least}, {slow}")
        self.slow, self.least, self.keep = slow, least, keep
        self.halving = self.finished = False
        super().__init__(optimizer, gamma=0.5)

    def step(self, metric: float | None = None) -> None:
        """After an epoch, with its loss on held-out data."""
        if metric is None:
            raise ArgumentError("Halving.step needs the loss on held-out data")
        gain = 1.0 if self.best is None else (self.best - metric) / abs(self.best or 1.0)
        self.finished = self.halving and gain < self.least
        self.halving = self.halving or (gain < self.slow and self.t >= self.keep)
        self.current *= self.gamma if self.halving else 1.0
        self.best = metric if self.best is None else min(self.best, metric)
        self.t += 1
        self._apply()


class KeepBest(EarlyStopping):
    """Never stops by itself, but keeps the weights of the epoch with the least loss on held-out data."""

    def __init__(self) -> None:
        super().__init__(patience=1 << 30)


def go_on_from_the_best(trainer: Trainer) -> None:
    """A callback: an epoch that made it worse is undone, and training ends when :class:`Halving` says so."""
    best, schedule = trainer.early_stopping, trainer.schedule
    if isinstance(best, KeepBest) and best.bad_epochs:
        best.restore(trainer.model)
    if isinstance(schedule, Halving) and schedule.finished:
        trainer.stop(f"the last epoch gained less than {schedule.least:.1%}")
