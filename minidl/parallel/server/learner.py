"""A worker's side of training: batches by number, their gradients accrued, local steps, and buffers to share."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...autograd import RowSparse
from ...backend import backend_of
from ...data import Loader
from ...nn import Module
from ...optim import Optimizer
from ...optim.clip import clip_grad_norm
from ...params import ParameterSpace
from ...train.guard import check_gradients
from ...train.position import scale_gradients
from ...train.trainer import Trainer
from ..streams import KeyedStreams
from .nodes import Figures


class Share:
    """The batches of what is left of an epoch, by number.

    Parameters
    ----------
    loader : Loader
    epoch, samples : int
        Where training is; `samples` of the epoch are done.
    """

    def __init__(self, loader: Loader, epoch: int, samples: int) -> None:
        self.loader, self.epoch, self.samples = loader, epoch, samples
        self.order = loader.order(epoch)[samples:]
        self.size = loader.batch_size

    def __len__(self) -> int:
        return -(-len(self.order) // self.size)

    def batch(self, number: int) -> Any:
        """The arrays of a batch."""
        index = self.order[number * self.size : (number + 1) * self.size]
        (batch,) = self.loader.batches_of([index], self.epoch)
        return batch

    def samples_before(self, number: int) -> int:
        """Samples of the epoch that come before a batch."""
        return self.samples + min(number * self.size, len(self.order))


class TaskLearner:
    """Computes the gradients of a :class:`~minidl.train.Task`.

    Dropout draws from a stream for each (seed, epoch, batch), whoever computes it. `clip_norm` applies to each step's
    gradient here, before it is accrued.

    Parameters
    ----------
    trainer : Trainer
    share : Share
    seed : int
    """

    def __init__(self, trainer: Trainer, share: Share, seed: int) -> None:
        self.trainer, self.share, self.seed = trainer, share, seed
        self.optimizer: Optimizer = trainer.optimizer
        self._streams = KeyedStreams(trainer.model)
        self._first = trainer.batch
        self._accrued = Accrued(self.optimizer.space)
        self._fresh = False  # whether the space holds a gradient that is not accrued yet

    def compute(self, numbers: tuple[int, ...], step: bool) -> Figures:
        """See :class:`~minidl.parallel.server_worker.Learner`."""
        trainer, figures = self.trainer, []
        if self._fresh:
            self._accrued.add()
        self.optimizer.zero_grad()
        for number in numbers:
            with trainer.timeline.span("data"):
                batch = self.share.batch(number)
            trainer.batch = self._first + number
            with self._streams.at(self.seed, self.share.epoch, trainer.batch):
                n, values = trainer.measure(batch, by_samples=len(numbers) > 1)
            figures.append((values, n))
        if len(numbers) > 1:
            scale_gradients(self.optimizer.space, 1 / sum(n for _, n in figures))
        norm = check_gradients(trainer.model, self.optimizer, trainer.where())
        if trainer.clip_norm is not None and norm > trainer.clip_norm:
            clip_grad_norm(self.optimizer.space, trainer.clip_norm)
        self._fresh = True
        if step:
            local_step(self.optimizer)
        return tuple(figures)

    def push(self) -> None:
        """See :class:`~minidl.parallel.server_worker.Learner`."""
        if self._accrued.any:
            self._accrued.add()
            self._accrued.put_back()
        self._fresh = False

    def buffers(self) -> np.ndarray:
        """See :class:`~minidl.parallel.server_worker.Learner`."""
        return pack_buffers(self.trainer.model)


class Accrued:
    """The sum of the gradients of several steps (``accruedgradients`` in the paper)."""

    def __init__(self, space: ParameterSpace) -> None:
        self.space, self.any = space, False
        self._dense: dict[int, Any] = {}
        self._rows: dict[int, RowSparse] = {}
        self._touched = [False] * len(space.parameters)

    def add(self) -> None:
        """Add the space's present gradient."""
        for number, segment in enumerate(self.space.segments):
            if segment.grad is not None:
                segment.fill_untouched()
                if self.any:
                    self._dense[number] += segment.grad
                else:
                    self._dense[number] = segment.grad.copy()
        for number, parameter in enumerate(self.space.parameters):
            self._touched[number] |= parameter.touched
            if parameter.sparse and parameter.touched:
                before = self._rows.get(number)
                self._rows[number] = parameter.grad if before is None else before + parameter.grad
        self.any = True

    def put_back(self) -> None:
        """Make the sum the space's gradient, and start from nothing."""
        for number, total in self._dense.items():
            self.space.segments[number].grad[...] = total
        for number, parameter in enumerate(self.space.parameters):
            if parameter.sparse:
                parameter.grad = self._rows.pop(number, None)
            else:
                parameter.touched = self._touched[number]
        self._touched, self.any = [False] * len(self._touched), False


def local_step(optimizer: Optimizer) -> None:
    """A plain step of gradient descent between two fetches, as in the paper; row-sparse tables wait for theirs."""
    for segment in optimizer.space.trainable_segments():
        if not segment.sparse:
            lr = optimizer.groups[segment.group]["lr"]
            for block in segment.blocks():
                segment.data[block] -= lr * segment.grad[block]
    optimizer.space.changed_in_place()


def pack_buffers(model: Module) -> np.ndarray:
    """All floating buffers as one float64 array."""
    parts = [backend_of(b.data).to_host(b.data).reshape(-1) for b in model.buffers() if b.dtype.kind == "f"]
    return np.concatenate([np.zeros(0), *parts])


def unpack_buffers(model: Module, values: np.ndarray) -> None:
    """Undo :func:`pack_buffers`."""
    start = 0
    for b in model.buffers():
        if b.dtype.kind == "f":
            stop = start + b.size
            b.data = backend_of(b.data).from_host(values[start:stop].reshape(b.shape).astype(b.dtype))
            start = stop
