"""Locks between processes that the kernel takes back from a holder that dies: bytes of a file without a name.

A semaphore whose holder gets SIGKILL stays taken for ever. A POSIX record lock belongs to a process and ends with
it; as each byte of a file can be locked by itself, one file holds any number of locks. Each costs two system calls.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from multiprocessing import reduction
from typing import Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from ...errors import ArgumentError


class Locks:
    """Locks with the numbers 0, 1, 2, ...; given to a child process as an argument, they are the same locks there.

    One process is one owner: threads do not exclude each other.

    Raises
    ------
    ArgumentError
        The system has no such locks.
    """

    def __init__(self) -> None:
        if fcntl is None:
            raise ArgumentError("locks between processes need POSIX record locks, which this system does not have")
        with tempfile.TemporaryFile() as f:
            self._fd = os.dup(f.fileno())

    def acquire(self, number: int = 0) -> None:
        """Wait until the lock is ours."""
        fcntl.lockf(self._fd, fcntl.LOCK_EX, 1, number)

    def release(self, number: int = 0) -> None:
        """Let others have it."""
        fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, number)

    def acquire_all(self, numbers: Iterable[int]) -> None:
        """Take several locks, in ascending order: so two processes never wait for each other."""
        for number in sorted(numbers):
            fcntl.lockf(self._fd, fcntl.LOCK_EX, 1, number)

    def release_all(self, numbers: Iterable[int]) -> None:
        """Give several locks back."""
        for number in numbers:
            fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, number)

    def __enter__(self) -> Locks:
        self.acquire()
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    def __getstate__(self) -> Any:
        return reduction.DupFd(self._fd)

    def __setstate__(self, state: Any) -> None:
        self._fd = state.detach()

    def __del__(self) -> None:
        fd = self.__dict__.pop("_fd", None)
        if fd is not None:
            os.close(fd)
