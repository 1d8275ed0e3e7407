"""Runs a function or a program on several MPI ranks, within a limit: a deadlock fails the test, it never hangs the run.

``on_ranks(4, function, x=1)`` calls ``function(x=1)`` in 4 processes and returns what each returned. The function is
one at the top of a test file (or helper), which each rank imports anew. mpiexec is the one that ``minidl.launch`` takes;
for another MPI, run the tests with the Python of an environment that has it.
"""

import importlib.util
import inspect
import os
import pickle
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from minidl.errors import MissingExtra
from minidl.parallel import mpiexec, sessions
from minidl.parallel.rank import TIME_LIMIT

TESTS = Path(__file__).parent


def _missing():
    if importlib.util.find_spec("mpi4py") is None:
        return "mpi4py is not installed"
    try:
        mpiexec.find_mpiexec()
    except MissingExtra as error:
        return str(error)
    return ""


def uses_mpi(test):
    """Mark a test as one that starts ranks; skipped where there is no MPI."""
    return pytest.mark.mpi(pytest.mark.skipif(bool(_missing()), reason=_missing())(test))


def is_openmpi():
    """Whether ranks are started by Open MPI, which alone has ULFM."""
    return mpiexec.implementation(mpiexec.find_mpiexec()) == "openmpi"


@dataclass
class Job:
    """What became of a job: exit status, everything printed, time, and what each rank returned (None: nothing)."""

    status: int
    output: str
    seconds: float
    results: list = field(default_factory=list)


def run_program(n, *program, timeout=60, extra=(), env=None, during=None, cwd=None):
    """Run ``python PROGRAM`` on n ranks; ends with the job, or after `timeout` seconds with everything killed.

    `program` is a script and its arguments, or "-m", module, arguments. `extra` are options of mpiexec, such as
    "--with-ft", "ulfm". `during(process)` is called while the job runs.
    """
    settings = mpiexec.environment(os.environ, threads=1, one_machine=True)
    settings |= {TIME_LIMIT: str(timeout), "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)]), **(env or {})}
    with mpiexec.own_folders(settings) as settings:
        return run_command(mpiexec.command(n, program, extra=extra), settings, timeout + 10, during, cwd)


def run_command(command, env, timeout, during=None, cwd=None):
    """Run any command as a session of its own, of which nothing is left after `timeout` seconds."""
    start = time.monotonic()
    process = subprocess.Popen(
        [str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", env=env, start_new_session=True, cwd=cwd,
    )  # fmt: skip
    try:
        if during is not None:
            during(process)
        output, _ = process.communicate(timeout=timeout)
    except BaseException as error:
        sessions.kill(process.pid)
        output = process.communicate()[0]
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        pytest.fail(f"the job did not end within {timeout} seconds:\n{output}")
    finally:
        sessions.kill(process.pid)  # nothing should be left
    return Job(process.returncode, output, time.monotonic() - start)


def on_ranks(n, function, /, *, timeout=60, extra=(), env=None, check=True, **arguments):
    """What ``function(**arguments)`` returns on each of n ranks.

    With `check`, all ranks must return and the job must succeed; without, returns the :class:`Job` (with ULFM a rank may
    be killed, and its result is then None).
    """
    with tempfile.TemporaryDirectory() as folder:
        call = Path(folder) / "call"
        call.write_bytes(pickle.dumps((inspect.getsourcefile(function), function.__name__, arguments)))
        job = run_program(n, str(Path(__file__)), folder, timeout=timeout, extra=extra, env=env)
        files = [Path(folder) / f"result{rank}" for rank in range(n)]
        job.results = [pickle.loads(f.read_bytes()) if f.exists() else None for f in files]
        returned = all(f.exists() for f in files)
    if not check:
        return job
    assert job.status == 0 and returned, f"status {job.status} after {job.seconds:.1f} s:\n{job.output}"
    return job.results


def _rank(folder):
    """In a rank: call the function and leave what it returns in a file."""
    import warnings

    import minidl as dl
    from minidl.parallel import failure

    warnings.simplefilter("error")
    file, name, arguments = pickle.loads((Path(folder) / "call").read_bytes())
    sys.path.insert(0, str(Path(file).parent))
    spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    dl.seed(0)
    result = getattr(module, name)(**arguments)
    part = Path(folder) / f"part{failure.rank()}"
    part.write_bytes(pickle.dumps(result))
    part.rename(Path(folder) / f"result{failure.rank()}")


if __name__ == "__main__":
    _rank(sys.argv[1])
