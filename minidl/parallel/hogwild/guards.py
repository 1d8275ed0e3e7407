"""What stands between a worker and the weights: nothing (Hogwild), a lock on each weight, or its turn.

The three schemes that Recht and others (2011), section 5, compare.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ...data.shared import ALIGNMENT, flat_view, new_block
from .locks import Locks


class Free:
    """Hogwild: whoever wants to write, writes."""

    def __init__(self, context: Any, n_workers: int) -> None:
        pass

    def join(self, number: int, gone: Callable[[], bool]) -> None:
        """Called in worker `number`; ``gone()`` says that the parent is."""

    def enter(self, index: np.ndarray) -> None:
        """Wait until ``w[index]`` may be changed."""

    def leave(self, index: np.ndarray) -> None:
        """It was changed."""


class LockedRows(Free):
    """AIG: all weights of an example are locked, one lock each, while they are changed."""

    def __init__(self, context: Any, n_workers: int) -> None:
        self._locks = Locks()

    def enter(self, index: np.ndarray) -> None:
        self._locks.acquire_all(index.tolist())

    def leave(self, index: np.ndarray) -> None:
        self._locks.release_all(index.tolist())


class RoundRobin(Free):
    """Workers change the weights in turn (Langford, Smola and Zinkevich 2009)."""

    def __init__(self, context: Any, n_workers: int) -> None:
        self._n = n_workers
        self._block = new_block(context, 8 + ALIGNMENT)

    def join(self, number: int, gone: Callable[[], bool]) -> None:
        self._number, self._gone = number, gone
        self._turn = flat_view(self._block, 1, np.int64)

    def enter(self, index: np.ndarray) -> None:
        turn, spins = self._turn, 0
        while turn[0] != self._number:
            spins += 1
            if spins > 100:
                os.sched_yield() if hasattr(os, "sched_yield") else time.sleep(0)
            if spins % 10_000 == 0 and self._gone():
                raise EOFError("the parent is gone")

    def leave(self, index: np.ndarray) -> None:
        self._turn[0] = (self._number + 1) % self._n


GUARDS: dict[str, type[Free]] = {"lock-free": Free, "round robin": RoundRobin, "locked rows": LockedRows}


def pause(seconds: float) -> None:
    """Keep the core busy for so long, as a longer gradient would."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


