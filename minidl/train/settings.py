"""Refuses settings of :func:`~minidl.train.fit` that cannot work: before the first batch, not after an epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError
from ..nn.checks import check_positive
from .state import flatten
from .stopping import watched

if TYPE_CHECKING:
    from .trainer import Trainer


def check_settings(trainer: Trainer) -> None:
    """Look at what a trainer was made with.

    Raises
    ------
    ArgumentError
        Names the argument of ``fit``.
    """
    often = {} if trainer.checkpoint_every is None else {"checkpoint_every": trainer.checkpoint_every}
    check_positive("fit", epochs=trainer.epochs, accumulate=trainer.accumulate, log_every=trainer.log_every, **often)
    if trainer.clip_norm is not None and not trainer.clip_norm > 0:
        raise ArgumentError(f"fit: clip_norm must be above 0, got {trainer.clip_norm!r}")
    if trainer.schedule is not None and not hasattr(trainer.schedule, "step"):
        raise ArgumentError(f"fit: schedule must be one of optim.schedules, got {trainer.schedule!r}")
    if not isinstance(trainer.callbacks, Sequence) or not all(map(callable, trainer.callbacks)):
        raise ArgumentError(f"fit: callbacks must be a list of functions, got {trainer.callbacks!r}")
    if not {id(p) for p in trainer.model.parameters()} & {id(p) for p in trainer.optimizer.space.parameters}:
        raise ArgumentError("fit: the optimizer has none of the model's parameters; make it with model.parameters()")
    measured = ["loss", *trainer.task.metrics]
    measured += [] if trainer.validation is None else [f"val_{name}" for name in measured]
    for watcher in (trainer, trainer.early_stopping):
        if watcher is not None:
            watched(dict.fromkeys(measured, 0.0), watcher.monitor)


def plain_config(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """The config as a checkpoint gives it back: lists for tuples, Python's numbers for NumPy's."""
    arrays, plain = flatten({"config": config or {}})
    if arrays:
        raise ArgumentError(f"fit: {next(iter(arrays))} is an array; config takes numbers, strings and lists of them")
    return plain["config"]
