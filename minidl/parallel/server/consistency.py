"""How far workers may drift apart: asynchronous, stale-synchronous with a bound (Ho and others 2013), synchronous.

A consistency rule answers two questions from the workers' clocks, the pushes each has made in the epoch: which
gradients become an update now, and may a worker have the weights now?
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from ...errors import ArgumentError


class Consistency(Protocol):
    """A rule; `clocks` has the workers that take part in the epoch and are alive."""

    def updates(self, pushed: Collection[int], clocks: Mapping[int, int]) -> list[list[int]]:
        """The updates to make now: for each, the workers whose gradients it is the mean of."""

    def may_fetch(self, worker: int, clocks: Mapping[int, int]) -> bool:
        """Whether `worker` may have the weights now."""


class Asynchronous:
    """Nobody waits: each gradient is an update of its own, however old (Dean and others 2012)."""

    def updates(self, pushed: Collection[int], clocks: Mapping[int, int]) -> list[list[int]]:
        return [[worker] for worker in pushed]

    def may_fetch(self, worker: int, clocks: Mapping[int, int]) -> bool:
        return True


class StaleSynchronous(Asynchronous):
    """A worker that is more than `bound` clocks ahead of the slowest waits for it (Ho and others 2013, section 3).

    So weights at clock c hold every gradient of every worker up to its clock c - bound. Among P workers an update is
    then at most (P - 1)(2 bound + 1) updates stale.
    """

    def __init__(self, bound: int) -> None:
        self.bound = bound

    def may_fetch(self, worker: int, clocks: Mapping[int, int]) -> bool:
        return clocks[worker] - min(clocks.values()) <= self.bound


class Synchronous:
    """One update per round, from the mean gradient of all workers: the same as summing over all of them."""

    def updates(self, pushed: Collection[int], clocks: Mapping[int, int]) -> list[list[int]]:
        complete = bool(pushed) and all(worker in pushed for worker in clocks)
        return [sorted(pushed)] if complete else []

    def may_fetch(self, worker: int, clocks: Mapping[int, int]) -> bool:
        return True  # its own gradient has been applied: the round is over


def consistency(staleness: int | None) -> Consistency:
    """The rule for a bound: None for none, 0 for synchronous.

    Raises
    ------
    ArgumentError
        The bound is negative.
    """
    if staleness is None:
        return Asynchronous()
    if isinstance(staleness, bool) or not isinstance(staleness, int) or staleness < 0:
        raise ArgumentError(f"ParameterServer: staleness must be None or an integer of at least 0, got {staleness!r}")
    return StaleSynchronous(staleness) if staleness else Synchronous()
