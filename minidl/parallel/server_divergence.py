"""Does the loss grow instead of falling? Stale gradients act like a larger learning rate, and may make training diverge."""

from __future__ import annotations

from collections import deque

FACTOR, WINDOW = 10.0, 20


class LossWatch:
    """Compares the mean loss of the latest batches with that of the first ones."""

    def __init__(self) -> None:
        self._first: float | None = None
        self._latest: deque[float] = deque(maxlen=WINDOW)

    def diverges(self, loss: float) -> bool:
        """Take in a batch's loss; whether the latest are ten times the first ones, in the mean."""
        self._latest.append(loss)
        if len(self._latest) < WINDOW:
            return False
        mean = sum(self._latest) / WINDOW
        if self._first is None:
            self._first = mean
        return mean > FACTOR * self._first > 0
