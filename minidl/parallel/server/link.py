"""Messages between single ranks over MPI: a small object, then arrays as raw buffers; a dead peer is an error.

Only point-to-point calls, each of them polled, and one outstanding receive per peer: what MPI's fault tolerance
(ULFM: ``mpirun --with-ft ulfm``) supports. Without it the launcher ends the whole job when a rank dies.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from ...backend import backend_of
from ..comm import MpiComm, load_mpi

T = TypeVar("T")
_SMALL = 1 << 12  # bytes of an object that need no second message
_LITTLE = 1 << 20  # bytes of arrays that are copied rather than waited for
_OBJECT, _REST, _ARRAY, _STOP = 7101, 7102, 7103, 7104  # tags
_PROC_FAILED = (75, 76, 77)  # MPI_ERR_PROC_FAILED, its PENDING variant, MPI_ERR_REVOKED in Open MPI


class Lost(Exception):
    """A rank has died.

    Attributes
    ----------
    rank : int
    """

    def __init__(self, rank: int) -> None:
        super().__init__(f"rank {rank} died")
        self.rank = rank


class Stopped(Exception):
    """The rank that leads says that the job is over.

    Attributes
    ----------
    status : int
        For the exit of the process.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"stopped with status {status}")
        self.status = status


class Link:
    """This rank's end of all connections.

    Parameters
    ----------
    comm : MpiComm

    Attributes
    ----------
    dead : set of int
        Ranks that are known to have died.
    """

    def __init__(self, comm: MpiComm) -> None:
        self.comm = comm
        self._over: Callable[[], Stopped | None] = lambda: None
        self._latest = -1
        self.mpi = load_mpi()
        comm.mpi.Set_errhandler(self.mpi.ERRORS_RETURN)
        self._posted: dict[int, tuple[Any, bytearray]] = {}
        self._leaving: list[Any] = []  # sends that are under way; a request keeps its buffer
        self.dead: set[int] = set()

    def send(self, to: int, message: Any, arrays: Sequence[Any] = ()) -> None:
        """Send an object and arrays; returns when they may be changed again.

        A little is copied and leaves by itself, so that nobody waits for a rank that is not scheduled just now.

        Raises
        ------
        Lost
            `to` has died.
        """
        data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)  # read by our own ranks only
        parts: list[tuple[Any, int]] = [(len(data).to_bytes(8, "little") + data[: _SMALL - 8], _OBJECT)]
        if len(data) > _SMALL - 8:
            parts.append((data, _REST))
        host = [backend_of(array).mpi_buffer(array) for array in arrays if array.size]
        little = sum(array.nbytes for array in host) <= _LITTLE
        parts += [(_raw(array.copy() if little else array), _ARRAY) for array in host]
        requests = [self._call(to, self.comm.mpi.Isend, [part, self.mpi.BYTE], to, tag) for part, tag in parts]
        self._leaving = [request for request in self._leaving if not self._has_left(request)]
        if little:
            self._leaving += requests
        else:
            self._all(to, requests)

    def _has_left(self, request: Any) -> bool:
        try:
            return bool(request.Test())
        except self.mpi.Exception:  # to a rank that has died, which its next message will tell
            return True

    def receive(self, source: int) -> Any:
        """Wait for the next object of `source`."""
        return self._until(lambda: self.poll(source))[0]

    def poll(self, source: int) -> tuple[Any] | None:
        """The next object of `source` (in a tuple) if one has come.

        Raises
        ------
        Lost
            `source` has died.
        """
        if source not in self._posted:
            buffer = bytearray(_SMALL)
            request = self._call(source, self.comm.mpi.Irecv, [buffer, self.mpi.BYTE], source, _OBJECT)
            self._posted[source] = request, buffer
        request, buffer = self._posted[source]
        if not self._call(source, request.Test):
            return None
        del self._posted[source]
        length = int.from_bytes(buffer[:8], "little")
        data: Any = memoryview(buffer)[8 : 8 + length]
        if length > _SMALL - 8:
            data = bytearray(length)
            self._wait(source, self._call(source, self.comm.mpi.Irecv, [data, self.mpi.BYTE], source, _REST))
        return (pickle.loads(data),)

    def receive_arrays(self, source: int, arrays: Iterable[Any]) -> None:
        """Fill `arrays` with what `source` sent after its latest object."""
        wanted = [array for array in arrays if array.size]
        hosts = [array if isinstance(array, np.ndarray) else np.empty(array.shape, array.dtype) for array in wanted]
        self._all(source, [self._call(source, self.comm.mpi.Irecv, _raw(host), source, _ARRAY) for host in hosts])
        for array, host in zip(wanted, hosts, strict=True):
            if host is not array:
                array[...] = backend_of(array).from_host(host)

    def any_of(self, sources: Iterable[int]) -> tuple[int, Any]:
        """Wait for the next object of any of `sources`, taken in turn; a :class:`Lost` where one has died."""
        ordered = sorted(sources, key=lambda source: (source <= self._latest, source))

        def look() -> tuple[int, Any] | None:
            for source in ordered:
                try:
                    message = self.poll(source)
                except Lost as lost:
                    message = (lost,)
                if message is not None:
                    self._latest = source
                    return source, message[0]
            return None

        return self._until(look)

    def watch_for_stop(self, source: int) -> None:
        """Let every call that waits raise :class:`Stopped` when `source` says so (or has died: :class:`Lost`).

        A stop in good order (status 0) comes after what `source` sent before.
        """
        said = bytearray(1)
        request = self._call(source, self.comm.mpi.Irecv, [said, self.mpi.BYTE], source, _STOP)

        def over() -> Stopped | None:
            if self._call(source, request.Test):
                stopped = Stopped(said[0])
                self._over = lambda: stopped
            return self._over() if self._over is not over else None

        self._over = over

    def stop(self, to: int, status: int) -> None:
        """Make a rank that watches this one end with `status`."""
        self._wait(to, self._call(to, self.comm.mpi.Isend, [bytes([status]), self.mpi.BYTE], to, _STOP))

    def close(self) -> None:
        """Withdraw the receives that nothing came for."""
        for request, _ in self._posted.values():
            with contextlib.suppress(self.mpi.Exception):
                request.Cancel()
                request.Free()
        self._posted = {}

    def _all(self, peer: int, requests: Iterable[Any]) -> None:
        for request in requests:
            self._wait(peer, request)

    def _wait(self, peer: int, request: Any) -> None:
        self._until(lambda: self._call(peer, request.Test))

    def _until(self, look: Callable[[], T | None]) -> T:
        """What `look` returns when that is something."""
        pause = _Pause()
        while True:
            stopped = self._over()
            if stopped is not None and stopped.status:
                raise stopped
            if found := look():
                return found
            if stopped is not None:
                raise stopped
            pause()

    def _call(self, peer: int, function: Callable[..., Any], *args: Any) -> Any:
        if peer in self.dead:  # a request tells of it only once
            raise Lost(peer)
        try:
            return function(*args)
        except self.mpi.Exception as error:
            if error.Get_error_class() in _PROC_FAILED:
                self.dead.add(peer)
                self._posted.pop(peer, None)
                raise Lost(peer) from error
            raise


class _Pause:
    """Waits a little between two looks: first it only lets others run, after a while it sleeps."""

    def __init__(self) -> None:
        self._looks = 0

    def __call__(self) -> None:
        self._looks += 1
        if self._looks < 200:
            os.sched_yield()
        else:
            time.sleep(min(1e-6 * self._looks, 5e-4))


def _raw(array: np.ndarray) -> Any:
    """Any contiguous array as bytes: MPI has no name for some dtypes."""
    return array.reshape(-1).view(np.uint8)
