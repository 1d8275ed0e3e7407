"""Who goes through which samples: every example of an epoch once, by one process, for any number of processes.

Only what is left of the epoch is shared out, so that another number of processes can go on in the middle of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...train.position import batches
from ...train.trainer import Trainer
from ..comm import Comm


class Spare(tuple[Any, ...]):
    """A batch that another process trains on: for one that has none left but must take part in the forward pass."""


def every_nth(trainer: Trainer, comm: Comm, spares: bool = False, split: bool = False) -> Iterator[Any]:
    """Every size-th sample, in batches: batch k of all ranks together is batch k of one process with size * b.

    Parameters
    ----------
    trainer : Trainer
    comm : Comm
    spares : bool
        Give a :class:`Spare` to a rank for which no samples are left.
    split : bool
        Let b samples, the loader's batch size, be the batch of all ranks together.

    Yields
    ------
    batch or None
        One item for each batch of the loader: of `size` items in a row (one, if split), the first is this rank's, with
        its share of all their samples; None where there is nothing.
    """
    if not hasattr(trainer.loader, "batches_of"):
        yield from _whole_batches(trainer, comm, spares)
        return
    loader: Any = trainer.loader
    b = loader.batch_size
    together, each = (b, -(-b // comm.size)) if split else (comm.size * b, b)
    rounds = _rounds(loader.order(trainer.epoch)[trainer.samples :], together, loader.drop_last)
    shares = [_share(samples, comm, each) for samples in rounds]
    asked = [samples[:1] if spares and not len(share) else share for samples, share in zip(rounds, shares, strict=True)]
    own = loader.batches_of([samples for samples in asked if len(samples)], trainer.epoch)
    for samples, share, ask in zip(rounds, shares, asked, strict=True):
        batch = next(own) if len(ask) else None
        yield batch if batch is None or len(share) else Spare(batch)
        yield from itertools.repeat(None, -(-len(samples) // b) - 1)


def _share(samples: np.ndarray, comm: Comm, batch_size: int) -> np.ndarray:
    """This rank's samples of a round; of a short one, fewer ranks take two at least, which batch norm needs."""
    n = max(-(-len(samples) // batch_size), min(comm.size, len(samples) // 2))
    return samples[comm.rank :: n] if comm.rank < n else samples[:0]


def _rounds(samples: np.ndarray, n: int, drop_last: bool) -> list[np.ndarray]:
    """Stretches of `n` samples; the last may be shorter, or is left out."""
    return [samples[i : i + n] for i in range(0, len(samples), n) if not drop_last or i + n <= len(samples)]


def _whole_batches(trainer: Trainer, comm: Comm, spares: bool) -> Iterator[Any]:
    """For iterables without an order: each rank takes every size-th batch, and makes the others in vain."""
    every = batches(trainer.loader, trainer.epoch, trainer.batch)
    while together := list(itertools.islice(every, comm.size)):
        spare = Spare(together[0]) if spares else None
        yield together[comm.rank] if comm.rank < len(together) else spare
        yield from itertools.repeat(None, len(together) - 1)


def leaves(trainer: Trainer, is_mine: Callable[[int], bool]) -> Iterator[Any]:
    """The loader's batches in their order; None where the place in the group is another rank's."""
    size = trainer.accumulate
    if not hasattr(trainer.loader, "batches_of"):
        for place, batch in enumerate(batches(trainer.loader, trainer.epoch, trainer.batch)):
            yield batch if is_mine(place % size) else None
        return
    loader: Any = trainer.loader
    whole = _rounds(loader.order(trainer.epoch)[trainer.samples :], loader.batch_size, loader.drop_last)
    own = loader.batches_of([samples for i, samples in enumerate(whole) if is_mine(i % size)], trainer.epoch)
    for place in range(len(whole)):
        yield next(own) if is_mine(place % size) else None
