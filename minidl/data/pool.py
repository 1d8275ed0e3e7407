"""The parent's side of the loader's worker processes: who makes which batch, and an orderly end in every case.

Batch k of an iteration is made by worker k mod n, and each worker answers in order: so batches come out in the
same order for any number of workers, without a queue, and without a lock that a killed worker could take along.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..errors import DataError, TrainingError
from .children import RemoteError, how_it_ended, shut_down, start_child
from .dataset import Batch
from .shared import SharedPickle, aligned, new_block, unpack
from .worker import serve

Order = tuple[int, np.ndarray, int]  # number of the batch, samples, epoch

class Pool:
    """Worker processes that make batches of one dataset.

    Parameters
    ----------
    dataset : Dataset
    n : int
        Number of processes.
    prefetch : int
        Batches each of them makes ahead.
    batch_size : int
        Samples in the largest batch.
    example : tuple of arrays
        A batch; from it, the size of the others is known. A larger one still comes through, more slowly.
    """

    def __init__(self, dataset: Any, n: int, prefetch: int, batch_size: int, example: Batch) -> None:
        context = multiprocessing.get_context("spawn")  # fork would copy locks that other threads hold (BLAS)
        rows = max(len(example[0]), 1)
        self._index_bytes = aligned(8 * batch_size)
        self._slot_bytes = self._index_bytes + sum(aligned(-(-a.nbytes * batch_size // rows)) for a in example)
        self._prefetch, self._pending, self.closed = prefetch, [0] * n, False
        # kept, as the memory of a RawArray without a reference is given to the next one
        self._payload = payload = SharedPickle(dataset, context)
        blocks = [new_block(context, prefetch * self._slot_bytes) for _ in range(n)]
        self._views = [memoryview(b).cast("B") for b in blocks]
        self._processes: list[Any] = []
        self._connections: list[Any] = []
        # runs at close(), when the pool is garbage, and when the interpreter exits; never twice
        self._finalizer = weakref.finalize(self, shut_down, self._processes, self._connections, os.getpid())
        try:
            for k, block in enumerate(blocks):
                self._start(context, k, (payload, block, self._slot_bytes, self._index_bytes))
        except BaseException:
            self.close()
            raise

    def _start(self, context: Any, k: int, args: tuple[Any, ...]) -> None:
        process, connection = start_child(context, serve, args, f"minidl-loader-{k}")
        self._processes.append(process)
        self._connections.append(connection)

    def batches(self, orders: Iterable[Order]) -> Iterator[Batch]:
        """The batches, in the order of their orders."""
        self._check_open()
        self._drain()
        source, ahead = iter(orders), deque[tuple[int, int, int]]()  # worker, slot, number
        n, capacity = len(self._processes), len(self._processes) * self._prefetch
        sent = 0
        while True:
            self._check_open()
            while len(ahead) < capacity and (order := next(source, None)) is not None:
                worker, slot = sent % n, sent // n % self._prefetch
                self._send(worker, slot, order)
                ahead.append((worker, slot, order[0]))
                sent += 1
            if not ahead:
                return
            yield self._receive(*ahead.popleft())

    def _send(self, worker: int, slot: int, order: Order) -> None:
        number, index, epoch = order
        start = slot * self._slot_bytes
        np.frombuffer(self._views[worker], np.int64, len(index), start)[...] = index
        self._pending[worker] += 1
        with contextlib.suppress(OSError):  # a dead worker: what it had finished still comes, then its end is read
            self._connections[worker].send((slot, len(index), epoch, number))

    def _receive(self, worker: int, slot: int, number: int) -> Batch:
        try:
            kind, *content = self._connections[worker].recv()
        except (EOFError, OSError) as error:
            raise self._death(worker, number) from error
        self._pending[worker] -= 1
        if kind == "error":
            message, trace = content
            raise DataError(message) from RemoteError(f"in a worker process:\n{trace}")
        if kind == "pipe":
            return tuple(content[0])
        start = slot * self._slot_bytes + self._index_bytes
        return unpack(self._views[worker][start:], content[0])

    def _check_open(self) -> None:
        if self.closed:
            raise DataError("Loader: it was closed while it was iterated over")

    def _drain(self) -> None:
        """Take in what an iteration that was broken off had ordered."""
        for worker, connection in enumerate(self._connections):
            while self._pending[worker]:
                try:
                    connection.recv()
                except (EOFError, OSError) as error:
                    raise self._death(worker, None) from error
                self._pending[worker] -= 1

    def _death(self, worker: int, number: int | None) -> TrainingError:
        process = self._processes[worker]
        pid, (how, hint) = process.pid, how_it_ended(process)
        self.close()
        what = "" if number is None else f" before batch {number} was there"
        return TrainingError(f"Loader: worker process {worker} (pid {pid}) {how}{what}{'; ' if hint else ''}{hint}")

    def close(self) -> None:
        """End the processes; the shared memory goes with them."""
        self.closed = True
        self._finalizer()
