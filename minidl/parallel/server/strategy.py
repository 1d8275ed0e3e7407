"""The parameter server over MPI (Dean and others 2012; Ho and others 2013; Chilimbi and others 2014), as a strategy.

The first ranks each keep a shard of the flat parameter space and apply the optimizer to it; the others compute
gradients. Rank 0 is a server, and it deals the batches, evaluates, logs and saves. Deep Learning, section 12.1.3.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ...errors import ArgumentError, TrainingError
from ...optim.schedules import Plateau
from ...train.metrics import Averages
from ...train.strategy import Strategy
from ...train.timeline import Timeline
from ...train.trainer import Trainer
from .. import failure
from ..comm import MpiComm, as_comm
from .consistency import consistency
from .divergence import LossWatch, advice
from .end import Signals, Together, leave_in_time
from .follower import Serving, Working
from .leader import Begin, End, Failed, Leader
from .learner import Share, TaskLearner, pack_buffers, unpack_buffers
from .link import Link, Lost
from .nodes import Coordinator, ServerNode
from .shard import Shard
from .start import check_trainer, share_start
from .worker import WorkerNode

T = TypeVar("T")


class ParameterServer(Strategy):
    """Servers that hold the weights, and workers that fetch them and push gradients.

    Ranks 0 ... `servers` - 1 are servers, all others workers. Epochs begin and end together; within one nobody waits for
    anybody, unless `staleness` says so. Ranks may differ in speed: batches are dealt a step at a time. The trained model is
    rank 0's. A worker that dies is done without if MPI allows it (``mpirun --with-ft ulfm``; otherwise MPI ends the job),
    and others take over its share. Dropout draws from a stream per batch; ``fit(clip_norm=)`` is for each worker's
    gradient; running statistics of batch norm are the mean of the workers'.

    Parameters
    ----------
    servers : int
        Equal slices of the parameters; at most as many as leave a worker.
    n_fetch, n_push : int
        Steps of a worker from one fetch of the weights to the next, and from one push of the summed gradients to the next.
    staleness : int or None
        None: asynchronous. 0: synchronous, an update is the mean over all workers; needs n_fetch = n_push = 1. More: a
        worker waits when it is over so many clocks (pushes in this epoch) ahead of the slowest. Among P workers an update
        is then at most (P - 1)(2 staleness + 1) updates stale.
    comm : mpi4py communicator or Comm, optional
        The world, if not given.
    on_failure : {"stop", "continue"}
        When a worker raises an error: end the job, or go on with the other workers.

    Attributes
    ----------
    staleness_counts : Counter
        Of each update of the first shard, how many others came between its fetch of the weights and it (rank 0).
    lead_counts : Counter
        Of each fetch, how many clocks the worker was ahead of the slowest; never more than `staleness` (rank 0).

    Raises
    ------
    ArgumentError
        Too few ranks, or a number out of range.
    MissingExtra
        MPI is not installed.
    """

    def __init__(
        self,
        servers: int = 1,
        n_fetch: int = 1,
        n_push: int = 1,
        staleness: int | None = None,
        comm: Any = None,
        on_failure: str = "stop",
    ) -> None:
        found = as_comm(comm)  # first: a rank that refuses what follows can end the others by MPI
        for name, value in (("servers", servers), ("n_fetch", n_fetch), ("n_push", n_push)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ArgumentError(f"ParameterServer: {name} must be an integer of at least 1, got {value!r}")
        self.consistency = consistency(staleness)
        if staleness == 0 and (n_fetch, n_push) != (1, 1):
            raise ArgumentError("ParameterServer: staleness=0 (synchronous) needs n_fetch = n_push = 1; use accumulate")
        if on_failure not in ("stop", "continue"):
            raise ArgumentError(f"ParameterServer: on_failure must be 'stop' or 'continue', not {on_failure!r}")
        if found.size <= servers or not isinstance(found, MpiComm):
            raise ArgumentError(
                f"ParameterServer: {servers} server(s) and a worker need {servers + 1} MPI ranks or more, there "
                f"{'is' if found.size == 1 else 'are'} {found.size}; start it with mpiexec -n {servers + 2}, for example"
            )
        failure.abort_on_uncaught()
        leave_in_time()
        self.servers, self.n_fetch, self.n_push, self.staleness = servers, n_fetch, n_push, staleness
        self.on_failure, self.comm = on_failure, found
        self.is_main = found.rank == 0
        self.staleness_counts: Counter[int] = Counter()
        self.lead_counts: Counter[int] = Counter()
        self.link = Link(found)
        if not self.is_main:
            self.link.watch_for_stop(0)
        self._together = Together(self.link)
        self._signals: Signals | None = None
        self._leader: Leader | None = None
        self._others = set(range(1, found.size))  # that are known to be there, until there is a leader

    # -- before the first epoch ----------------------------------------------------------------------------

    def prepare(self, trainer: Trainer) -> None:
        """Check the settings, give everyone rank 0's weights, and take up this rank's role."""
        self._trainer = trainer
        check_trainer(trainer)
        self.shards = [Shard(trainer.optimizer, j, self.servers) for j in range(self.servers)]
        with self._together:
            self._seed = share_start(self.link, trainer, self._others)
        self._signals = Signals(trainer, self.is_main)
        self._watch = LossWatch()
        for name, counts in (("staleness", self.staleness_counts), ("leads", self.lead_counts)):
            counts.update({int(k): n for k, n in trainer.history.notes.get(name, {}).items()})
        if self.is_main:
            node = Coordinator(self.shards[0], self.consistency, self._updated, self._take_figures, self._rates)
            node.rule.staleness, node.rule.leads = self.staleness_counts, self.lead_counts
            self._leader = Leader(
                self.link, node, self.shards, trainer.timeline, self._averages, self._failed, trainer.progress.say
            )
            self._leader.alive &= self._others
            self._leader.workers &= self._others
        elif self.comm.rank < self.servers:
            shard = self.shards[self.comm.rank]
            node_here = ServerNode(shard, self.consistency, self._updated_elsewhere)
            self._serving = Serving(self.link, trainer.timeline, node_here, shard, self._averages)
        else:
            retire = self.on_failure == "continue"
            self._working = Working(self.link, trainer.timeline, self.servers, retire)

    # -- an epoch ------------------------------------------------------------------------------------------

    def run_epoch(self, trainer: Trainer) -> None:
        """Lead, serve or work."""
        with self._together:
            if self._leader is not None:
                self._lead(trainer, self._leader)
            else:
                self._follow(trainer)

    def _lead(self, trainer: Trainer, leader: Leader) -> None:
        self._share = Share(trainer.loader, trainer.epoch, trainer.samples)  # type: ignore[arg-type]
        self._first = trainer.batch
        begin = Begin(trainer.epoch, trainer.samples, trainer.batch, tuple(sorted(leader.workers)))
        trainer.guarded(leader.epoch, begin, len(self._share), self.n_push * trainer.accumulate)
        self._take_buffers()
        buffers = pack_buffers(trainer.model)
        trainer.guarded(leader.end, End(dict(trainer.running.sums), trainer.running.n, trainer.step, buffers.size), buffers)
        self._note()

    def _follow(self, trainer: Trainer) -> None:
        role: Serving | Working = self._serving if self.comm.rank < self.servers else self._working
        begin = role.begin()
        if isinstance(role, Serving):
            role.epoch(begin)
        else:
            role.epoch(begin, lambda: self._worker(trainer, begin))
        end, buffers = role.end()
        unpack_buffers(trainer.model, buffers)
        trainer.running, trainer.step = Averages(end.sums, end.n), end.step

    def _worker(self, trainer: Trainer, begin: Begin) -> WorkerNode:
        trainer.batch = begin.batch
        share = Share(trainer.loader, begin.epoch, begin.samples)  # type: ignore[arg-type]
        learner = TaskLearner(trainer, share, self._seed)
        return WorkerNode(learner, self.shards, self.n_fetch, trainer.accumulate, self._set_rates)

    # -- what follows a message to a server ------------------------------------------------------------------

    def _updated(self, n_samples: int, n_batches: int) -> None:
        if self._trainer.ema is not None:
            self._take_buffers()
        self._trainer.after_update(n_samples, n_batches)

    def _updated_elsewhere(self, n_samples: int, n_batches: int) -> None:
        trainer = self._trainer  # schedule and average are functions of this shard's own updates
        if trainer.schedule is not None and not isinstance(trainer.schedule, Plateau):
            trainer.schedule.step()
        if trainer.ema is not None:
            trainer.ema.update(trainer.model)

    def _take_figures(self, values: Mapping[str, float], n: int) -> None:
        if self._watch.diverges(values["loss"]):
            growth = f"{self._trainer.where()}: the loss has grown tenfold, to {values['loss']:.3g}"
            raise TrainingError(growth + advice(self.staleness_counts, self._rates()[0]))
        self._trainer.take_figures(values, n)

    def _failed(self, rank: int, message: Failed) -> None:
        text = f"rank {rank}: {message.text}"
        if message.diverged:
            raise TrainingError(text + advice(self.staleness_counts, self._rates()[0]))
        if self.on_failure == "stop" or rank < self.servers:
            raise TrainingError(text)
        self._trainer.progress.say(f"{text}; going on without it")

    def _rates(self) -> tuple[float, ...]:
        return tuple(float(group.get("lr", math.nan)) for group in self._trainer.optimizer.groups)

    def _set_rates(self, rates: tuple[float, ...]) -> None:
        for group, lr in zip(self._trainer.optimizer.groups, rates, strict=True):
            if not math.isnan(lr):
                group["lr"] = lr

    def _averages(self) -> Mapping[str, Any]:
        return {} if self._trainer.ema is None else self._trainer.ema.averages

    def _take_buffers(self) -> None:
        """The mean of the workers' running statistics."""
        leader = self._leader
        if leader is not None and leader.node.buffers:
            values = [leader.node.buffers[worker] for worker in sorted(leader.node.buffers)]
            unpack_buffers(self._trainer.model, sum(values[1:], values[0]) / len(values))

    def _note(self) -> None:
        notes = self._trainer.history.notes
        notes["staleness"] = {str(k): n for k, n in sorted(self.staleness_counts.items())}
        notes["leads"] = {str(k): n for k, n in sorted(self.lead_counts.items())}

    # -- what all ranks do -----------------------------------------------------------------------------------

    def save(self, trainer: Trainer, at_once: bool = False) -> Path | None:
        """Gather the other shards (in the asynchronous mode while training goes on), then save.

        The position is that of the first batch that is not done: a resumed run repeats what was done after it.
        """
        leader, saved = self._leader, list[Path | None]()
        if leader is None or trainer.files.directory is None:
            return None

        def write() -> None:
            number = leader.node.dealer.work.first_undone
            kept = trainer.batch, trainer.samples
            trainer.batch, trainer.samples = self._first + number, self._share.samples_before(number)
            self._take_buffers()
            self._note()
            try:
                saved.append(trainer.save())
            finally:
                trainer.batch, trainer.samples = kept

        if at_once or self.staleness == 0:
            leader.gather()
            write()
        else:
            leader.gather(then=write)
        return saved[0] if saved else None

    def timelines(self, trainer: Trainer) -> dict[str, Timeline]:
        """On rank 0, those of all ranks as of the end of the latest epoch; elsewhere this rank's own."""
        here = "server" if self.comm.rank < self.servers else "worker"
        found = {f"{here} {self.comm.rank}": trainer.timeline}
        reports = {} if self._leader is None else self._leader.reports
        for rank, report in sorted(reports.items()):
            name = f"server {rank}" if rank < self.servers else f"worker {rank}"
            found[name] = told = Timeline()
            told.seconds, told.spans = report.seconds, report.spans
        return found

    def total(self, sums: Mapping[str, float]) -> dict[str, float]:
        """What rank 0 summed up, which everyone was told when the epoch ended."""
        return dict(sums)

    def from_main(self, fn: Callable[[], T]) -> T:
        """What `fn` returns on rank 0, on every rank; point to point, for a worker may be dead."""
        if not self.is_main:
            with self._together:
                return self.link.receive(0)
        value = fn()
        if self._leader is not None:
            self._leader.tell(self._leader.alive, value)
            return value
        for rank in sorted(self._others):
            try:
                self.link.send(rank, value)
            except Lost:
                self._others.discard(rank)
        return value

    def close(self) -> None:
        """Rank 0 tells everyone that the job is over, and how; nobody leaves before."""
        if self._signals is not None:
            self._signals.restore()
        if self.is_main:
            alive = self._others if self._leader is None else self._leader.alive
            self._together.dismiss(alive)
        else:
            self._together.await_dismissal()
        self.link.close()
        if self.is_main and len(self.link.dead) == self.comm.size - 1:
            failure.left_alone()
