"""What a Hogwild worker does: a gradient of its own, an update in place of what all share, and no lock between them."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...backend.random import default_stream
from ...data.dataset import make_batch
from ...data.shared import SharedPickle
from ...optim.clip import clip_grad_norm
from ...train.guard import check_gradients
from ...train.metrics import Averages
from ...train.position import generators
from ...train.strategy import summed_gradient
from ...train.task import Task
from ...train.timeline import Span, Timeline
from . import crew
from .locks import Locks
from .shared_space import SharedSpace
from .shipping import loads

Unit = tuple[int, int, list[np.ndarray]]  # number of the update, of its first batch, and the samples of its batches
Figures = tuple[int, int, dict[str, float]]  # samples and batches of an update, and means over the samples


@dataclass(frozen=True)
class Plan:
    """What every worker is given.

    Attributes
    ----------
    shared : SharedSpace
    task : bytes
        The :class:`~minidl.train.task.Task`; see :mod:`.shipping`.
    dataset : SharedPickle
    seed : int
    locks : Locks or None
        To be held while the weights are changed.
    clip_norm : float or None
    trace : int
        Spans of the timeline to keep.
    """

    shared: SharedSpace
    task: bytes
    dataset: SharedPickle
    seed: int
    locks: Locks | None
    clip_norm: float | None
    trace: int


def serve(connection: Any, number: int, plan: Plan) -> None:
    """Be worker `number` until the parent closes the pipe, or is gone."""
    crew.serve(connection, lambda: functools.partial(_answer, Learner(number, plan)))


def _answer(learner: Learner, kind: str, *content: Any) -> tuple[Any, ...]:
    return kind, getattr(learner, kind)(*content)


class Learner:
    """A model on the shared parameters, with gradients, buffers and random streams of its own.

    Its graph does not see that other workers change the weights under it: the check for an optimizer's step
    under a live graph looks at this process's steps alone. That is Hogwild's bargain (Recht and others 2011).
    """

    def __init__(self, number: int, plan: Plan) -> None:
        self.number, self.plan = number, plan
        space = plan.shared.attach()
        self.task: Task = loads(plan.task, space)
        self.optimizer = self.task.optimizer
        plan.shared.attach_state(self.optimizer)
        self.dataset = plan.dataset.load()
        self.timeline = Timeline(plan.trace)
        self._averages = Averages()
        self._processor = time.process_time()

    def begin(self, epoch: int, buffers: dict[str, np.ndarray]) -> None:
        """A new epoch, with the buffers that all begin it with."""
        self.epoch = epoch
        _set_buffers(self.task.model, buffers)
        self.task.model.train()
        streams = np.random.SeedSequence(self.plan.seed, spawn_key=(epoch, self.number))
        self._processor = time.process_time()
        own, *others = streams.spawn(1 + len(list(generators(self.task.model))))
        default_stream.restart(own)  # type: ignore[arg-type]
        for (_, generator), stream in zip(generators(self.task.model), others, strict=True):
            generator.bit_generator.state = np.random.default_rng(stream).bit_generator.state

    def train(
        self, units: Sequence[Unit], t: int, hyper: list[dict[str, Any]]
    ) -> tuple[float, list[tuple[int, Figures]]]:
        """Updates from `units`, with the hyperparameters and the count of steps that the parent has now.

        Returns
        -------
        seconds : float
        figures : list of (number, figures)
        """
        start = time.perf_counter()
        for group, values in zip(self.optimizer.groups, hyper, strict=True):
            group.update(values)
        if self.plan.shared.share_state:
            self.optimizer.t = max(self.optimizer.t, t)  # steps of all workers made the state what it is
        figures = [(unit[0], self._update(unit)) for unit in units]
        return time.perf_counter() - start, figures

    def _update(self, unit: Unit) -> Figures:
        _, first, samples = unit
        self._averages, self._first = Averages(), first
        with self.timeline.span("data"):
            group = [make_batch(self.dataset, s, self.epoch, first + k) for k, s in enumerate(samples)]
        self.optimizer.zero_grad()
        summed_gradient(self, group)  # type: ignore[arg-type]  # of a trainer, it only wants backward and optimizer
        with self.timeline.span("compute"):
            norm = check_gradients(self.task.model, self.optimizer, self._position(0))
            if self.plan.clip_norm is not None and norm > self.plan.clip_norm:
                clip_grad_norm(self.optimizer.space, self.plan.clip_norm)
        with self.timeline.span("wait"):
            lock = self.plan.locks
            if lock is not None:
                lock.acquire()
        with contextlib.ExitStack() as after, self.timeline.span("update"):
            if lock is not None:
                after.callback(lock.release)
            self.optimizer.step()
        return self._averages.n, len(samples), self._averages.means()

    def backward(self, batch: Any, place: int = 0, by_samples: bool = False) -> int:
        """One batch's gradient; returns its number of samples."""
        with self.timeline.span("compute"):
            n, values = self.task.backward(batch, self._position(place), by_samples)
        self._averages.add(values, n)
        return n

    def _position(self, place: int) -> str:
        return f"epoch {self.epoch + 1}, batch {self._first + place + 1}"

    def finish(self) -> tuple[dict[str, np.ndarray], dict[int, list[np.ndarray]], dict[str, float], list[Span], float]:
        """What the epoch left here: buffers, state if it is private, where the time went, and processor time."""
        buffers = {path: np.array(b.numpy()) for path, b in self.task.model.named_buffers()}
        state = {}
        if not self.plan.shared.share_state:
            state = {number: list(self.optimizer.state_of(number)) for number in self.plan.shared.counts}
        seconds, self.timeline.seconds = self.timeline.seconds, {}
        spans, self.timeline.spans[:] = list(self.timeline.spans), []
        before, self._processor = self._processor, time.process_time()
        return buffers, state, seconds, spans, self._processor - before


def _set_buffers(model: Any, values: dict[str, np.ndarray]) -> None:
    for path, buffer in model.named_buffers():
        buffer.data = values[path].astype(buffer.dtype, copy=True)
