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


@contextlib.contextmanager
def keyed_streams(model: Module, *key: int) -> Iterator[None]:
    """Inside the block the default stream and those that modules hold (dropout) start anew from `key`.

    Afterwards each goes on where it was. `key` are numbers that are not negative, such as (seed, step, rank).
    """
    streams = [default_stream.generator, *(rng for _, rng in generators(model))]
    before = [rng.bit_generator.state for rng in streams]
    for number, rng in enumerate(streams):
        rng.bit_generator.state = type(rng.bit_generator)(np.random.SeedSequence([*key, number])).state
    try:
        yield
    finally:
        for rng, state in zip(streams, before, strict=True):
            rng.bit_generator.state = state
