"""The default stream of random numbers, and streams that depend only on (seed, epoch, index).

Everything random takes ``rng=``; what is not given one draws from the default stream, which ``dl.seed``
restarts. Numbers are drawn on the host, so that a seed means the same on every device.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
        for seen in _watching.by:
            seen.setdefault(rng, rng.bit_generator.state)
        return rng
    return np.random.default_rng(rng)


# -- drawing the same numbers again ----------------------------------------------------------------------


class _Watching(threading.local):
    """Who in this thread wants to know which generators are used."""

    def __init__(self) -> None:
        self.by: list[dict[np.random.Generator, Any]] = []


_watching = _Watching()


class Draws:
    """Remembers the random streams that a stretch of program uses, so that it can be run again on the same numbers."""

    def __init__(self) -> None:
        self._default = default_stream.state
        self._given: dict[np.random.Generator, Any] = {}  # state before its first use

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Watch for generators that are handed to ``rng=``."""
        _watching.by.append(self._given)
        try:
            yield
        finally:
            _watching.by.remove(self._given)

    @contextmanager
    def repeated(self) -> Iterator[None]:
        """Set all streams back to where they were, and afterwards to where they are now."""
        now, now_given = default_stream.state, {rng: rng.bit_generator.state for rng in self._given}
        default_stream.state = self._default
        for rng, state in self._given.items():
            rng.bit_generator.state = state
        try:
            yield
        finally:
            default_stream.state = now
            for rng, state in now_given.items():
                rng.bit_generator.state = state
