"""Before the first epoch: the settings are checked, compared between ranks, and all take rank 0's weights."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from ...backend.random import default_stream
from ...data import Loader
from ...errors import ArgumentError, TrainingError
from ...optim import Optimizer
from ...train.trainer import Trainer
from .leader import Failed
from .learner import pack_buffers, unpack_buffers
from .link import Link, Lost


def check_trainer(trainer: Trainer) -> None:
    """Refuse what servers cannot do.

    Raises
    ------
    ArgumentError
    """
    if type(trainer.optimizer).step is not Optimizer.step:
        raise ArgumentError(
            f"ParameterServer: {type(trainer.optimizer).__name__} looks at all parameters at once, and a server has only "
            "its shard; use SGD, Adagrad, RMSprop, Adam or AdamW"
        )
    if not isinstance(trainer.loader, Loader):
        raise ArgumentError(
            f"ParameterServer: batches are dealt by number, which needs a minidl.data.Loader, not a "
            f"{type(trainer.loader).__name__}"
        )


def share_start(link: Link, trainer: Trainer, others: set[int]) -> int:
    """Everyone compares its settings with rank 0's and takes its weights and buffers; returns rank 0's seed.

    Ranks that have died are taken out of `others`.

    Raises
    ------
    ArgumentError
        A rank has other settings; says which.
    """
    settings = _settings(trainer)
    buffers = pack_buffers(trainer.model)
    arrays = [segment.data for segment in trainer.optimizer.space.segments] + [buffers]
    if link.comm.rank != 0:
        link.send(0, settings)
        seed = link.receive(0)
        link.receive_arrays(0, arrays)
        unpack_buffers(trainer.model, buffers)
        trainer.optimizer.space.changed_in_place()
        return seed
    seed = int(copy.deepcopy(default_stream.generator).integers(2**31))
    for rank in sorted(others):
        try:
            _compare(rank, link.receive(rank), settings)
        except Lost:
            others.discard(rank)
    for rank in sorted(others):
        try:
            link.send(rank, seed, arrays)
        except Lost:
            others.discard(rank)
    return seed


def _settings(trainer: Trainer) -> dict[str, Any]:
    loader: Any = trainer.loader
    return {
        "parameters": [(p.name, p.shape, str(p.dtype)) for p in trainer.optimizer.space.parameters],
        "optimizer": repr(trainer.optimizer),
        "samples": len(loader.order(trainer.epoch)),
        "batch size": loader.batch_size,
        "order of samples": int(np.dot(loader.order(trainer.epoch), np.arange(1, 1 + len(loader.order(trainer.epoch))))),
        "epochs": trainer.epochs,
        "accumulate": trainer.accumulate,
        "config": trainer.config,
    }


def _compare(rank: int, theirs: Any, ours: dict[str, Any]) -> None:
    if isinstance(theirs, Failed):
        raise TrainingError(f"rank {rank}: {theirs.text}")
    for name, value in ours.items():
        if theirs[name] != value:
            here, there = ("", "") if name in ("parameters", "order of samples") else (f" ({value})", f" ({theirs[name]})")
            raise ArgumentError(f"rank {rank} has other {name}{there} than rank 0{here}; start all ranks alike")
