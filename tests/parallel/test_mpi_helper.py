"""The helper that starts ranks: results come back, an error ends all ranks, a deadlock ends in time."""

import os
import time

import pytest
from mpi_helper import on_ranks, run_program, uses_mpi

from minidl.parallel import sessions, world


def add_up(x):
    comm = world()
    return comm.rank, sum(comm.allgather(x + comm.rank))


@uses_mpi
@pytest.mark.parametrize("n", [1, 2, 4])
def test_what_each_rank_returns_comes_back(n):
    assert on_ranks(n, add_up, x=10) == [(rank, sum(10 + r for r in range(n))) for rank in range(n)]


def one_raises():
    comm = world()
    if comm.rank == 1:
        raise ValueError("this one does not go on")
    comm.barrier()


@uses_mpi
def test_a_rank_that_raises_ends_all():
    job = on_ranks(3, one_raises, check=False)
    assert job.status == 1 and job.seconds < 30
    assert "rank 1 of 3 failed" in job.output and "this one does not go on" in job.output
    assert job.output.count("Traceback") == 1


def one_is_late():
    comm = world()
    if comm.rank == 1:
        time.sleep(300)
    comm.barrier()


@uses_mpi
@pytest.mark.slow
def test_a_deadlock_ends_in_time_and_shows_where():
    job = on_ranks(2, one_is_late, timeout=5, check=False)
    assert job.status != 0 and job.seconds < 40
    assert "one_is_late" in job.output and "barrier" in job.output


@uses_mpi
def test_nothing_of_a_job_is_left(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import sys, time\nsys.exit(3) if 'rank' in sys.argv else time.sleep(0)\n")
    seen = []
    job = run_program(2, script, "rank", during=lambda process: seen.append(process.pid))
    assert job.status == 3 and sessions.members(seen[0]) == [] and os.getpid() not in seen
