"""The process swap: how the batches of an epoch become updates. Here one process; the others live in ``parallel``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .position import batches, scale_gradients
from .timeline import Timeline

if TYPE_CHECKING:
    from .trainer import Trainer

T = TypeVar("T")


class Strategy:
    """What the loop asks of a way to train. The methods here are those of one process: others say what differs.

    The loop calls :meth:`prepare` once, :meth:`run_epoch` for every epoch, and :meth:`close` in every case.
    A strategy that keeps the loop's own epoch only changes where :meth:`batches` come from and what the
    :meth:`gradient` of an update is; the optimizer's step that follows is the same everywhere.

    Attributes
    ----------
    is_main : bool
        Whether this process prints, logs, evaluates and writes checkpoints.
    at_once : int
        Batches of the loader that all processes together go through while this one goes through one.
    """

    is_main: bool = True
    at_once: int = 1

    def prepare(self, trainer: Trainer) -> None:
        """Before the first epoch, and after a checkpoint was loaded: share memory, broadcast the weights."""

    def run_epoch(self, trainer: Trainer) -> None:
        """Train on what is left of this epoch."""
        trainer.run_batches()

    def batches(self, trainer: Trainer) -> Iterator[Any]:
        """What is left of this epoch for this process; None where a place in the group is not its own."""
        return batches(trainer.loader, trainer.epoch, trainer.batch)

    def gradient(self, trainer: Trainer, group: Sequence[Any]) -> int:
        """Leave in the space the mean gradient over all samples of an update; returns their number.

        Parameters
        ----------
        trainer : Trainer
        group : sequence of batches
            Of this process; gradients were zeroed before.
        """
        return summed_gradient(trainer, group)

    def total(self, sums: Mapping[str, float]) -> dict[str, float]:
        """Sums over all processes, the same on each."""
        return dict(sums)

    def interrupted(self, trainer: Trainer) -> bool:
        """Whether to stop after this update, because the user wishes so; all processes must say the same."""
        return trainer.interrupt.requested

    def from_main(self, fn: Callable[[], T]) -> T:
        """What `fn` returns on the main process, on every process."""
        return fn()

    def save(self, trainer: Trainer, at_once: bool = False) -> Path | None:
        """Save a checkpoint amid an epoch: before this returns, or (not `at_once`) soon; returns the latest one."""
        return trainer.save()

    def timelines(self, trainer: Trainer) -> dict[str, Timeline]:
        """What each process did, by its name; asked once, on every process, when training is over."""
        return {"process": trainer.timeline}

    def close(self) -> None:
        """Training is over, or has failed: end what was started."""


class Serial(Strategy):
    """One process (algorithm 8.1)."""


def summed_gradient(trainer: Trainer, group: Sequence[Any]) -> int:
    """Gradient of the mean loss over all samples of `group`, as if it were one batch; returns their number."""
    mine = [(place, batch) for place, batch in enumerate(group) if batch is not None]
    # several batches: sum over samples now, divide by their number when it is known
    n_samples = sum(trainer.backward(batch, place, by_samples=len(mine) > 1) for place, batch in mine)
    if len(mine) > 1:
        scale_gradients(trainer.optimizer.space, 1 / n_samples)
    return n_samples
