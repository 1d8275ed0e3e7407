"""Synchronous data parallelism: every rank takes a part of the batch, and all make the same update (section 12.1.3).

After each backward pass the gradients are summed over all ranks, so that k ranks with batches of b train as one
process with batches of k * b (Goyal and others 2017, section 2). The replicas stay equal bit for bit. For a sum
whose bits do not even depend on the number of ranks, see :mod:`.reproducible`.
"""

from __future__ import annotations

import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from ...errors import ArgumentError, TrainingError
from ...train.guard import n_samples
from ...train.interrupt import TrainingInterrupted
from ...train.strategy import Strategy
from ...train.timeline import Timeline
from ...train.trainer import Trainer
from ..comm import as_comm, needs_mpi
from ..failure import abort_on_uncaught
from ..streams import KeyedStreams
from .agreement import check_agreement, check_replicas
from .buffers import Buffers
from .exchange import GradientSum, sum_in_place, summed
from .replicate import replicate
from .reproducible import TreeGradient
from .sharing import Spare, every_nth, leaves
from .sync_norm import SyncNorm

T = TypeVar("T")


class AllReduce(Strategy):
    """Train on all ranks of a communicator together.

    Parameters
    ----------
    comm : Comm or mpi4py communicator, optional
        All ranks that were started, if not given; ``SelfComm()`` trains in this process, without MPI.
    bucket_bytes : int
        Size of the messages in which gradients are summed.
    reproducible : bool
        The same bits for any number of ranks: an update is made of the `accumulate` batches of ``fit``, shared out
        among the ranks, and summed in a tree. Needs ``accumulate`` of at least the number of ranks.
    split : bool
        Let the loader's batch size be that of all ranks together, so that neither the number of updates nor what they
        are depends on the number of ranks; otherwise it is each rank's.
    sync_batch_norm : bool
        Let batch norm see the statistics of all ranks' batches instead of each its own.
    seed : int
        Of dropout masks: they depend on (seed, step, rank), or with `reproducible` on (seed, step, batch).
    check_every : int
        Compare the parameters of all ranks bit for bit after every so many updates; 0: never. For debugging.

    Notes
    -----
    Without `reproducible` an update takes ``accumulate`` batches of each rank. Batch-norm statistics for evaluation are
    averages over all ranks. Callbacks run on every rank; ``trainer.strategy.is_main`` says which one may print.
    """

    def __init__(
        self,
        comm: Any = None,
        *,
        bucket_bytes: int = 4 << 20,
        reproducible: bool = False,
        split: bool = False,
        sync_batch_norm: bool = False,
        seed: int = 0,
        check_every: int = 0,
    ) -> None:
        if bucket_bytes < 1 or seed < 0 or check_every < 0:
            raise ArgumentError("AllReduce: bucket_bytes must be positive, seed and check_every not negative")
        if reproducible and sync_batch_norm:
            raise ArgumentError("AllReduce: reproducible keeps each batch's own statistics; leave out sync_batch_norm")
        if reproducible and split:
            raise ArgumentError("AllReduce: reproducible shares out whole batches; leave out split")
        if comm is None:
            needs_mpi()
        self.comm = as_comm(comm)
        self.bucket_bytes, self.reproducible, self.seed, self.check_every = bucket_bytes, reproducible, seed, check_every
        self.is_main = self.comm.rank == 0
        self.split, self.at_once = split, 1 if reproducible or split else self.comm.size
        self._sync = SyncNorm(self.comm) if sync_batch_norm else None
        self._tree: TreeGradient | None = None
        self._asked = self._agreed = False  # to stop: this rank was, all ranks will
        self._handlers: dict[int, Any] = {}
        abort_on_uncaught()

    # -- the run ---------------------------------------------------------------------------------------

    def prepare(self, trainer: Trainer) -> None:
        """See that all ranks mean the same, and start from the same weights."""
        check_agreement(trainer, self.comm, {"reproducible": self.reproducible, "seed": self.seed})
        replicate(trainer, self.comm)
        self._sum = GradientSum(trainer.optimizer.space, self.comm, self.bucket_bytes)
        self._buffers, self._streams = Buffers(trainer.model), KeyedStreams(trainer.model)
        if self.reproducible:
            self._tree = TreeGradient(self._sum, self._buffers, self._streams, trainer.accumulate, self.seed)
        if self._sync is not None:
            self._sync.convert(trainer.model)
        self._listen()

    def timelines(self, trainer: Trainer) -> dict[str, Timeline]:
        """What each rank did."""
        return {f"rank {rank}": t for rank, t in enumerate(self.comm.allgather(trainer.timeline))}

    def close(self) -> None:
        """Give back what was changed for training; after an interrupt, wait until rank 0 has saved.

        A rank that left earlier would take the others with it: mpiexec ends a job when one leaves with a status.
        """
        if isinstance(sys.exc_info()[1], TrainingInterrupted):
            self.comm.barrier()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}
        if self._sync is not None:
            self._sync.undo()
        if self._tree is not None:
            self._tree.close()

    def from_main(self, fn: Callable[[], T]) -> T:
        """What `fn` returns on rank 0, on every rank; or the error it raises."""
        answer: Any = None
        error: Exception | None = None
        if self.is_main:
            try:
                answer = fn()
            except Exception as caught:
                error = caught
        answer, told = self.comm.bcast((answer, error and _sendable(error)))
        if told is not None:
            raise error or told
        return answer

    # -- an update -------------------------------------------------------------------------------------

    def batches(self, trainer: Trainer) -> Iterator[Any]:
        """This rank's part of what is left of the epoch."""
        if self._tree is not None:
            return leaves(trainer, self._tree.tree.is_mine)
        return every_nth(trainer, self.comm, spares=self._sync is not None, split=self.split)

    def gradient(self, trainer: Trainer, group: Sequence[Any]) -> int:
        """The mean gradient over the samples of all ranks, on all ranks."""
        if self.check_every and trainer.step and trainer.step % self.check_every == 0:
            check_replicas(trainer, self.comm)
        own = [0 if batch is None or isinstance(batch, Spare) else n_samples(batch, trainer.where()) for batch in group]
        with trainer.timeline.span("wait"):
            n, stop = summed(self.comm, [sum(own), trainer.interrupt.requested or self._asked])
        self._agreed = stop > 0
        self._buffers.begin()
        update = self._tree or self._mean_gradient
        trainer.take_figures(update(trainer, group, own, int(n)), int(n))
        return int(n)

    def _mean_gradient(self, trainer: Trainer, group: Sequence[Any], own: Sequence[int], n: int) -> dict[str, float]:
        """Sum what the ranks have, each batch with its share of the samples; returns the mean figures."""
        space, buffers = trainer.optimizer.space, self._buffers
        figures = dict.fromkeys(("loss", *trainer.task.metrics), 0.0)
        with self._streams.at(self.seed, trainer.step, self.comm.rank):
            for place, batch in enumerate(group):
                if batch is None:
                    continue
                if self._sync is not None:
                    self._sync.counts = not isinstance(batch, Spare)
                _, values = trainer.measure(batch, place, weight=own[place] / n)
                for name in figures:
                    figures[name] += values[name] * own[place]
        with trainer.timeline.span("wait"):  # for the slowest rank
            flags = [*(p.touched for p in space.parameters), *buffers.changed()]
            told = summed(self.comm, [*figures.values(), *flags])
        flags = [bool(t) for t in told[len(figures) :]]
        with trainer.timeline.span("communicate"):
            touched, changed = flags[: len(space.parameters)], flags[len(space.parameters) :]
            self._sum(touched)
            if any(changed) and self.comm.size > 1:
                change = buffers.change(changed, sum(own) / n)
                sum_in_place(self.comm, change)
                buffers.apply(changed, change)
        return dict(zip(figures, (told[: len(figures)] / n).tolist(), strict=True))

    # -- stopping --------------------------------------------------------------------------------------

    def interrupted(self, trainer: Trainer) -> bool:
        """Whether any rank was asked to stop, by Ctrl-C, SIGTERM or the launcher, when this update began."""
        return self._agreed

    def _listen(self) -> None:
        """From now on SIGTERM, and SIGUSR1, which mpiexec hands on to its ranks, mean: stop in good order."""
        if self.comm.size > 1 and threading.current_thread() is threading.main_thread():
            for name in ("SIGTERM", "SIGUSR1"):
                if hasattr(signal, name):
                    self._handlers[getattr(signal, name)] = signal.signal(getattr(signal, name), self._note)

    def _note(self, *_: Any) -> None:
        self._asked = True


def _sendable(error: Exception) -> Exception:
    """`error`, or one in its place where it cannot be sent to other processes."""
    try:
        return pickle.loads(pickle.dumps(error))  # both ways: some can be packed and not unpacked
    except Exception:
        return TrainingError(f"{type(error).__name__}: {error}")
