"""Rank 0 over MPI: it serves its shard, deals the epoch, notices who dies, and gathers the other servers' shards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import TrainingError
from ...train.timeline import Span, Timeline
from .downpour import Server
from .link import Link, Lost
from .nodes import Coordinator, Send
from .shard import Shard


@dataclass(frozen=True)
class Begin:
    """To every rank: an epoch starts at this position, with these workers."""

    epoch: int
    samples: int
    batch: int
    workers: tuple[int, ...]


@dataclass(frozen=True)
class Gather:
    """To another server: send all that you own, when your version is `at_least` this and (`last`) nobody trains."""

    at_least: int
    last: bool


@dataclass(frozen=True)
class Owned:
    """The answer to Gather; the arrays follow."""


@dataclass(frozen=True)
class Report:
    """To rank 0, at the end of an epoch: where this rank's time has gone."""

    seconds: dict[str, float]
    spans: list[Span]


@dataclass(frozen=True)
class End:
    """To every rank: the epoch is over. The mean of the workers' running statistics follows."""

    sums: dict[str, float]
    n: int
    step: int
    n_buffer: int


@dataclass(frozen=True)
class Failed:
    """To rank 0: this rank raised an error."""

    text: str
    diverged: bool


class Leader:
    """Rank 0's loop.

    Parameters
    ----------
    link : Link
    node : Coordinator
    shards : sequence of Shard
        All servers', of this rank's space.
    timeline : Timeline
    averages : function
        The moving averages of parameters by name, as far as there are.
    failed : function
        ``failed(rank, message)`` decides what follows an error of another rank: it raises, or training goes on.
    say : function
        Tells the user something.

    Attributes
    ----------
    alive, workers : set of int
        Other ranks that are there; those of them that train.
    lost : set of int
        Ranks that died.
    reports : dict
        The latest Report of each rank.
    """

    def __init__(
        self,
        link: Link,
        node: Coordinator,
        shards: list[Shard],
        timeline: Timeline,
        averages: Callable[[], Mapping[str, Any]],
        failed: Callable[[int, Failed], None],
        say: Callable[[str], None],
    ) -> None:
        self.link, self.node, self.shards, self.timeline = link, node, shards, timeline
        self.averages, self.failed, self.say = averages, failed, say
        self.alive = set(range(1, link.comm.size))
        self.workers = set(range(len(shards), link.comm.size))
        self.lost: set[int] = set()
        self.reports: dict[int, Report] = {}
        self._reported: set[int] = set()  # in this epoch; who has no work may do so long before its end
        self._gathering: set[int] = set()
        self._when_gathered: Callable[[], object] = lambda: None

    @property
    def rule(self) -> Server:
        """The server's rule of this rank."""
        return self.node.rule

    def epoch(self, begin: Begin, n_batches: int, portion: int) -> None:
        """Serve and deal until every batch is done, every worker knows, and all shards are here."""
        self.node.deal(range(n_batches), sorted(self.workers), portion)
        self._reported.clear()
        self.tell(self.alive, begin)
        while not self.node.dealer.over:
            if not self.workers:
                raise TrainingError("every worker has died or failed")
            self.react(*self._next(self.alive))
        while self._gathering:
            self.react(*self._next(self._gathering))
        self.gather(last=True)

    def end(self, message: End, buffers: np.ndarray) -> None:
        """Everyone reports and leaves the epoch."""
        while waiting := self.alive - self._reported:
            self.react(*self._next(waiting))
        self.tell(self.alive, message, [buffers])

    def tell(self, ranks: Iterable[int], message: Any, arrays: Iterable[Any] = ()) -> None:
        """Send the same to several ranks."""
        self._deliver([Send(rank, message, list(arrays)) for rank in sorted(ranks)])

    # -- other servers' shards -----------------------------------------------------------------------------

    def gather(self, last: bool = False, then: Callable[[], object] | None = None) -> None:
        """Bring the other servers' shards into this rank's arrays; `then` is called later, without it this waits."""
        if self._gathering and then is not None:
            return  # the one that is under way will do
        while self._gathering:
            self.react(*self._next(self._gathering))
        others = set(range(1, len(self.shards)))
        # a worker pushes to the others first, so they are or will be as far as this server, unless one died meanwhile
        at_least = min(self.rule.version, 1) if self.lost else self.rule.version
        self.tell(others, Gather(at_least, last))
        self._gathering, self._when_gathered = others, then or (lambda: None)
        if then is not None and not others:
            then()
        while then is None and self._gathering:
            self.react(*self._next(self._gathering))

    def _take_shard(self, server: int) -> None:
        self.link.receive_arrays(server, self.shards[server].owned(self.averages()))
        self._gathering.discard(server)
        if not self._gathering:
            self.shards[server].space.changed_in_place()
            self._when_gathered()

    # -- messages ------------------------------------------------------------------------------------------

    def _next(self, ranks: Iterable[int]) -> tuple[int, Any]:
        with self.timeline.span("wait"):
            return self.link.any_of(ranks)

    def react(self, source: int, message: Any) -> None:
        """Do what a message, or the death of its sender, asks for."""
        match message:
            case Lost():
                self._lose(source)
            case Failed():
                self.failed(source, message)
                self.workers.discard(source)
                self._deliver(self.node.lose(source))
            case Report():
                self.reports[source] = message
                self._reported.add(source)
            case Owned():
                self._take_shard(source)
            case _:
                self._train(source, message)

    def _train(self, source: int, message: Any) -> None:
        try:
            with self.timeline.span("communicate"):
                self.link.receive_arrays(source, self.node.room(source, message))
        except Lost:
            self._lose(source)
            return
        with self.timeline.span("update"):
            sends = self.node.handle(source, message)
        self._deliver(sends)

    def _deliver(self, sends: Iterable[Send]) -> None:
        for to, message, arrays in sends:
            if to in self.alive:
                try:
                    with self.timeline.span("communicate"):
                        self.link.send(to, message, arrays)
                except Lost:
                    self._lose(to)

    def _lose(self, rank: int) -> None:
        if rank not in self.alive:
            return
        self.alive.discard(rank)
        self.lost.add(rank)
        if rank < len(self.shards):
            raise TrainingError(f"server {rank} (rank {rank}) has died")
        self.workers.discard(rank)
        if self.workers:
            self.say(f"rank {rank}, a worker, has died; the others go on with its share")
        self._deliver(self.node.lose(rank))
