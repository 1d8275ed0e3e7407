"""Random numbers that depend on where a batch stands in the run, not on which process takes it, nor on what came before.

So a resumed run needs no other process's stream, and with a key per batch any number of processes draws the same masks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np

from ..backend.random import default_stream
from ..nn import Module
from ..train.position import generators


class KeyedStreams:
    """The default stream, and those that a model's modules hold (dropout)."""

    def __init__(self, model: Module) -> None:
        self._held = [rng for _, rng in generators(model)]

    @contextlib.contextmanager
    def at(self, *key: int) -> Iterator[None]:
        """Inside the block all start anew from `key`; afterwards each goes on where it was.

        Parameters
        ----------
        *key : int
            Not negative; for example seed, step, rank.
        """
        streams = [default_stream.generator, *self._held]
        before = [rng.bit_generator.state for rng in streams]
        for number, rng in enumerate(streams):
            rng.bit_generator.state = type(rng.bit_generator)(np.random.SeedSequence([*key, number])).state
        try:
            yield
        finally:
            for rng, state in zip(streams, before, strict=True):
                rng.bit_generator.state = state
