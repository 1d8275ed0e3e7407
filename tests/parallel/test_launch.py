"""The launcher: its settings, its errors, and which of mpiexec's notes it keeps."""

import io
import os
import sys

import pytest
from mpi_helper import is_openmpi, on_ranks, run_command, uses_mpi

from minidl import launch
from minidl.errors import ArgumentError, MissingExtra
from minidl.parallel import comm, mpiexec

RULE = b"-" * 74 + b"\n"
NOTE = RULE + b"MPI_ABORT was invoked on rank 1\n" + RULE


def options(*arguments):
    return launch.parser().parse_args([str(a) for a in arguments])


def test_what_belongs_to_the_program_stays_with_it(tmp_path):
    parsed = options("-n", 2, "--time-limit", 5, "-m", "demos.vision", "--parallel", "allreduce", "-n", 3)
    assert parsed.ranks == 2 and parsed.module == ["demos.vision", "--parallel", "allreduce", "-n", "3"]
    parsed = options("-n", 2, "script.py", "-m", "x", "--time-limit", 3)
    assert parsed.script == ["script.py", "-m", "x", "--time-limit", "3"] and parsed.time_limit is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-n", "2"], "name what to run"),
        (["-n", "2", "-m"], "name what to run"),
        (["-n", "0", "-m", "x"], "must be positive"),
        (["-m", "x"], "required: -n"),
        (["-n", "2", "not_there.py"], "no file not_there.py"),
        (["-n", "two", "-m", "x"], "invalid int"),
    ],
)
def test_mistakes_are_one_line(arguments, message, capsys):
    assert launch.main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error


def test_without_mpi_one_rank_runs_and_several_say_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(comm.importlib.util, "find_spec", lambda name: None)
    command, env = launch.prepared(options("-n", 1, "-m", "x", "--flag"))
    assert command[-3:] == ["-m", "x", "--flag"] and "mpiexec" not in command[0]
    assert "without MPI" in capsys.readouterr().err
    assert env["OPENBLAS_NUM_THREADS"] == os.environ.get("OPENBLAS_NUM_THREADS", str(mpiexec.cores()))
    with pytest.raises(MissingExtra, match=r"minidl\[mpi\]"):
        launch.prepared(options("-n", 2, "-m", "x"))


def test_threads_are_cores_over_ranks(monkeypatch):
    monkeypatch.setattr(comm.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(mpiexec, "cores", lambda: 8)
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(comm, "needs_mpi", lambda: None)
    monkeypatch.setattr(mpiexec, "find_mpiexec", lambda: "/there/mpiexec")
    command, env = launch.prepared(options("-n", 3, "-m", "x"))
    assert command[:3] == ["/there/mpiexec", "-n", "3"] and env["OPENBLAS_NUM_THREADS"] == "2"


@pytest.mark.parametrize(
    ("said", "name"),
    [("mpiexec (OpenRTE) 5.0.11", "openmpi"), ("HYDRA build details: Version: 5.0", "mpich"), ("?", "other")],
)
def test_which_mpi_it_is(tmp_path, said, name):
    file = tmp_path / "mpiexec"
    file.write_text(f"#!/bin/sh\necho '{said}'\n")
    file.chmod(0o755)
    assert mpiexec.implementation(str(file)) == name


def test_only_open_mpi_outlives_a_rank(tmp_path, monkeypatch):
    file = tmp_path / "mpiexec"
    file.write_text("#!/bin/sh\necho HYDRA\n")
    file.chmod(0o755)
    monkeypatch.setenv("MINIDL_MPIEXEC", str(file))
    with pytest.raises(ArgumentError, match="no Open MPI"):
        mpiexec.command(2, ["x.py"], fault_tolerant=True)


@pytest.mark.parametrize(
    ("stream", "kept"),
    [
        (b"a\n" + NOTE + b"\n" + RULE + b"more\n" + RULE, b"a\n" + RULE + b"more\n" + RULE),
        (RULE + b"process exited on\nsignal 9 (Killed).\n" + RULE, None),
        (RULE + b"a table\n", None),
        (RULE + b"row\n" * 40, None),
        (b"no end of line", None),
    ],
)  # fmt: skip
def test_notes_about_a_rank_that_has_said_why(stream, kept):
    target = io.BytesIO()
    launch.without_notes(io.BytesIO(stream), target)
    assert target.getvalue() == (stream if kept is None else kept)


PROGRAM = """
import sys, time
from minidl.parallel import world, fail
comm = world()
what = sys.argv[1]
if what == "fail":
    fail("error: said by everybody")
if what == "raise" and comm.rank:
    raise ValueError("bad")
if what == "exit" and comm.rank == 1:
    sys.exit(3)
if what == "hang" and comm.rank == 0:
    time.sleep(200)
comm.barrier()
print(f"well {comm.rank}\\n", end="")  # in one piece
"""


def job(tmp_path, *arguments, what):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    command = [sys.executable, "-m", "minidl.launch", *arguments, script, what]
    done = run_command(command, dict(os.environ), 60)
    return done, [line for line in done.output.splitlines() if line and not line.startswith("minidl.launch:")]


@uses_mpi
def test_ranks_run_and_the_status_is_theirs(tmp_path):
    done, lines = job(tmp_path, "-n", 3, what="ok")
    assert done.status == 0 and sorted(lines) == ["well 0", "well 1", "well 2"]
    done, lines = job(tmp_path, "-n", 3, what="exit")
    assert done.status == 3


@uses_mpi
def test_an_error_of_all_is_said_once(tmp_path):
    done, lines = job(tmp_path, "-n", 3, what="fail")
    assert done.status == 1 and lines[0] == "error: said by everybody"
    assert "\n".join(lines).count("error:") == 1


@uses_mpi
def test_an_uncaught_exception_names_rank_and_place(tmp_path):
    done, lines = job(tmp_path, "-n", 3, what="raise")
    assert done.status == 1 and done.seconds < 30
    assert lines[:2] == ["rank 1 of 3 failed:", "Traceback (most recent call last):"]
    assert "program.py" in lines[2] and "ValueError: bad" in lines


@uses_mpi
@pytest.mark.slow
def test_a_time_limit_says_where_it_hangs(tmp_path):
    done, lines = job(tmp_path, "-n", 2, "--time-limit", 3, what="hang")
    assert done.status == 124 and "barrier" in done.output and "error: the job did not end within 3 seconds" in lines


@uses_mpi
def test_fault_tolerant_jobs_run(tmp_path):
    if not is_openmpi():
        pytest.skip("only Open MPI has ULFM")
    done, lines = job(tmp_path, "-n", 2, "--fault-tolerant", what="ok")
    assert done.status == 0 and sorted(lines) == ["well 0", "well 1"]


def sessions_here():
    """In a rank: what Open MPI has made in the job's own folder for its sessions."""
    return sorted(os.listdir(os.environ["OMPI_MCA_orte_tmpdir_base"]))


@uses_mpi
def test_a_session_lies_in_the_folder_of_its_job():
    if not is_openmpi():
        pytest.skip("sessions are Open MPI's")
    [first], [second] = on_ranks(1, sessions_here), on_ranks(1, sessions_here)
    assert first and second and not set(first) & set(second)  # a killed job's session meets no later job
