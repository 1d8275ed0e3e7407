"""The loader: goes through a dataset in batches, in this process or with workers that prepare batches ahead.

What comes out is a function of (dataset, seed, epoch, batch size) alone: the same bits for any number of workers,
and from any batch on where a run is resumed.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ..errors import ArgumentError, DataError
from .dataset import Batch, Dataset, make_batch
from .pool import Order, Pool
from .samplers import Sampler, Sequential, Shuffled


class Loader:
    """Batches of a dataset, epoch after epoch.

    Each ``for batch in loader`` is one epoch, the next one each time; :meth:`set_epoch` says which.

    Parameters
    ----------
    dataset : ArrayDataset or any Dataset
        Something with a length and samples that are tuples of arrays.
    batch_size : int
    shuffle : bool
        In a new order each epoch, a function of (seed, epoch).
    seed : int
        For `shuffle`.
    sampler : Sampler, optional
        Another order, instead of `shuffle`; for example :class:`Sharded`.
    drop_last : bool
        Leave out a last batch that is not full.
    workers : int
        Processes that make batches ahead, at most one per batch; 0: none. They start with the first epoch and
        live until :meth:`close`, the end of the ``with`` block, or the end of the loader.
    prefetch : int
        Batches that each worker makes ahead.

    Raises
    ------
    ArgumentError
        A number out of range, or `sampler` together with `shuffle`.
    DataError
        An empty dataset; while iterating: an error in the dataset or its transform, with batch and sample.
    TrainingError
        While iterating: a worker process died.

    Examples
    --------
    >>> with Loader(ArrayDataset(images, labels), 32, shuffle=True, workers=2) as loader:
    ...     for epoch in range(3):
    ...         for x, y in loader:
    ...             ...
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        sampler: Sampler | None = None,
        drop_last: bool = False,
        workers: int = 0,
        prefetch: int = 2,
    ) -> None:
        _check_numbers(batch_size=(batch_size, 1), workers=(workers, 0), prefetch=(prefetch, 1), seed=(seed, 0))
        if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
            raise ArgumentError(f"Loader: a dataset has __len__ and __getitem__; {type(dataset).__name__} has not")
        if sampler is not None and not (hasattr(sampler, "__len__") and hasattr(sampler, "order")):
            raise ArgumentError(f"Loader: a sampler has __len__ and order; {type(sampler).__name__} has not")
        if sampler is not None and shuffle:
            raise ArgumentError("Loader: give shuffle or a sampler, not both")
        n = len(dataset)
        if n == 0:
            raise DataError("Loader: the dataset is empty")
        self.dataset, self.batch_size, self.drop_last = dataset, int(batch_size), drop_last
        self.workers, self.prefetch = int(workers), int(prefetch)
        self.sampler: Sampler = sampler or (Shuffled(n, seed) if shuffle else Sequential(n))
        if len(self) == 0:
            raise DataError(f"Loader: {len(self.sampler)} samples give no batch of {batch_size} with drop_last")
        self._next = (0, 0)  # epoch and batch at which the next iteration starts
        self._position = (0, 0)  # of the batch that comes next, in the latest iteration
        self._idle: Pool | None = None
        self._pools: weakref.WeakSet[Pool] = weakref.WeakSet()

    def __len__(self) -> int:
        """Number of batches in an epoch."""
        n = len(self.sampler)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    # -- position ----------------------------------------------------------------------------------------

    def set_epoch(self, epoch: int, start_batch: int = 0) -> None:
        """Let the next iteration be `epoch`, from batch `start_batch` on; both count from zero."""
        if epoch < 0 or not 0 <= start_batch <= len(self):
            raise ArgumentError(f"Loader: there is no batch {start_batch} of {len(self)} in epoch {epoch}")
        self._next = self._position = (int(epoch), int(start_batch))

    def state_dict(self) -> dict[str, Any]:
        """Where the latest iteration is, and what the order depends on: JSON-able numbers."""
        epoch, batch = self._position
        return {"epoch": epoch, "batch": batch, **self._identity()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next iteration go on where :meth:`state_dict` was called.

        Raises
        ------
        ArgumentError
            The state is of a loader whose order is another one.
        """
        for name, here in self._identity().items():
            if state.get(name) != here:
                raise ArgumentError(f"Loader: the state was saved with {name} {state.get(name)}, and here it is {here}")
        self.set_epoch(state["epoch"], state["batch"])

    def _identity(self) -> dict[str, Any]:
        seed = getattr(self.sampler, "seed", None)
        return {"seed": seed, "samples": len(self.sampler), "batch_size": self.batch_size}

    # -- iterating ---------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Batch]:
        epoch, start = self._next
        self._next, self._position = (epoch + 1, 0), (epoch, start)
        return self._epoch(epoch, start)

    def _epoch(self, epoch: int, start: int) -> Iterator[Batch]:
        orders = self._orders(epoch, start)
        for number, batch in enumerate(self._batches(orders), start):
            self._position = (epoch, number + 1) if number + 1 < len(self) else (epoch + 1, 0)
            yield batch

    def batches_of(self, samples: Iterable[np.ndarray], epoch: int) -> Iterator[Batch]:
        """Batches of given samples, as they are in `epoch`: for those who share an epoch out between processes.

        Parameters
        ----------
        samples : iterable of integer arrays
            The samples of each batch, at most `batch_size` of them.
        """
        return self._batches((number, index, epoch) for number, index in enumerate(samples))

    def order(self, epoch: int) -> np.ndarray:
        """The samples of an epoch in their order, int64 (n,); with `drop_last`, those that fill whole batches.

        Raises
        ------
        ArgumentError
            The sampler gives something else than numbers of samples.
        """
        order = np.asarray(self.sampler.order(epoch))
        if order.shape != (len(self.sampler),) or order.dtype.kind not in "iu":
            raise ArgumentError(
                f"Loader: the sampler's order must be {len(self.sampler)} integers, got {order.dtype} {order.shape}"
            )
        if not 0 <= order.min() <= order.max() < len(self.dataset):
            raise ArgumentError(f"Loader: the sampler asks for samples outside 0 ... {len(self.dataset) - 1}")
        order = order.astype(np.int64, copy=False)
        return order[: len(self) * self.batch_size] if self.drop_last else order

    def _orders(self, epoch: int, start: int) -> Iterator[Order]:
        """Number, samples and epoch of each batch from `start` on."""
        order = self.order(epoch)
        for number in range(start, len(self)):
            yield number, order[number * self.batch_size : (number + 1) * self.batch_size], epoch

    def _batches(self, orders: Iterator[Order]) -> Iterator[Batch]:
        if not self.workers:
            for number, index, epoch in orders:
                yield make_batch(self.dataset, index, epoch, number)
            return
        pool, self._idle = self._idle, None  # two iterations at a time: the second one gets workers of its own
        example = None
        if pool is None or pool.closed:
            first = next(orders, None)
            if first is None:
                return
            number, index, epoch = first
            example = make_batch(self.dataset, index, epoch, number)
            n_workers = min(self.workers, len(self))  # any more would have nothing to do
            pool = Pool(self.dataset, n_workers, self.prefetch, self.batch_size, example)
            self._pools.add(pool)
        in_step = False
        try:
            if example is not None:
                yield example
            yield from pool.batches(orders)
            in_step = True
        except (GeneratorExit, DataError):  # broken off, or an error of the dataset: the workers can go on
            in_step = True
            raise
        finally:  # after Ctrl-C it is not known which messages were read
            if in_step and self._idle is None and not pool.closed:
                self._idle = pool
            else:
                pool.close()

    # -- the end -----------------------------------------------------------------------------------------

    def close(self) -> None:
        """End the worker processes; iterating again starts new ones."""
        for pool in list(self._pools):
            pool.close()
        self._idle = None

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        order = f"{type(self.sampler).__name__.lower()}, {self.workers} workers"
        return f"Loader({self.dataset!r}, {self.batch_size}, {order}: {len(self)} batches)"


def _check_numbers(**limits: tuple[Any, int]) -> None:
    for name, (value, least) in limits.items():
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
            raise ArgumentError(f"Loader: {name} must be an integer of at least {least}, got {value!r}")
