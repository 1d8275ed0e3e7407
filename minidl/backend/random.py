"""The default stream of random numbers, and streams that depend only on (seed, epoch, index).

Everything random takes ``rng=``; what is not given one draws from the default stream, which ``dl.seed``
restarts. Numbers are drawn on the host, so that a seed means the same on every device.
"""

from __future__ import annotations

from typing import Any

import numpy as np


class DefaultStream:
    """A NumPy generator that can be restarted, saved and put back."""

    def __init__(self) -> None:
        self.generator = np.random.default_rng()

    def restart(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)

    @property
    def state(self) -> dict[str, Any]:
        """The generator's state, as JSON-able numbers."""
        return dict(self.generator.bit_generator.state)

    @state.setter
    def state(self, value: dict[str, Any]) -> None:
        self.generator.bit_generator.state = value


default_stream = DefaultStream()


def seed(n: int) -> None:
    """Restart the default random stream at seed `n`."""
    default_stream.restart(n)


def generator(rng: np.random.Generator | int | None = None) -> np.random.Generator:
    """A generator from a generator, a seed, or (None) the default stream."""
    if rng is None:
        return default_stream.generator
    if isinstance(rng, np.random.Generator):
        return rng
    return np.random.default_rng(rng)
