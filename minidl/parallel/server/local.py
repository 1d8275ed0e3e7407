"""The parameter server in one process: every message is delivered in an order that only a seed decides.

A deterministic transport for the same rules and nodes that run over MPI: for tests, and to look at an asynchronous
run again and again. Messages of one rank to another keep their order; which pair's message comes next is drawn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .nodes import Coordinator, Send, ServerNode
from .worker import WorkerNode


class LocalRun:
    """One epoch of servers and workers.

    Parameters
    ----------
    servers : sequence of ServerNode
        Number 0 is a Coordinator, which has been told what to deal.
    workers : mapping
        By rank, after the servers'.
    rng : numpy.random.Generator
        Draws who is next.
    watch : function, optional
        Called before every delivery with the run.

    Attributes
    ----------
    delivered : int
        Messages so far.
    """

    def __init__(
        self,
        servers: Sequence[ServerNode],
        workers: Mapping[int, WorkerNode],
        rng: np.random.Generator,
        watch: Callable[[LocalRun], None] = lambda run: None,
    ) -> None:
        self.servers, self.workers, self.rng, self.watch = list(servers), dict(workers), rng, watch
        self.delivered = 0
        self._channels: dict[tuple[int, int], deque[tuple[Any, list[Any]]]] = {}
        self._epochs = {rank: worker.epoch() for rank, worker in self.workers.items()}
        self._awaited: dict[int, dict[int, Any]] = {}
        for rank in list(self.workers):
            self._go_on(rank, None)

    def run(self) -> None:
        """Deliver messages until every worker has heard that the epoch is over, and every server all that was sent."""
        while True:
            self.watch(self)
            waiting = [pair for pair, channel in sorted(self._channels.items()) if channel]
            if not waiting and not self._awaited:
                return
            if not waiting:
                raise RuntimeError(f"deadlock: workers {sorted(self._awaited)} wait, and no message is on its way")
            source, to = waiting[self.rng.integers(len(waiting))]
            message, arrays = self._channels[source, to].popleft()
            self.delivered += 1
            if to in self.workers:
                self._answer(source, to, message, arrays)
            else:
                node = self.servers[to]
                _copy(arrays, node.room(source, message))
                self._send(to, node.handle(source, message))

    def kill(self, worker: int) -> None:
        """A worker dies: whatever it sent and has not arrived is lost, each server notices at once."""
        self.workers.pop(worker)
        self._awaited.pop(worker, None)
        self._channels = {pair: channel for pair, channel in self._channels.items() if worker not in pair}
        for rank, node in enumerate(self.servers):
            self._send(rank, node.lose(worker))

    def _answer(self, source: int, to: int, message: Any, arrays: list[Any]) -> None:
        _copy(arrays, self.workers[to].room(source, message))
        answers = self._awaited[to]
        answers[source] = message
        if all(answer is not None for answer in answers.values()):
            self._go_on(to, list(answers.values()))

    def _go_on(self, rank: int, answers: list[Any] | None) -> None:
        """Let a worker work until it waits for an answer."""
        self._awaited.pop(rank, None)
        while True:
            try:
                exchange = self._epochs[rank].send(answers) if answers is not None else next(self._epochs[rank])
            except StopIteration:
                return
            self._send(rank, exchange.sends)
            if exchange.awaited:
                self._awaited[rank] = dict.fromkeys(exchange.awaited)
                return
            answers = []

    def _send(self, source: int, sends: Sequence[Send]) -> None:
        for to, message, arrays in sends:
            if to < len(self.servers) or to in self.workers:
                channel = self._channels.setdefault((source, to), deque())
                channel.append((message, [np.array(a) for a in arrays]))


def make_run(
    servers: Sequence[ServerNode],
    workers: Mapping[int, WorkerNode],
    n_batches: int,
    portion: int = 1,
    seed: int = 0,
    watch: Callable[[LocalRun], None] = lambda run: None,
) -> LocalRun:
    """A run of `n_batches`, dealt `portion` at a time; everyone told that the epoch begins."""
    coordinator = servers[0]
    if not isinstance(coordinator, Coordinator):
        raise TypeError("server 0 must be a Coordinator")
    coordinator.deal(range(n_batches), workers, portion)
    for server in servers[1:]:
        server.begin(workers)
    return LocalRun(servers, workers, np.random.default_rng(seed), watch)


def _copy(arrays: Sequence[Any], room: Sequence[Any]) -> None:
    for source, target in zip(arrays, room, strict=True):
        target[...] = source
