"""Killed or interrupted anywhere and resumed with another number of ranks, a run ends where it should."""

import os
import pickle
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from mpi_helper import TESTS, is_openmpi, run_command, run_program, uses_mpi

from minidl.parallel import mpiexec, sessions

SCRIPT = Path(__file__).with_name("fit_script.py")
HERE = {"PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS), str(TESTS / "parallel")])}


def run(n, folder, *more, **settings):
    """Run the script on n ranks; returns the job and what was left in the file, or None."""
    out = folder / "out"
    out.unlink(missing_ok=True)
    job = run_program(n, SCRIPT, folder / "run", out, *more, env=HERE, **settings)
    return job, pickle.loads(out.read_bytes()) if out.exists() else None


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Bits and history of the reproducible run, made by one process without MPI."""
    folder = tmp_path_factory.mktemp("alone")
    subprocess.run(
        [sys.executable, SCRIPT, folder / "run", folder / "out", "--tree", "--alone"],
        env={**os.environ, **HERE, "OPENBLAS_NUM_THREADS": "1"}, check=True, timeout=120,
    )  # fmt: skip
    return pickle.loads((folder / "out").read_bytes())


@uses_mpi
@pytest.mark.slow
@pytest.mark.parametrize(("kill_at", "before", "after"), [(1, 2, 1), (4, 2, 3), (9, 3, 2), (11, 4, 1), (5, 2, 4)])
def test_a_killed_run_resumes_with_any_number_of_ranks(tmp_path, uninterrupted, kill_at, before, after):
    job, result = run(before, tmp_path, "--tree", "--kill-at", kill_at)
    assert job.status not in (0, None) and result is None
    assert job.seconds < 40  # a start included
    job, result = run(after, tmp_path, "--tree", "--resume")
    assert job.status == 0, job.output
    assert result == uninterrupted


@uses_mpi
@pytest.mark.slow
def test_20_kills_at_random_moments(tmp_path, uninterrupted):
    """However often it is killed and with whichever number of ranks, the end has the same bits."""
    rng, folder = np.random.default_rng(0), tmp_path
    for moment in range(20):
        n, alive = 1 + moment % 4, rng.uniform(0.3, 2.5)

        def kill(process, alive=alive):
            time.sleep(alive)
            ranks = [p for p in sessions.members(process.pid) if p != process.pid]
            if ranks:
                os.kill(rng.choice(ranks), signal.SIGKILL)

        job, result = run(n, folder, "--tree", "--resume", "--pause", 0.05, during=kill)
        assert job.seconds < 40
        if result is not None:  # it had come to its end: start anew
            assert result == uninterrupted
            folder = tmp_path / f"{moment}"
            folder.mkdir()
    job, result = run(2, folder, "--tree", "--resume")
    assert job.status == 0 and result == uninterrupted, job.output


@uses_mpi
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_launcher_stops_all_ranks_in_good_order(tmp_path, uninterrupted, number):
    """A signal to the launcher: every rank stops after the same update, which is saved."""

    def stop(process):
        wait_for(tmp_path / "run" / "checkpoints")
        process.send_signal(number)

    out = tmp_path / "out"
    command = [sys.executable, "-m", "minidl.launch", "-n", 3, SCRIPT, tmp_path / "run", out, "--tree", "--pause", 0.1]
    job = run_command(command, {**os.environ, **HERE}, 100, during=stop)
    assert job.status == 128 + number, job.output
    said = re.findall(r"interrupted at epoch \d+, batch \d+, step \d+", job.output)
    assert len(said) == 3 and len(set(said)) == 1, job.output
    assert run(2, tmp_path, "--tree", "--resume")[1] == uninterrupted


def wait_for(path, seconds=60):
    end = time.monotonic() + seconds
    while not (path.exists() and any(path.iterdir())):
        assert time.monotonic() < end, f"{path} does not appear"
        time.sleep(0.05)


@uses_mpi
@pytest.mark.slow
def test_a_killed_launcher_leaves_no_rank(tmp_path):
    """SIGTERM twice: no waiting for a good end."""
    left = []

    def stop(process):
        wait_for(tmp_path / "run" / "checkpoints")
        left.extend(children(process.pid))
        process.terminate()
        time.sleep(0.3)
        process.terminate()

    command = [sys.executable, "-m", "minidl.launch", "-n", 2, SCRIPT, tmp_path / "run", tmp_path / "out", "--pause", 5]
    command = [*command[:-1], 0.3]
    job = run_command(command, {**os.environ, **HERE}, 100, during=stop)
    assert job.status == 143 and job.seconds < 60
    assert left and not any(sessions.members(pid) for pid in left)


def children(pid):
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@uses_mpi
@pytest.mark.slow
def test_a_killed_rank_leaves_nothing_in_shared_memory(tmp_path):
    folders = []

    def look(process):
        wait_for(tmp_path / "run" / "checkpoints")
        env = Path(f"/proc/{children(process.pid)[0]}/environ").read_text().split("\0")
        folders.extend(Path(e.partition("=")[2]) for e in env if e.startswith("OMPI_MCA_btl_sm_backing_directory="))
        assert folders[0].is_dir() and (not is_openmpi() or list(folders[0].iterdir()))

    command = [sys.executable, "-m", "minidl.launch", "-n", 2, SCRIPT, tmp_path / "run", tmp_path / "out"]
    job = run_command([*command, "--kill-at", 6, "--pause", 0.2], {**os.environ, **HERE}, 100, during=look)
    assert job.status != 0 and folders and not folders[0].exists(), job.output


@uses_mpi
@pytest.mark.slow
def test_without_the_tree_a_resumed_run_trains_on_the_rest_of_the_epoch(tmp_path):
    job, result = run(2, tmp_path, "--kill-at", 6, "--epochs", 2, "--accumulate", 1)
    assert result is None
    job, result = run(3, tmp_path, "--resume", "--epochs", 2, "--accumulate", 1)
    assert job.status == 0, job.output
    assert len(result[1]) == 2 and 2 * 6 <= result[1][-1]["step"] <= 2 * 9  # 50 samples: 6 updates of 9, or 9 of 6


@uses_mpi
@pytest.mark.slow
@pytest.mark.parametrize(
    ("differ", "message"),
    [("batch", "differ in batches per epoch"), ("lr", "differ in optimizer"), ("config", "differ in configuration 'x'")],
)
def test_what_differs_between_ranks_is_named_once(tmp_path, differ, message):
    command = [sys.executable, "-m", "minidl.launch", "-n", 3, SCRIPT, tmp_path / "run", tmp_path / "out"]
    job = run_command([*command, "--differ", differ], {**os.environ, **HERE}, 100)
    lines = [line for line in job.output.splitlines() if not line.startswith("minidl.launch:")]
    assert job.status == 1 and len(lines) == 1 and message in lines[0], job.output
    assert "rank 1 has" in lines[0]


@uses_mpi
@pytest.mark.parametrize("n", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_a_nan_on_one_rank_ends_all_with_one_line(tmp_path, n):
    command = [sys.executable, "-m", "minidl.launch", "-n", n, SCRIPT, tmp_path / "run", tmp_path / "out"]
    job = run_command([*command, "--nan-at", 3], {**os.environ, **HERE}, 100)
    lines = [line for line in job.output.splitlines() if not line.startswith("minidl.launch:")]
    assert job.status == 1 and len(lines) == 1 and "the loss is nan" in lines[0], job.output
    assert job.seconds < 40


@uses_mpi
@pytest.mark.slow
def test_more_ranks_than_examples(tmp_path):
    job, _ = run(4, tmp_path, "--n", 3)
    assert job.status == 1 and "4 ranks for 3 examples" in job.output
    assert job.output.count("error:") == 1


@uses_mpi
@pytest.mark.slow
def test_the_checkpoint_of_another_model(tmp_path):
    """Rank 0 reads it; its error is everybody's, and printed once."""
    folder = tmp_path / "run" / "checkpoints"
    folder.mkdir(parents=True)
    job, _ = run(2, tmp_path, "--resume", "--epochs", 1)
    assert job.status == 0, job.output
    for file in folder.iterdir():
        file.write_bytes(b"damaged") if file.is_file() else None
    job, _ = run(2, tmp_path, "--resume")
    assert job.status == 1 and job.output.count("error:") == 1, job.output


def test_mpiexec_settings_of_the_user_stay():
    env = mpiexec.environment({"OPENBLAS_NUM_THREADS": "7", "OMPI_MCA_pml": "cm"}, threads=2)
    assert env["OPENBLAS_NUM_THREADS"] == "7" and env["OMPI_MCA_pml"] == "cm" and env["OMP_NUM_THREADS"] == "2"
    assert "OMPI_MCA_mtl" not in mpiexec.environment({"SLURM_JOB_NUM_NODES": "2"}, threads=2)


@uses_mpi
@pytest.mark.slow
def test_plain_mpirun_works_and_an_error_ends_all(tmp_path):
    """Without the launcher: AllReduce itself sees to it that a failing rank takes the others along."""
    env = mpiexec.environment(os.environ, threads=1, one_machine=True) | HERE
    command = [mpiexec.find_mpiexec(), "-n", 2, sys.executable, SCRIPT, tmp_path / "run", tmp_path / "out"]
    job = run_command([*command, "--epochs", 1], env, 100)
    assert job.status == 0 and (tmp_path / "out").exists(), job.output
    job = run_command([*command, "--bug-at", 2], env, 100)
    assert job.status == 1 and "rank 1 of 2 failed" in job.output and "ZeroDivisionError" in job.output, job.output
