"""Hogwild: processes that change the same weights in shared memory, at the same time, without locks.

Bengio (2001) and Recht, Ré, Wright and Niu (2011); Deep Learning, section 12.1.3. A gradient may be computed from
weights that others have half changed meanwhile, and an update may now and then be overwritten. Where gradients are
sparse that is rare; where they are small it does little harm. Results differ from run to run.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...backend import backend_of
from ...data.loader import Loader
from ...data.shared import SharedPickle
from ...errors import ArgumentError, DeviceError, MinidlError
from ...train.strategy import Strategy
from ...train.timeline import Timeline
from ...train.trainer import Trainer
from . import worker as hogwild_worker
from .crew import Crew, cores
from .dealer import Dealer
from .locks import Locks
from .shared_space import SharedSpace
from .shipping import dumps
from .worker import Figures, Plan, Unit


class Hogwild(Strategy):
    """Train with worker processes on one array of weights.

    Model, loss, metrics and dataset must be such that they can be sent to another process: classes and functions
    of a module or script, not lambdas. A script's own code must stand under ``if __name__ == "__main__":``.
    Each worker makes its batches itself; the loader's own workers are not used.

    Parameters
    ----------
    workers : int
        Processes.
    state : {"private", "shared"}
        Momentum, Adagrad's sums and the like: one in each worker (their mean is what a checkpoint keeps, as of the
        last whole epoch), or one for all, as changed by all. Do not share what is divided by (Adam, RMSprop, Adagrad)
        without the lock: where one worker sees another's new m beside the old v, or a write to v is lost, a weight
        that was at rest is thrown far away. It was seen to ruin one of two runs with four workers.
    locked : bool
        One update at a time, for comparison. A worker that is killed while it holds the lock gives it back.
    on_failure : {"stop", "continue"}
        What happens when a worker dies or its code raises: training ends with its message, or goes on with the
        others, which take over its batches. Errors in the data and a loss that is not finite always end training.
    seed : int
        Worker k draws (dropout) from a stream of its own in each epoch, a function of (seed, epoch, k).
    threads : int, optional
        Of BLAS in each worker; the cores divided by the workers if not given.

    Attributes
    ----------
    processor_seconds : float
        That the workers together were computing.

    Notes
    -----
    A run can be resumed with any number of workers, or another strategy. Each batch of an epoch is used once; again
    only where a worker was lost with it, or where it was finished before an earlier one at the time of the checkpoint.
    """

    def __init__(
        self,
        workers: int,
        *,
        state: str = "private",
        locked: bool = False,
        on_failure: str = "stop",
        seed: int = 0,
        threads: int | None = None,
    ) -> None:
        for name, value in (("workers", workers), ("threads", 1 if threads is None else threads)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ArgumentError(f"Hogwild: {name} must be an integer of at least 1, got {value!r}")
        if state not in ("private", "shared"):
            raise ArgumentError(f"Hogwild: state must be 'private' or 'shared', got {state!r}")
        if on_failure not in ("stop", "continue"):
            raise ArgumentError(f"Hogwild: on_failure must be 'stop' or 'continue', got {on_failure!r}")
        self.workers, self.state, self.on_failure, self.seed = workers, state, on_failure, seed
        self.threads = threads or max(1, cores() // workers)
        self.locks = Locks() if locked else None
        self._timelines: dict[int, Timeline] = {}
        self.processor_seconds = 0.0
        self._crew: Crew | None = None
        self._shared: SharedSpace | None = None

    @property
    def pids(self) -> list[int]:
        """Process numbers of the workers that live."""
        return [] if self._crew is None else self._crew.pids

    # -- before and after ------------------------------------------------------------------------------

    def prepare(self, trainer: Trainer) -> None:
        """Move the weights to shared memory and start the workers."""
        self._check(trainer)
        self._warn(trainer)
        self._crew = Crew("Hogwild", self.threads)
        context = self._crew.context
        dataset = SharedPickle(trainer.loader.dataset, context, "Hogwild: the dataset", "")  # type: ignore[attr-defined]
        self._optimizer = trainer.optimizer
        task = dumps(trainer.task, trainer.optimizer.space, "Hogwild: the model, its loss or its metrics")
        self._shared = SharedSpace(trainer.optimizer, self.state == "shared", context)
        plan = Plan(
            self._shared, task, dataset, self.seed, self.locks, trainer.clip_norm, trainer.timeline.keep
        )  # fmt: skip
        self._crew.start(self.workers, hogwild_worker.serve, plan)
        self._crew.gather("ready")

    def _check(self, trainer: Trainer) -> None:
        backend = backend_of(trainer.model.parameters()[0].data)
        if backend.name != "cpu":
            raise DeviceError(
                f"Hogwild shares the CPU's memory between processes, and the model is on {backend.name}: "
                "move it with model.to('cpu'), or train it with one process"
            )
        if not isinstance(trainer.loader, Loader):
            raise ArgumentError(
                f"Hogwild: workers make their batches from a dataset, so it needs a minidl.data.Loader, "
                f"not {type(trainer.loader).__name__}"
            )
        n = -(-len(trainer.loader) // trainer.accumulate)
        if self.workers > n:
            raise ArgumentError(
                f"Hogwild: {self.workers} workers for {n} updates in an epoch leave some without any; "
                f"use at most {n} workers, or smaller batches"
            )

    def _warn(self, trainer: Trainer) -> None:
        names = {n for group in trainer.optimizer.groups for n in trainer.optimizer.state_names_of(group)}
        if self.state == "shared" and self.locks is None and self.workers > 1 and names - {"velocity"}:
            trainer.progress.say(
                f"Hogwild: sharing {type(trainer.optimizer).__name__}'s state without a lock can throw single weights far "
                "away; state='private' or locked=True cannot"
            )

    def timelines(self, trainer: Trainer) -> dict[str, Timeline]:
        """What each worker did, and this process, which deals and evaluates."""
        workers = {f"worker {worker}": t for worker, t in sorted(self._timelines.items())}
        return {"process": trainer.timeline, **workers}

    def close(self) -> None:
        """End the workers; the model lives in ordinary memory again."""
        if self._crew is not None:
            self._crew.close()
            self._crew = None
        if self._shared is not None:
            self._shared.release(self._optimizer)
            self._shared = None

    # -- an epoch --------------------------------------------------------------------------------------

    def run_epoch(self, trainer: Trainer) -> None:
        """Deal out what is left of the epoch, and count what comes back."""
        crew = self._crew
        assert crew is not None
        buffers = {path: np.array(b.numpy()) for path, b in trainer.model.named_buffers()}
        for worker in crew.alive:
            crew.send(worker, "begin", trainer.epoch, buffers)
        dealer = Dealer(self._units(trainer), crew.alive)
        trained = dict.fromkeys(crew.alive, 0)  # samples by worker
        self._deal(trainer, dealer)
        while not dealer.complete:
            worker, (kind, *content) = crew.receive()
            if kind in ("error", "dead"):
                self._lost(trainer, worker, kind, content)
                dealer.lose(worker)
                self._deal(trainer, dealer)  # what it had
            elif kind == "train":
                seconds, figures = content[0]
                trained[worker] += sum(n for _, (n, _, _) in figures)
                dealer.finish(worker, dict(figures), seconds)
                self._deal(trainer, dealer, worker)
                for finished in dealer.in_order():
                    self._count(trainer, finished)
        self._gather(trainer, trained)

    def _units(self, trainer: Trainer) -> list[Unit]:
        """The updates that are left of this epoch."""
        loader: Any = trainer.loader
        samples = loader.order(trainer.epoch)[trainer.samples :]
        batches = [samples[i : i + loader.batch_size] for i in range(0, len(samples), loader.batch_size)]
        firsts = range(0, len(batches), trainer.accumulate)
        return [
            (number, trainer.batch + first, batches[first : first + trainer.accumulate])
            for number, first in enumerate(firsts)
        ]

    def _deal(self, trainer: Trainer, dealer: Dealer, *workers: int) -> None:
        """Give these workers enough to do; all of them, if none is named."""
        assert self._crew is not None
        for worker in workers or self._crew.alive:
            while units := dealer.deal(worker):
                self._send(trainer, worker, units)

    def _send(self, trainer: Trainer, worker: int, units: list[Unit]) -> None:
        assert self._crew is not None
        hyper = [{k: v for k, v in group.items() if k != "params"} for group in trainer.optimizer.groups]
        self._crew.send(worker, "train", units, trainer.optimizer.t, hyper)

    def _count(self, trainer: Trainer, figures: Figures) -> None:
        """An update was made in a worker: what follows one in the loop."""
        n_samples, n_batches, values = figures
        trainer.take_figures(values, n_samples)
        trainer.optimizer.t += 1
        trainer.after_update(n_samples, n_batches)

    def _lost(self, trainer: Trainer, worker: int, kind: str, content: list[Any]) -> None:
        """A worker is gone: stop, unless the others may go on and can."""
        assert self._crew is not None
        told = kind == "error" and content[1].startswith("epoch ")
        error = self._crew.failure(worker, kind, content, "" if told else f" (epoch {trainer.epoch + 1})")
        users_mistake = kind == "error" and content[0] == type(error).__name__  # one of ours: it would come again
        if self.on_failure == "stop" or users_mistake or not self._crew.alive:
            raise _with_checkpoint(error, trainer)
        trainer.progress.say(f"{error}; the others go on")

    def _gather(self, trainer: Trainer, trained: Mapping[int, int]) -> None:
        """Take in what the epoch left in the workers: buffers and private state, averaged over their samples."""
        assert self._crew is not None
        answers = self._crew.ask_all("finish", answer="finish", lost=functools.partial(self._lost, trainer))
        total = max(sum(trained[worker] for worker in answers), 1)
        weight = {worker: trained[worker] / total for worker in answers}
        buffers, states, seconds, spans, processor = ({w: a[part] for w, a in answers.items()} for part in range(5))
        if any(weight.values()):
            for path, buffer in trainer.model.named_buffers():
                buffer.data = _mean({w: b[path] for w, b in buffers.items()}, weight)
            for number in next(iter(states.values())):
                for place, array in enumerate(trainer.optimizer.state_of(number)):
                    array[...] = _mean({w: s[number][place] for w, s in states.items()}, weight)
        for worker in answers:
            timeline = self._timelines.setdefault(worker, Timeline())
            timeline.add(seconds[worker], spans[worker])
            self.processor_seconds += processor[worker]
        trainer.optimizer.space.changed_in_place()


def _mean(arrays: Mapping[int, np.ndarray], weight: Mapping[int, float]) -> np.ndarray:
    """Weighted mean; of whole numbers, which count something, the largest."""
    first = next(iter(arrays.values()))
    if first.dtype.kind != "f":
        return np.maximum.reduce(list(arrays.values()))
    total = sum(weight[w] * a.astype(np.float64) for w, a in arrays.items() if weight[w])
    return np.asarray(total, first.dtype)


def _with_checkpoint(error: MinidlError, trainer: Trainer) -> MinidlError:
    checkpoints = trainer.files.checkpoints
    last = None if checkpoints is None else checkpoints.latest()
    if last is None:
        return error
    made = type(error)(f"{error}; the last good checkpoint is {last}")
    made.__cause__ = error.__cause__
    return made
