"""Every rank starts with what rank 0 has: weights, buffers, optimizer state, and the default random stream."""

from __future__ import annotations

from ...train.position import capture_streams, restore_streams
from ...train.trainer import Trainer
from ..comm import Comm


def replicate(trainer: Trainer, comm: Comm) -> None:
    """Give the model and all that goes with it the values of rank 0."""
    if comm.size == 1:
        return
    state = None
    if comm.rank == 0:
        state = {
            "model": trainer.model.state_dict(),
            "optimizer": trainer.optimizer.state_dict(),
            "schedule": None if trainer.schedule is None else trainer.schedule.state_dict(),
            "ema": None if trainer.ema is None else trainer.ema.state_dict(),
            "streams": capture_streams(trainer.model, trainer.loader),
        }
    state = comm.bcast(state)
    if comm.rank:
        trainer.model.load_state_dict(state["model"])
        trainer.optimizer.load_state_dict(state["optimizer"])
        if trainer.schedule is not None:
            trainer.schedule.load_state_dict(state["schedule"])
        if trainer.ema is not None:
            trainer.ema.load_state_dict(state["ema"], trainer.model)
        restore_streams(state["streams"], trainer.model, trainer.loader)
