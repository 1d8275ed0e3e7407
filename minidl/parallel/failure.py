"""One rank fails, all end: one clear line from one rank, and nobody left waiting in a message that never comes.

A rank that raises and simply leaves would hang the others in their next exchange. So it says why and aborts
the job. Where several fail in the same way, the lowest speaks: each waits by its rank before it prints, and the
abort of the first one takes the others along.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

_RANK = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "SLURM_PROCID")
_SIZE = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS")
_STARTERS = ("<frozen runpy>", str(Path(__file__).with_name("rank.py")))
_alone = False
_READ_WITHIN, _PASSED_ON = 2.0, 0.05  # seconds for mpiexec to read the last words, and to print them
_GRACE, _TURN = 0.5, 0.15  # seconds: until a rank above 0 speaks, and from rank to rank; an abort takes a tenth


def rank() -> int:
    """This process's number in the job, also before MPI is started; 0 where there is no job."""
    return _first_number(_RANK, 0)


def size() -> int:
    """Processes in the job, also before MPI is started; 1 where there is no job."""
    return _first_number(_SIZE, 1)


def is_main() -> bool:
    """Whether this process is the one of its job that prints and writes."""
    return rank() == 0


def outlives_deaths() -> bool:
    """Whether the job goes on when a rank dies, instead of ending (Open MPI's ``mpirun --with-ft ulfm``)."""
    return os.environ.get("OMPI_MCA_mpi_ft_enable", "0") not in ("", "0", "false")


def _first_number(names: tuple[str, ...], otherwise: int) -> int:
    found = [os.environ[name] for name in names if os.environ.get(name, "").isdigit()]
    return int(found[0]) if found else otherwise


def fail(text: str, status: int = 1) -> int:
    """Print `text` on stderr and end the whole job with `status`; in a job of one process, return `status`.

    Parameters
    ----------
    text : str
        What the user reads, from one rank only.
    """
    if size() > 1:
        time.sleep(_GRACE * (rank() > 0) + _TURN * min(rank(), 20))
    sys.stderr.write(text + "\n")  # in one piece: other ranks and mpiexec write there too
    sys.stderr.flush()
    if size() > 1:
        _wait_until_read(sys.stderr)
        end_job(status)
    return status


def _wait_until_read(stream: Any) -> None:
    """Give mpiexec time to take what is in the pipe: an abort may end it before it has passed that on."""
    deadline = time.monotonic() + _READ_WITHIN
    with contextlib.suppress(ImportError, OSError, ValueError):  # no pipe, or a system that does not tell
        import fcntl
        import termios

        waiting = bytearray(4)
        while time.monotonic() < deadline:
            fcntl.ioctl(stream.fileno(), termios.FIONREAD, waiting)
            if not int.from_bytes(waiting, sys.byteorder):
                break
            time.sleep(0.01)
    time.sleep(_PASSED_ON)


def left_alone() -> None:
    """All other ranks have died: there is nobody to abort (Open MPI's launcher would then return status 0)."""
    global _alone
    _alone = True


def end_job(status: int) -> None:
    """End all ranks at once. Does not return."""
    sys.stdout.flush()
    sys.stderr.flush()
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi is not None and mpi.Is_initialized() and not mpi.Is_finalized() and not _alone:
        mpi.COMM_WORLD.Abort(status)
    os._exit(status)  # before MPI started: the launcher ends the others


def abort_on_uncaught() -> None:
    """From now on an exception that nobody catches ends the whole job, with rank and traceback, not only this rank.

    Calling it twice does no harm; in a job of one process it does nothing.
    """
    if size() > 1 and sys.excepthook is not _end_with_traceback:
        sys.excepthook = _end_with_traceback


def _end_with_traceback(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> Any:
    while where is not None and where.tb_frame.f_code.co_filename in _STARTERS:
        where = where.tb_next  # the frames that started the program say nothing
    lines = "".join(traceback.format_exception(kind, error, where)).rstrip()
    fail(f"rank {rank()} of {size()} failed:\n{lines}", 130 if issubclass(kind, KeyboardInterrupt) else 1)
