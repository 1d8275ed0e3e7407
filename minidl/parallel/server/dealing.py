"""The coordinator's rule: who trains on which batches next, until every batch of the epoch is done."""

from __future__ import annotations

from collections.abc import Iterable

from ..worklist import WorkList

Deal = tuple[int, tuple[int, ...] | None]  # a worker, and its batches: () for none now, None for the end


class Dealer:
    """Deals the batches of an epoch in small portions to whoever is ready, so that no straggler holds up the end.

    Parameters
    ----------
    numbers : iterable of int
        Batches, in order.
    workers : iterable of int
    portion : int
        Batches dealt at a time.
    in_rounds : bool
        Deal only when all workers are ready, in their order: round r of k workers then has the batches that batch r of
        one process, k times as large, would have.

    Attributes
    ----------
    work : WorkList
    """

    def __init__(self, numbers: Iterable[int], workers: Iterable[int], portion: int, in_rounds: bool) -> None:
        self.work = WorkList(numbers)
        self.portion, self.in_rounds = portion, in_rounds
        self._present = dict.fromkeys(workers, False)  # worker -> whether it has left the servers' clocks
        self._ready: list[int] = []

    def ready(self, worker: int) -> list[Deal]:
        """`worker` has done all it had; returns who gets what now."""
        self._ready.append(worker)
        return self._deal()

    def done(self, worker: int, numbers: Iterable[int]) -> None:
        """The gradient of these batches has arrived."""
        self.work.finish(worker, numbers)

    def lose(self, worker: int) -> list[Deal]:
        """`worker` is gone: its share goes to others."""
        self._present.pop(worker, None)
        self._ready = [w for w in self._ready if w != worker]
        self.work.lose(worker)
        return self._deal()

    @property
    def over(self) -> bool:
        """Whether every batch is done and every worker knows."""
        return self.work.complete and not self._present

    def _deal(self) -> list[Deal]:
        if self.in_rounds and len(self._ready) < len(self._present):
            return []
        deals: list[Deal] = []
        for worker in sorted(self._ready) if self.in_rounds else list(self._ready):
            numbers = tuple(self.work.deal(worker, self.portion))
            if numbers:
                self._present[worker] = False
                deals.append((worker, numbers))
            elif not self._present[worker]:  # let it leave the clocks; it may be needed again if another one dies
                self._present[worker] = True
                deals.append((worker, ()))
        answered = {worker for worker, _ in deals}
        self._ready = [w for w in self._ready if w not in answered]
        if self.work.complete and all(self._present.values()) and len(self._ready) == len(self._present):
            deals += [(worker, None) for worker in self._ready]
            self._ready, self._present = [], {}
        return deals
