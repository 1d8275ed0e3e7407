"""Does the loss grow instead of falling? Stale gradients act like a larger learning rate, and may make training diverge."""

from __future__ import annotations

import math
from collections import Counter, deque

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


def advice(staleness: Counter[int], lr: float) -> str:
    """What to try after a divergence, for an error message; nothing where no gradient was stale."""
    mean = sum(updates * n for updates, n in staleness.items()) / max(staleness.total(), 1)
    if not mean or math.isnan(lr):
        return ""
    return f"; gradients are {mean:.1f} updates old on average: try lr {lr / (1 + mean):.2g}, or staleness=0"
