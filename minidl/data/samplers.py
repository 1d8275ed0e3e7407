"""In which order an epoch goes through a dataset: a function of (seed, epoch), so it can be had again at any time."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ..errors import ArgumentError


class Sampler(Protocol):
    """Anything with a length and an order per epoch."""

    def __len__(self) -> int:
        """Number of samples in an epoch."""

    def order(self, epoch: int) -> np.ndarray:
        """Indices of the samples of an epoch, int64 (len(self),)."""


class Sequential:
    """All of `n` samples, in their order."""

    def __init__(self, n: int) -> None:
        self.n = _size(n, "Sequential")

    def __len__(self) -> int:
        return self.n

    def order(self, epoch: int) -> np.ndarray:
        """0, 1, ..., n - 1."""
        return np.arange(self.n)


class Shuffled:
    """All of `n` samples, in a new random order each epoch, which depends on (seed, epoch) alone.

    No stream of random numbers is consumed: an interrupted run finds its order again without any saved state.
    """

    def __init__(self, n: int, seed: int = 0) -> None:
        if seed < 0:
            raise ArgumentError(f"Shuffled: seed must not be negative, got {seed}")
        self.n, self.seed = _size(n, "Shuffled"), int(seed)

    def __len__(self) -> int:
        return self.n

    def order(self, epoch: int) -> np.ndarray:
        """A permutation of 0, ..., n - 1."""
        return np.random.default_rng([self.seed, epoch]).permutation(self.n)


class Sharded:
    """The part of another sampler's order that process `rank` of `size` goes through: every size-th sample.

    So batch k of all ranks together, b samples each, has the samples of batch k of one process with size * b.

    Parameters
    ----------
    sampler : Sampler
    rank, size : int
    even : bool
        Leave out the last ``len(sampler) % size`` samples of the order (others each epoch, if it is shuffled), so
        that all ranks have equally many and none waits for another. Without it, some ranks have one more.
    """

    def __init__(self, sampler: Sampler, rank: int, size: int, even: bool = True) -> None:
        if size < 1 or not 0 <= rank < size:
            raise ArgumentError(f"Sharded: rank must be in 0 ... size - 1, got rank {rank} of size {size}")
        if even and len(sampler) < size:
            raise ArgumentError(f"Sharded: {len(sampler)} samples are too few for {size} processes")
        self.sampler, self.rank, self.size, self.even = sampler, rank, size, even

    @property
    def seed(self) -> int | None:
        """The seed of the order that is shared, if it has one."""
        return getattr(self.sampler, "seed", None)

    def __len__(self) -> int:
        n = len(self.sampler)
        return n // self.size if self.even else (n - self.rank + self.size - 1) // self.size

    def order(self, epoch: int) -> np.ndarray:
        """This rank's part."""
        return self.sampler.order(epoch)[self.rank :: self.size][: len(self)]


def _size(n: int, who: str) -> int:
    if n < 0:
        raise ArgumentError(f"{who}: the number of samples must not be negative, got {n}")
    return int(n)
