"""What a worker does: it drives the Downpour rule, computes gradients, and says what it sends and whom it waits for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from .downpour import Compute, Fetch, Leave, Push, Ready, downpour
from .nodes import Figures, Gradients, Send, Weights
from .shard import Shard


class Exchange(NamedTuple):
    """Messages to send, then the ranks that one answer is awaited from each."""

    sends: list[Send]
    awaited: list[int]


class Learner(Protocol):
    """Where gradients come from."""

    def compute(self, numbers: tuple[int, ...], step: bool) -> Figures:
        """Accrue the gradient of the mean loss over these batches; with `step`, also make a local step."""

    def push(self) -> None:
        """Leave in the space all that was accrued since the last push."""

    def buffers(self) -> np.ndarray:
        """The model's running statistics in one flat float64 array."""


class WorkerNode:
    """A worker; server j is rank j, and keeps ``shards[j]``.

    Parameters
    ----------
    learner : Learner
    shards : sequence of Shard
        One per server, all of this worker's space.
    n_fetch, accumulate : int
        See :func:`~minidl.parallel.downpour.downpour`.
    take_rates : function
        Called with the learning rates that come with each portion of work.
    """

    def __init__(
        self,
        learner: Learner,
        shards: Sequence[Shard],
        n_fetch: int,
        accumulate: int,
        take_rates: Callable[[tuple[float, ...]], None] = lambda rates: None,
    ) -> None:
        self.learner, self.shards, self.take_rates = learner, list(shards), take_rates
        self.n_fetch, self.accumulate = n_fetch, accumulate
        self._versions = [0] * len(self.shards)
        self._done: list[int] = []
        self._figures: Figures = ()
        self._arrived: dict[int, list[Any]] = {}

    def epoch(self) -> Generator[Exchange, list[Any], None]:
        """The rule's wishes as exchanges; is sent the answers, whose arrays are where :meth:`room` said."""
        rule, answer = downpour(self.n_fetch, self.accumulate), None
        while True:
            try:
                wish = rule.send(answer)
            except StopIteration:
                return
            answer = None
            match wish:
                case Ready():
                    (work,) = yield Exchange([Send(0, wish, [])], [0])
                    self.take_rates(work.rates)
                    answer = work.numbers
                case Fetch():
                    everyone = list(range(len(self.shards)))
                    answers = yield Exchange([Send(server, wish, []) for server in everyone], everyone)
                    for server, weights in zip(everyone, answers, strict=True):
                        self._take(server, weights)
                case Compute(numbers, step):
                    self._figures += self.learner.compute(numbers, step)
                    self._done += numbers
                case Push():
                    yield Exchange(self._gradients(), [])
                case Leave():
                    yield Exchange([Send(server, wish, []) for server in range(len(self.shards))], [])

    def room(self, source: int, message: Any) -> list[Any]:
        """Arrays to receive what follows `message`."""
        if not isinstance(message, Weights):
            return []
        self._arrived[source] = self.shards[source].weights_room(message.rows)
        return self._arrived[source]

    def _take(self, server: int, weights: Weights) -> None:
        self.shards[server].take_weights(self._arrived.pop(server))
        self._versions[server] = weights.version

    def _gradients(self) -> list[Send]:
        """The push: to the coordinator last, so that what it counts as done has gone to all."""
        self.learner.push()
        n_samples, buffers = sum(n for _, n in self._figures), self.learner.buffers()
        sends = []
        for server in reversed(range(len(self.shards))):
            g = self.shards[server].gradient()
            message = Gradients(self._versions[server], n_samples, g.touched, g.rows, tuple(self._done))
            if server == 0:
                message = Gradients(
                    message.version, n_samples, g.touched, g.rows, message.numbers, self._figures, buffers.size
                )
                g.arrays += [buffers] if buffers.size else []
            sends.append(Send(server, message, g.arrays))
        self._done, self._figures = [], ()
        return sends
