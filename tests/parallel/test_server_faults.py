"""Ranks of a parameter server that raise, are killed or interrupted: training goes on, or ends at once and resumes."""

import random
import time
from pathlib import Path

import numpy as np
import pytest
from helpers_server import loss, problem, values
from mpi_helper import is_openmpi, on_ranks, uses_mpi
from server_runs import train, train_or_say

from minidl.train import fit
from minidl.train.checkpoint import Checkpoints

ULFM = ("--with-ft", "ulfm")
pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]
needs_ulfm = pytest.mark.usefixtures("ulfm")


@pytest.fixture
def ulfm():
    """Skips where a dead rank ends the job."""
    if not is_openmpi():
        pytest.skip("only Open MPI outlives a dead rank")


def job_of(n, function=train, **arguments):
    """A job that need not succeed."""
    return on_ranks(n, function, check=False, timeout=120, **arguments)


def in_shared_memory():
    """The names in /dev/shm."""
    return {f.name for f in Path("/dev/shm").iterdir()} if Path("/dev/shm").exists() else set()


@uses_mpi
@needs_ulfm
@pytest.mark.parametrize("moment", range(20))
def test_a_worker_killed_at_any_moment_is_done_without(moment):
    rng = random.Random(moment)
    servers = rng.choice([1, 1, 2])
    server = {"servers": servers, "staleness": rng.choice([None, None, 0, 2]), "n_push": 1}
    job = job_of(
        servers + 3,
        train,
        server=server,
        net={"n": 300, "batch": 5},
        faulty={"seconds": 4e-4},
        fitting={"epochs": 4},
        victim=servers + rng.randrange(3),
        after=rng.uniform(0.0, 0.5),
        extra=ULFM,
    )
    main = job.results[0]
    assert job.seconds < 100 and main is not None, job.output
    assert len(main["epochs"]) == 4 and np.isfinite(main["epochs"][-1]["loss"])
    assert "trained 4 epochs" in job.output
    assert server["staleness"] == 0 or main["epochs"][-1]["step"] == 4 * 60  # rank 0 counts each batch once


@uses_mpi
@needs_ulfm
def test_a_lost_share_is_dealt_again():
    """The dead worker holds one batch all along; the others have all of the epoch's samples in the end."""
    job = job_of(
        3,
        train,
        server={},
        net={"n": 60, "batch": 5},
        fitting={"epochs": 1},
        faulty={"seconds": 0.02},
        victim=1,
        after=0.3,
        extra=ULFM,
    )
    assert job.results[1] is None and len(job.results[0]["epochs"]) == 1, job.output
    assert job.results[0]["epochs"][0]["step"] == 12


@uses_mpi
@needs_ulfm
def test_without_any_worker_the_job_ends():
    job = job_of(
        2, train_or_say, net={"n": 400}, faulty={"seconds": 1e-3}, fitting={"epochs": 99}, victim=1, after=0.5, extra=ULFM
    )
    assert job.status == 1 and job.seconds < 60 and "error: every worker has died or failed" in job.output


@uses_mpi
@needs_ulfm
@pytest.mark.parametrize("victim", [0, 1])
def test_a_dead_server_ends_the_job_and_it_resumes(tmp_path, victim):
    run = {"run_dir": str(tmp_path / "run"), "checkpoint_every": 10, "epochs": 99}
    job = job_of(
        4,
        train_or_say,
        server={"servers": 2},
        net={"n": 100},
        faulty={"seconds": 1e-3},
        fitting=run,
        victim=victim,
        after=1.0,
        extra=ULFM,
    )
    assert job.status == 1 and job.seconds < 60, job.output
    assert job.output.count("error: ") == 1
    assert f"server {victim} (rank {victim}) has died" in job.output, job.output
    saved = Checkpoints(tmp_path / "run" / "checkpoints").load()["position"]
    assert saved["step"] >= 10
    more = {**run, "resume": True, "epochs": saved["epoch"] + 2}
    main = on_ranks(3, train, server={"servers": 1}, net={"n": 100}, fitting=more, timeout=120)[0]
    assert len(main["epochs"]) == saved["epoch"] + 2
    model, loader, optimizer = problem(n=100)
    more |= {"resume": Checkpoints(tmp_path / "run" / "checkpoints").latest(), "epochs": saved["epoch"] + 3}
    assert len(fit(model, loss, loader, optimizer, progress=False, **more).epochs) == saved["epoch"] + 3
    assert all(np.isfinite(v).all() for v in values(model).values())


@uses_mpi
def test_without_fault_tolerance_nothing_hangs():
    job = job_of(4, train, server={}, net={"n": 400}, faulty={"seconds": 1e-3}, fitting={"epochs": 99}, victim=2, after=0.5)
    assert job.status != 0 and job.seconds < 60


@uses_mpi
@pytest.mark.parametrize("servers", [1, 2])
def test_an_error_of_a_worker_ends_all_with_one_line(servers):
    job = job_of(
        servers + 2, train_or_say, server={"servers": servers}, faulty={"broken": 3, "ranks": [servers, servers + 1]}
    )
    assert job.status == 1 and job.seconds < 60
    lines = [line for line in job.output.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "sample 3 cannot be read" in lines[0] and "rank " in lines[0], job.output


@uses_mpi
def test_or_the_others_go_on():
    server = {"on_failure": "continue", "servers": 2}
    results = on_ranks(
        5,
        train,
        server=server,
        net={"n": 90, "batch": 3},
        fitting={"epochs": 3},
        timeout=120,
        faulty={"broken": 3, "ranks": [3], "seconds": 2e-3},
    )
    assert [len(r["epochs"]) for r in results] == [3] * 5
    used = {use for result in results for use in result["used"]}
    assert used == {(epoch, i) for epoch in range(3) for i in range(90)}


@uses_mpi
def test_unless_all_fail():
    job = job_of(3, train_or_say, server={"on_failure": "continue"}, faulty={"broken": 3, "ranks": [1, 2]})
    assert job.status == 1 and job.seconds < 60 and "error: every worker has died or failed" in job.output


@uses_mpi
@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT"])
def test_a_signal_saves_and_ends_all(tmp_path, how):
    run = {"run_dir": str(tmp_path / "run"), "epochs": 99}
    job = job_of(
        4, train, server={"servers": 2}, net={"n": 400}, faulty={"seconds": 1e-3}, fitting=run, victim=0, after=1.0, how=how
    )
    assert job.status == 130 and job.seconds < 60, job.output
    position = Checkpoints(tmp_path / "run" / "checkpoints").load()["position"]
    amid, between = f"interrupted at epoch {position['epoch'] + 1}", f"interrupted after epoch {position['epoch']}"
    assert position["samples"] % 8 == 0
    assert (amid if position["samples"] else between) in job.output or amid in job.output, job.output


@uses_mpi
@needs_ulfm
def test_nothing_is_left_in_shared_memory(tmp_path):
    before = in_shared_memory()
    job = job_of(3, train, net={"n": 200}, faulty={"seconds": 1e-3}, fitting={"epochs": 3}, victim=2, after=0.4, extra=ULFM)
    assert job.results[0] is not None, job.output
    deadline = time.monotonic() + 20
    while (left := {n for n in in_shared_memory() - before if "minidl" in n}) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == set()
