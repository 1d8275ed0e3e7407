"""What a rank with a shard does: it receives messages, keeps its shard, and says what is to be sent to whom.

Still no transport: messages and arrays go in and out. Rank 0 is a server like the others, and the coordinator too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .consistency import Consistency, Synchronous
from .dealing import Deal, Dealer
from .downpour import Fetch, Leave, Ready, Server
from .shard import Gradient, Shard

Figures = tuple[tuple[dict[str, float], int], ...]  # means, number of samples; of each batch


class Send(NamedTuple):
    """A message to be sent, and the arrays that follow it."""

    to: int
    message: Any
    arrays: list[Any]


@dataclass(frozen=True)
class Work:
    """The coordinator's answer to Ready: batches, and the learning rates for local steps."""

    numbers: tuple[int, ...] | None
    rates: tuple[float, ...]


@dataclass(frozen=True)
class Weights:
    """A server's answer to Fetch; dense slices and changed rows follow."""

    version: int
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Gradients:
    """A push on its way to one server; its arrays follow, and to the coordinator those of `n_buffer` values."""

    version: int
    n_samples: int
    touched: tuple[bool, ...]
    rows: tuple[int, ...]
    numbers: tuple[int, ...] = ()
    figures: Figures = ()
    n_buffer: int = 0


class ServerNode:
    """A server with its shard.

    Parameters
    ----------
    shard : Shard
    consistency : Consistency
    after_update : function
        ``after_update(n_samples, n_batches)`` follows each update of the shard.
    """

    def __init__(self, shard: Shard, consistency: Consistency, after_update: Callable[[int, int], None]) -> None:
        self.shard, self.after_update = shard, after_update
        self.rule = Server(consistency, self._apply)
        self._private = isinstance(consistency, Synchronous)  # gradients wait for each other in arrays of their own
        self._received: dict[int, tuple[Gradient, Gradients]] = {}
        self._known: dict[int, int] = {}  # worker -> version of the weights it has

    def begin(self, workers: Iterable[int]) -> None:
        """An epoch starts."""
        self.rule.begin(workers)

    def room(self, source: int, message: Any) -> list[Any]:
        """Arrays to receive what follows `message`."""
        if not isinstance(message, Gradients):
            return []
        gradient = self.shard.room(message.touched, message.rows, self._private)
        self._received[source] = gradient, message
        return gradient.arrays

    def handle(self, source: int, message: Any) -> list[Send]:
        """React to a message whose arrays are where :meth:`room` said."""
        match message:
            case Fetch():
                return self._weights(self.rule.fetch(source))
            case Gradients():
                return self._weights(self.rule.push(source, message.version))
            case Leave():
                return self._weights(self.rule.leave(source))
        raise TypeError(f"a server got a {type(message).__name__}")

    def lose(self, worker: int) -> list[Send]:
        """`worker` is dead."""
        self._received.pop(worker, None)
        return self._weights(self.rule.lose(worker))

    def _apply(self, workers: list[int]) -> None:
        pushed = [self._received.pop(worker) for worker in workers]
        self.shard.apply([(gradient, message.n_samples) for gradient, message in pushed], self.rule.version)
        self.after_update(sum(m.n_samples for _, m in pushed), sum(len(m.numbers) for _, m in pushed))

    def _weights(self, workers: Iterable[int]) -> list[Send]:
        sends = []
        for worker in workers:
            rows = self.shard.changed(self._known.get(worker, -1))
            self._known[worker] = self.rule.version
            message = Weights(self.rule.version, tuple(map(len, rows)))
            sends.append(Send(worker, message, self.shard.weights(rows)))
        return sends


class Coordinator(ServerNode):
    """The first server, which also deals the batches and takes in the figures.

    Parameters
    ----------
    shard, consistency, after_update : see :class:`ServerNode`
    take_figures : function
        ``take_figures(means, n_samples)`` for each batch.
    rates : function
        The present learning rate of each group.

    Attributes
    ----------
    dealer : Dealer
        Of the present epoch.
    buffers : dict
        The latest running statistics of each worker that is there, as one flat array.
    """

    def __init__(
        self,
        shard: Shard,
        consistency: Consistency,
        after_update: Callable[[int, int], None],
        take_figures: Callable[[Mapping[str, float], int], None],
        rates: Callable[[], tuple[float, ...]],
    ) -> None:
        super().__init__(shard, consistency, after_update)
        self.take_figures, self.rates = take_figures, rates
        self.buffers: dict[int, np.ndarray] = {}
        self.dealer = Dealer((), (), 1, False)

    def deal(self, numbers: Iterable[int], workers: Iterable[int], portion: int) -> None:
        """An epoch starts: these batches are to be done, dealt `portion` at a time."""
        workers = list(workers)
        self.begin(workers)
        self.dealer = Dealer(numbers, workers, portion, in_rounds=isinstance(self.rule.consistency, Synchronous))

    def room(self, source: int, message: Any) -> list[Any]:
        arrays = super().room(source, message)
        if isinstance(message, Gradients) and message.n_buffer:
            self.buffers[source] = np.empty(message.n_buffer)
            return [*arrays, self.buffers[source]]
        return arrays

    def handle(self, source: int, message: Any) -> list[Send]:
        if isinstance(message, Ready):
            return self._work(self.dealer.ready(source))
        if isinstance(message, Gradients):
            self.dealer.done(source, message.numbers)
            for values, n in message.figures:
                self.take_figures(values, n)
        return super().handle(source, message)

    def lose(self, worker: int) -> list[Send]:
        self.buffers.pop(worker, None)
        return super().lose(worker) + self._work(self.dealer.lose(worker))

    def _work(self, deals: Iterable[Deal]) -> list[Send]:
        return [Send(worker, Work(numbers, self.rates()), []) for worker, numbers in deals]
