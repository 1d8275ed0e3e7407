"""The other ranks over MPI: a server with its shard, and a worker. Rank 0 begins and ends their epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ...errors import TrainingError
from ...train.timeline import Timeline
from .downpour import Leave
from .leader import Begin, End, Failed, Gather, Owned, Report
from .link import Link, Lost, Stopped
from .nodes import Send, ServerNode
from .shard import Shard
from .worker import Exchange, WorkerNode


class Follower:
    """What servers and workers other than rank 0 share.

    Parameters
    ----------
    link : Link
    timeline : Timeline
    """

    def __init__(self, link: Link, timeline: Timeline) -> None:
        self.link, self.timeline = link, timeline

    def begin(self) -> Begin:
        """Wait for the next epoch."""
        with self.timeline.span("wait"):
            return self.link.receive(0)

    def end(self) -> tuple[End, np.ndarray]:
        """Report, and wait for the end of the epoch."""
        self.link.send(0, Report(dict(self.timeline.seconds), list(self.timeline.spans)))
        with self.timeline.span("wait"):
            message = self.link.receive(0)
        buffers = np.empty(message.n_buffer)
        self.link.receive_arrays(0, [buffers])
        return message, buffers


class Serving(Follower):
    """A server that is not rank 0.

    Parameters
    ----------
    link, timeline : see :class:`Follower`
    node : ServerNode
    shard : Shard
        Of this rank.
    averages : function
        The moving averages of parameters by name, as far as there are.
    """

    def __init__(
        self, link: Link, timeline: Timeline, node: ServerNode, shard: Shard, averages: Callable[[], Mapping[str, Any]]
    ) -> None:
        super().__init__(link, timeline)
        self.node, self.shard, self.averages = node, shard, averages
        self._lost: set[int] = set()

    def epoch(self, begin: Begin) -> None:
        """Serve until rank 0 has gathered the shard for the last time."""
        self.node.begin(w for w in begin.workers if w not in self._lost)
        wanted: list[Gather] = []
        while True:
            for gather in [g for g in wanted if self._may_send(g)]:
                wanted.remove(gather)
                with self.timeline.span("communicate"):
                    self.link.send(0, Owned(), self.shard.owned(self.averages()))
                if gather.last:
                    return
            with self.timeline.span("wait"):
                source, message = self.link.any_of([0, *(w for w in begin.workers if w not in self._lost)])
            if source == 0 and isinstance(message, Lost):
                raise message
            if isinstance(message, Gather):
                wanted.append(message)
            else:
                self._react(source, message)

    def _may_send(self, gather: Gather) -> bool:
        return self.node.rule.version >= gather.at_least and not (gather.last and self.node.rule.clocks)

    def _react(self, source: int, message: Any) -> None:
        try:
            if isinstance(message, Lost):
                raise message
            with self.timeline.span("communicate"):
                self.link.receive_arrays(source, self.node.room(source, message))
            with self.timeline.span("update"):
                sends = self.node.handle(source, message)
        except Lost:
            sends = self._lose(source)
        self._deliver(sends)

    def _deliver(self, sends: list[Send]) -> None:
        for to, message, arrays in sends:
            try:
                with self.timeline.span("communicate"):
                    self.link.send(to, message, arrays)
            except Lost:
                self._deliver(self._lose(to))

    def _lose(self, worker: int) -> list[Send]:
        if worker in self._lost:
            return []
        self._lost.add(worker)
        return self.node.lose(worker)


class Working(Follower):
    """A worker.

    Parameters
    ----------
    link, timeline : see :class:`Follower`
    n_servers : int
    retire : bool
        On an error, tell rank 0 and let the others go on without this worker, instead of ending the job.
    """

    def __init__(self, link: Link, timeline: Timeline, n_servers: int, retire: bool) -> None:
        super().__init__(link, timeline)
        self.n_servers, self.retire = n_servers, retire

    def epoch(self, begin: Begin, make: Callable[[], WorkerNode]) -> None:
        """Train until rank 0 says that all is done; without work for this rank, only wait for the end."""
        if self.link.comm.rank not in begin.workers:
            return
        try:
            node = make()
            self._drive(node, node.epoch())
        except (Lost, Stopped, TrainingError):  # what concerns all ranks
            raise
        except Exception as error:
            if not self.retire:
                raise
            self.link.send(0, failure_of(error))
            for server in range(1, self.n_servers):
                self.link.send(server, Leave())

    def _drive(self, node: WorkerNode, wishes: Iterator[Exchange]) -> None:
        answers: list[Any] | None = None
        while True:
            try:
                exchange = next(wishes) if answers is None else wishes.send(answers)  # type: ignore[attr-defined]
            except StopIteration:
                return
            with self.timeline.span("communicate"):
                for to, message, arrays in exchange.sends:
                    self.link.send(to, message, arrays)
            answers = [self._answer(node, server) for server in exchange.awaited]

    def _answer(self, node: WorkerNode, server: int) -> Any:
        with self.timeline.span("wait"):
            message = self.link.receive(server)
        with self.timeline.span("communicate"):
            self.link.receive_arrays(server, node.room(server, message))
        return message


def failure_of(error: BaseException) -> Failed:
    """An error as a message to rank 0."""
    text = " ".join(str(error).split())
    return Failed(f"{type(error).__name__}: {text}", isinstance(error, TrainingError))
