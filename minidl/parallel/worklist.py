"""The batches of an epoch, dealt out to workers: each is done once, and again only where a worker was lost with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable


class WorkList:
    """Which batches are still to be dealt, which are with whom, and which are done.

    Parameters
    ----------
    numbers : iterable of int
        The batches of the epoch, in the order in which they are dealt.

    Attributes
    ----------
    done : list of int
        In the order in which they were finished.
    """

    def __init__(self, numbers: Iterable[int]) -> None:
        self._waiting = deque(numbers)
        self._dealt: dict[Hashable, list[int]] = {}
        self.done: list[int] = []

    def deal(self, worker: Hashable, most: int = 1) -> list[int]:
        """Up to `most` batches for `worker`; none when all are dealt."""
        numbers = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        self._dealt.setdefault(worker, []).extend(numbers)
        return numbers

    def finish(self, worker: Hashable, numbers: Iterable[int]) -> None:
        """`worker` has done these of its batches."""
        for number in numbers:
            self._dealt[worker].remove(number)
            self.done.append(number)

    def lose(self, worker: Hashable) -> list[int]:
        """`worker` is gone: what it had and did not finish is dealt next; returns it."""
        lost = self._dealt.pop(worker, [])
        self._waiting.extendleft(reversed(lost))
        return lost

    @property
    def complete(self) -> bool:
        """Whether every batch is done."""
        return not self._waiting and not any(self._dealt.values())

    @property
    def first_undone(self) -> int:
        """The smallest number that is not done, of numbers that count from 0: all before it are."""
        undone = [*self._waiting, *(number for numbers in self._dealt.values() for number in numbers)]
        return min(undone, default=len(self.done))

    def __len__(self) -> int:
        """Batches that are not yet done."""
        return len(self._waiting) + sum(map(len, self._dealt.values()))
