"""The parent's side of the loader's worker processes: who makes which batch, and an orderly end in every case.

Batch k of an iteration is made by worker k mod n, and each worker answers in order: so batches come out in the
same order for any number of workers, without a queue, and without a lock that a killed worker could take along.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from multiprocessing import resource_tracker
from typing import Any

import numpy as np

from ..errors import DataError, TrainingError
from .dataset import Batch
from .shared import SharedPickle, aligned, new_block, unpack
from .worker import serve

Order = tuple[int, np.ndarray, int]  # number of the batch, samples, epoch

PATIENCE = 2.0  # seconds that a worker gets to finish what it is doing before it is killed


class RemoteError(Exception):
    """The traceback of an error in a worker process, as the cause of the error raised in the parent."""


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
        self._finalizer = weakref.finalize(self, _shut_down, self._processes, self._connections, os.getpid())
        try:
            for k, block in enumerate(blocks):
                self._start(context, k, (payload, block, self._slot_bytes, self._index_bytes))
        except BaseException:
            self.close()
            raise

    def _start(self, context: Any, k: int, args: tuple[Any, ...]) -> None:
        here, there = context.Pipe()
        process = context.Process(target=serve, args=(there, *args), name=f"minidl-loader-{k}", daemon=True)
        try:
            with _without_interrupts():
                process.start()
        except BaseException:
            here.close()
            raise
        finally:
            there.close()  # now the worker has the only other end: when it dies, we read the end of the file
        self._processes.append(process)
        self._connections.append(here)

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
        process.join(PATIENCE)
        pid, code = process.pid, process.exitcode
        self.close()
        how = "stopped answering" if code is None else f"ended with status {code}"
        hint = "; its own message is above; a script that uses workers must work under: if __name__ == '__main__':"
        hint = hint if code == 1 else ""
        if code is not None and code < 0:
            how = f"was killed by {_signal_name(-code)}"
            hint = "; perhaps memory ran out: try fewer workers" if -code == 9 else ""
        what = "" if number is None else f" before batch {number} was there"
        return TrainingError(f"Loader: worker process {worker} (pid {pid}) {how}{what}{hint}")

    def close(self) -> None:
        """End the processes; the shared memory goes with them."""
        self.closed = True
        self._finalizer()


def _shut_down(processes: list[Any], connections: list[Any], owner: int) -> None:
    if os.getpid() != owner:
        return  # a forked copy of the parent: the workers are not its children
    for connection in connections:
        connection.close()  # tells the worker to end
    for process in processes:
        process.join(PATIENCE)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()
    processes.clear()


def _signal_name(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Hold SIGINT back: the child inherits that, and cannot print a traceback before it has begun."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # else the first child starts it, which lets SIGINT through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
