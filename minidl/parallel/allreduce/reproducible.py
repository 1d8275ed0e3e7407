"""All-reduce whose result is the same bits for any number of ranks, and for one process without MPI.

An update is made of a fixed number of batches, the leaves of a tree of fixed shape (see :mod:`.tree`); ranks own
sub-trees. All that a batch's gradient depends on is fixed too: dropout masks are keyed by (seed, step, leaf), batch
norm starts each leaf from the buffers that the update began with, and products run on one thread.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...backend.blas import blas_threads, one_blas_thread
from ...errors import ArgumentError, MissingExtra
from ...params import Segment
from ...train.trainer import Trainer
from ..streams import KeyedStreams
from .buffers import Buffers
from .exchange import GradientSum, Rows, bcast_in_place, buckets, packed, spread_rows, summed, touch
from .tree import Arrays, Tree


class TreeGradient:
    """The gradient of an update, summed in a tree over its batches.

    Parameters
    ----------
    summation : GradientSum
        The space, the communicator and the size of messages.
    buffers : Buffers
    streams : KeyedStreams
    n_leaves : int
        Batches of a full update, over all ranks.
    seed : int

    Raises
    ------
    ArgumentError
        More ranks than leaves.
    MissingExtra
        It cannot be seen to that BLAS uses one thread.
    """

    def __init__(self, summation: GradientSum, buffers: Buffers, streams: KeyedStreams, n_leaves: int, seed: int) -> None:
        self.space, self.comm, self.bucket_bytes = summation.space, summation.comm, summation.bucket_bytes
        if self.comm.size > n_leaves:
            raise ArgumentError(
                f"AllReduce: {self.comm.size} ranks share {n_leaves} batches per update with reproducible=True; "
                f"give fit(accumulate=...) of at least {self.comm.size}, or start fewer ranks"
            )
        self.tree, self.seed = Tree(n_leaves, self.comm), seed
        self.buffers, self.streams = buffers, streams
        self._settings = contextlib.ExitStack()
        _one_thread(self._settings)

    def close(self) -> None:
        """Give BLAS its threads back."""
        self._settings.close()

    def __call__(self, trainer: Trainer, group: Sequence[Any], own: Sequence[int], n: int) -> dict[str, float]:
        """Leave the mean gradient over the `n` samples of all batches in the space; returns the mean figures.

        Parameters
        ----------
        trainer : Trainer
        group : sequence
            The update's batches; None where another rank's is.
        own : sequence of int
            Their samples.
        n : int
        """
        update = _Update(trainer, group, own, n, self)
        own_sums = self.tree.own_sums(update.leaf, len(group))
        with trainer.timeline.span("wait"):
            touched = summed(self.comm, update.touched) > 0
        touch(self.space.parameters, touched.tolist())
        with trainer.timeline.span("communicate"):
            like = update.arrays(np.zeros(len(update.names) + self.buffers.size))
            total = self._everywhere(self.tree.root(own_sums, len(group), like), like)
            spread_rows(self.space, self.comm.allgather(update.own_rows()))
        self.buffers.apply([True] * len(self.buffers.members), total[0][len(update.names) :])
        return dict(zip(update.names, (total[0][: len(update.names)] / n).tolist(), strict=True))

    def _everywhere(self, root: Arrays | None, like: Arrays) -> Arrays:
        """The sum, which rank 0 has, on every rank, the gradients in the space."""
        for source, target in zip(like if root is None else root, like, strict=True):
            if source is not target:
                target[...] = source
            for bucket in buckets(0, target.size, max(1, self.bucket_bytes // target.dtype.itemsize)):
                bcast_in_place(self.comm, target[bucket])
        return like


class _Update:
    """The leaves of one update that this rank owns."""

    def __init__(self, trainer: Trainer, group: Sequence[Any], own: Sequence[int], n: int, gradient: TreeGradient) -> None:
        self.trainer, self.group, self.own, self.n, self.gradient = trainer, group, own, n, gradient
        self.names = ("loss", *trainer.task.metrics)
        self.buffers = gradient.buffers
        self.segments: list[Segment] = [s for s in gradient.space.trainable_segments() if not s.sparse]
        self.touched = [False] * len(gradient.space.parameters)
        self._rows: dict[int, list[Rows]] = {}
        self._last = max((i for i, k in enumerate(own) if k), default=-1)

    def leaf(self, number: int) -> Arrays:
        """The arrays of a leaf: figures and changes of buffers, then the gradients."""
        space, weight = self.gradient.space, self.own[number] / self.n
        space.zero_grad()
        self.buffers.restore()
        with self.gradient.streams.at(self.gradient.seed, self.trainer.step, number):
            _, values = self.trainer.measure(self.group[number], number, weight=weight)
        for i, p in enumerate(space.parameters):
            self.touched[i] |= p.touched
            if p.sparse and p.touched:
                self._rows.setdefault(i, []).append(packed(p))
        figures = [values[name] * self.own[number] for name in self.names]
        change = self.buffers.change([True] * len(self.buffers.members), weight)
        for segment in self.segments:
            segment.fill_untouched()
        arrays = self.arrays(np.concatenate([figures, change]))
        # no later leaf overwrites the last one's gradients, so they can stay where they are
        return arrays if number == self._last else [arrays[0], *(g.copy() for g in arrays[1:])]

    def arrays(self, small: np.ndarray) -> Arrays:
        """`small`, and the space's gradients."""
        return [small, *(segment.grad for segment in self.segments)]

    def own_rows(self) -> dict[int, Rows]:
        """Rows of the sparse gradients of all own leaves, in their order."""
        return {
            i: (np.concatenate([rows for rows, _ in parts]), np.concatenate([values for _, values in parts]))
            for i, parts in self._rows.items()
        }


def _one_thread(settings: contextlib.ExitStack) -> None:
    if blas_threads() is not None:
        settings.enter_context(one_blas_thread())
    elif os.environ.get("OPENBLAS_NUM_THREADS", os.environ.get("OMP_NUM_THREADS")) != "1":
        raise MissingExtra(
            "AllReduce: reproducible=True needs products on one thread; pip install 'minidl[fast]', "
            "or set OPENBLAS_NUM_THREADS=1"
        )
