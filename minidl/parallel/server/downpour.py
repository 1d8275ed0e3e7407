"""Downpour SGD (Dean and others 2012, algorithm 7.1 of the supplement): the worker's rule and the server's.

State machines without a transport: a rule never sends anything and holds no array; it says what to do next. The
same two run over MPI and on the deterministic transport of the tests. Deep Learning, section 12.1.3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any

from .consistency import Consistency


@dataclass(frozen=True)
class Ready:
    """To the coordinator, which answers with the next steps: batch numbers, () for none now, None for the end."""


@dataclass(frozen=True)
class Fetch:
    """To every server, which answers with its weights when its consistency rule allows."""


@dataclass(frozen=True)
class Compute:
    """Add the gradient of the mean loss over some batches to what is accrued; with `step`, also step locally."""

    numbers: tuple[int, ...]
    step: bool


@dataclass(frozen=True)
class Push:
    """To every server: the accrued gradient, which starts from zero again; what it was made of is done then."""


@dataclass(frozen=True)
class Leave:
    """To every server: nobody need wait for this worker until it fetches again."""


def downpour(n_fetch: int = 1, accumulate: int = 1) -> Generator[Any, Any, None]:
    """One worker's epoch: yields what to do, and is sent the answer.

    Gradients are pushed at the end of what the coordinator dealt, which is `n_push` steps.

    Parameters
    ----------
    n_fetch : int
        Steps from one fetch of the weights to the next; between them the worker steps locally, as in the paper.
    accumulate : int
        Batches of a step.
    """
    step = 0
    while (numbers := (yield Ready())) is not None:
        if not numbers:
            yield Leave()
            step = 0  # whoever comes back to take over a lost worker's share fetches first
            continue
        for group in _groups(numbers, accumulate):
            if step % n_fetch == 0:
                yield Fetch()
            step += 1
            yield Compute(group, step=step % n_fetch != 0)
        yield Push()


class Server:
    """What a server does with a message: which pushes become an update now, and whose fetch is answered now.

    Parameters
    ----------
    consistency : Consistency
    apply : function
        ``apply(workers)``: one update from the gradients that these workers pushed.

    Attributes
    ----------
    version : int
        Updates made.
    clocks : dict
        Pushes in this epoch of each worker that takes part in it.
    staleness : Counter
        Of every push, the updates between its fetch and its own.
    leads : Counter
        Of every fetch that was answered, how many clocks the worker was ahead of the slowest.
    """

    def __init__(self, consistency: Consistency, apply: Callable[[list[int]], None]) -> None:
        self.consistency, self.apply = consistency, apply
        self.version = 0
        self.clocks: dict[int, int] = {}
        self.staleness: Counter[int] = Counter()
        self.leads: Counter[int] = Counter()
        self._pushed: dict[int, int] = {}  # worker -> version that its gradient is of, not yet applied
        self._fetching: list[int] = []

    def begin(self, workers: Iterable[int]) -> None:
        """An epoch starts, and all `workers` take part."""
        self.clocks = dict.fromkeys(workers, 0)

    def fetch(self, worker: int) -> list[int]:
        """`worker` wants the weights; returns the workers that get them now."""
        self.clocks.setdefault(worker, min(self.clocks.values(), default=0))
        self._fetching.append(worker)
        return self._answered()

    def push(self, worker: int, version: int) -> list[int]:
        """A gradient came that `worker` computed at weights of `version`."""
        self._pushed[worker] = version
        self.clocks[worker] = self.clocks.get(worker, 0) + 1
        return self._update()

    def leave(self, worker: int) -> list[int]:
        """`worker` has nothing to do, or is gone."""
        self.clocks.pop(worker, None)
        return self._update()

    def lose(self, worker: int) -> list[int]:
        """`worker` is dead: what it asked and what was not yet applied is forgotten."""
        self._pushed.pop(worker, None)
        self._fetching = [w for w in self._fetching if w != worker]
        return self.leave(worker)

    def _update(self) -> list[int]:
        for workers in self.consistency.updates(self._pushed, self.clocks):
            self.staleness.update(self.version - self._pushed.pop(worker) for worker in workers)
            self.version += 1
            self.apply(workers)
        return self._answered()

    def _answered(self) -> list[int]:
        allowed = self.consistency.may_fetch
        now = [w for w in self._fetching if w not in self._pushed and allowed(w, self.clocks)]
        self._fetching = [w for w in self._fetching if w not in now]
        self.leads.update(self.clocks[w] - min(self.clocks.values()) for w in now)
        return now


def _groups(numbers: Iterable[int], size: int) -> list[tuple[int, ...]]:
    numbers = tuple(numbers)
    return [numbers[i : i + size] for i in range(0, len(numbers), size)]
