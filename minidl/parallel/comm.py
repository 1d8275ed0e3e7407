"""The communicator: what a strategy needs of MPI, and the same for one process without it.

Lower-case methods move Python objects, upper-case ones move arrays in place (mpi4py's habit). Importing this
starts no MPI: mpi4py is imported when a communicator is asked for, and MPI is never ended behind a user's back.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
from typing import Any, Protocol

import numpy as np

from ..errors import ArgumentError, MissingExtra

_RANKED_BY = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "SLURM_STEP_NUM_TASKS")  # set by launchers


class Comm(Protocol):
    """A group of processes, of which this one is number `rank` of `size`."""

    rank: int
    size: int

    def bcast(self, value: Any, root: int = 0) -> Any:
        """`value` of `root`, on every process."""

    def allgather(self, value: Any) -> list[Any]:
        """The values of all processes by rank, on every process."""

    def barrier(self) -> None:
        """Return when all processes are here."""

    def Allreduce(self, array: np.ndarray) -> None:
        """Replace a contiguous array by its sum over all processes."""

    def Bcast(self, array: np.ndarray, root: int = 0) -> None:
        """Replace a contiguous array by that of `root`."""

    def Send(self, array: np.ndarray, to: int, tag: int = 0) -> None:
        """Send a contiguous array to process `to`, which must call :meth:`Recv`."""

    def Recv(self, array: np.ndarray, source: int, tag: int = 0) -> None:
        """Fill a contiguous array with what process `source` sent."""

    def abort(self, status: int = 1) -> None:
        """End every process of the group at once."""


class SelfComm:
    """One process: the script runs without MPI."""

    rank, size = 0, 1

    def bcast(self, value: Any, root: int = 0) -> Any:
        return value

    def allgather(self, value: Any) -> list[Any]:
        return [value]

    def barrier(self) -> None:
        pass

    def Allreduce(self, array: np.ndarray) -> None:
        pass

    def Bcast(self, array: np.ndarray, root: int = 0) -> None:
        pass

    def Send(self, array: np.ndarray, to: int, tag: int = 0) -> None:
        raise ArgumentError(f"SelfComm: there is no process {to} to send to")

    def Recv(self, array: np.ndarray, source: int, tag: int = 0) -> None:
        raise ArgumentError(f"SelfComm: there is no process {source} to receive from")

    def abort(self, status: int = 1) -> None:
        os._exit(status)


class MpiComm:
    """An mpi4py communicator.

    Parameters
    ----------
    mpi : mpi4py.MPI.Comm, optional
        The user's own; the world, if not given. It is used as it is and never freed.

    Attributes
    ----------
    mpi : mpi4py.MPI.Comm
    reads_devices : bool
        Whether this MPI can read arrays where they lie on a GPU.

    Raises
    ------
    MissingExtra
        mpi4py or the MPI library is not installed.
    """

    def __init__(self, mpi: Any = None) -> None:
        self.mpi = load_mpi().COMM_WORLD if mpi is None else mpi
        self.rank, self.size = self.mpi.Get_rank(), self.mpi.Get_size()
        self.reads_devices = cuda_aware()

    def bcast(self, value: Any, root: int = 0) -> Any:
        return self.mpi.bcast(value, root)

    def allgather(self, value: Any) -> list[Any]:
        return self.mpi.allgather(value)

    def barrier(self) -> None:
        self.mpi.Barrier()

    def Allreduce(self, array: np.ndarray) -> None:
        self.mpi.Allreduce(load_mpi().IN_PLACE, array)

    def Bcast(self, array: np.ndarray, root: int = 0) -> None:
        self.mpi.Bcast(array, root)

    def Send(self, array: np.ndarray, to: int, tag: int = 0) -> None:
        self.mpi.Send(array, to, tag)

    def Recv(self, array: np.ndarray, source: int, tag: int = 0) -> None:
        self.mpi.Recv(array, source, tag)

    def abort(self, status: int = 1) -> None:
        self.mpi.Abort(status)


def load_mpi() -> Any:
    """The module ``mpi4py.MPI``; its first import initialises MPI.

    Raises
    ------
    MissingExtra
        With what to install.
    """
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # RuntimeError: mpi4py is there, but no MPI library
        reason = " ".join(str(error).split())
        raise MissingExtra(f"MPI cannot be loaded ({reason}); pip install 'minidl[mpi]'") from error
    return MPI


def cuda_aware() -> bool:
    """Whether the MPI library says that it can read a GPU's memory; mpi4py itself would not notice that it cannot."""
    with contextlib.suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None).MPIX_Query_cuda_support())
    return "cuda" in (load_mpi().COMM_WORLD.Get_info().get("mpi_memory_alloc_kinds") or "")


def needs_mpi() -> None:
    """Raise MissingExtra where mpi4py is not installed; MPI is not started."""
    if importlib.util.find_spec("mpi4py") is None:
        raise MissingExtra("several processes need MPI, and mpi4py is not installed; pip install 'minidl[mpi]'")


def world() -> Comm:
    """All processes that were started together: MPI's world, or this process alone where no launcher set one up."""
    started = any(os.environ.get(name, "").isdigit() for name in _RANKED_BY)
    return MpiComm() if started else SelfComm()


def as_comm(comm: Any) -> Comm:
    """A :class:`Comm` from one, from a user's mpi4py communicator, or (None) :func:`world`."""
    if comm is None:
        return world()
    return MpiComm(comm) if hasattr(comm, "Get_rank") else comm
