"""Deals an epoch's updates to workers in pieces that take about equally long, and hands back results in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..worklist import WorkList

PIECE = 0.02  # seconds of work in a message: long against sending it, short against a change of the learning rate
MOST = 64  # updates in a message: so a worker's answer fits into its pipe, and it never waits for us to read
AHEAD = 2  # pieces that a worker has: the one it works on, and the next, so that it need not wait for us


class Dealer:
    """A :class:`WorkList` with the work itself, its pace, and the results.

    Parameters
    ----------
    units : sequence
        What is dealt, each a tuple that begins with its number: 0, 1, 2, ...
    workers : iterable of int

    Notes
    -----
    Results are handed out in the order of the units, however they arrive: so a count of them says which units are
    done, and a run can be resumed from that count alone.
    """

    def __init__(self, units: Sequence[Any], workers: Iterable[int]) -> None:
        self._units = units
        self._work = WorkList(range(len(units)))
        self._pieces: dict[int, int] = dict.fromkeys(workers, 0)  # that each worker has
        self._seconds = 0.0  # that a unit takes; 0: not known yet
        self._results: dict[int, Any] = {}
        self._next = 0

    def deal(self, worker: int) -> list[Any]:
        """The next piece for `worker`; nothing if it has enough, or if all is dealt."""
        if self._pieces[worker] >= AHEAD:
            return []
        fair = len(self._work) // (2 * AHEAD * len(self._pieces))  # small pieces towards the end: all finish together
        piece = int(PIECE / self._seconds) if self._seconds else 1
        numbers = self._work.deal(worker, max(1, min(piece, fair, MOST)))
        self._pieces[worker] += bool(numbers)
        return [self._units[number] for number in numbers]

    def finish(self, worker: int, results: dict[int, Any], seconds: float) -> None:
        """`worker` did a piece in so many seconds."""
        self._work.finish(worker, results)
        self._results |= results
        self._pieces[worker] -= 1
        pace = seconds / len(results)
        self._seconds = pace if not self._seconds else 0.8 * self._seconds + 0.2 * pace

    def lose(self, worker: int) -> None:
        """`worker` is gone: what it had is dealt next."""
        self._work.lose(worker)
        del self._pieces[worker]

    def in_order(self) -> Iterator[Any]:
        """Results that have not been handed out, up to the first unit that is not done."""
        while self._next in self._results:
            result = self._results.pop(self._next)
            self._next += 1
            yield result

    @property
    def complete(self) -> bool:
        """Whether all is done and handed out."""
        return self._next == len(self._units)
