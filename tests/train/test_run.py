"""A run's directory: what is left there, what is never overwritten, and what is refused."""

import errno
import json
import os

import pytest
from helpers_train import ListLoader, linear, make, trained

from minidl.errors import CheckpointError
from minidl.train.history import MetricsFile, read_metrics


def test_metrics_are_json_lines(tmp_path):
    _, history = trained(*make(), ListLoader(), 2, run_dir=tmp_path, log_every=2)
    records = read_metrics(tmp_path / "metrics.jsonl")
    assert [r["epoch"] for r in records if r["kind"] == "epoch"] == [1, 2]
    assert [r["step"] for r in records if r["kind"] == "step"] == [2, 4, 6, 8, 10]
    assert json.loads(json.dumps(history.last))["step"] == 10


def test_a_full_disk_leaves_no_half_line_of_metrics(tmp_path, monkeypatch):
    metrics, real = MetricsFile(tmp_path / "m"), os.write
    metrics.write({"a": 1})
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:3]))  # as on a disk with three bytes left
    with pytest.raises(CheckpointError, match=r"cannot write .*m: No space left on device"):
        metrics.write({"a": 2})
    assert read_metrics(tmp_path / "m") == [{"a": 1}]

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match=r"cannot write .*m: No space left on device"):
        metrics.sync()
    metrics.close()


def test_the_directory_that_one_stands_in_is_not_renamed(tmp_path, monkeypatch):
    """Else ``run_dir="."`` would rename a user's whole project."""
    project = tmp_path / "project"
    (project / "checkpoints").mkdir(parents=True)
    (project / "sub").mkdir()
    monkeypatch.chdir(project / "sub")
    for run_dir in (project, "..", project / "sub" / ".."):
        with pytest.raises(CheckpointError, match=r"holds an earlier run.*choose another"):
            trained(*make(), ListLoader(), 1, run_dir=run_dir)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["project"]


def test_an_earlier_run_is_set_aside(tmp_path):
    trained(*make(), ListLoader(), 1, run_dir=tmp_path / "r")
    trained(*make(), ListLoader(), 2, run_dir=tmp_path / "r")
    trained(*make(), ListLoader(), 1, run_dir=tmp_path / "r")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r", "r.1", "r.2"]
    assert len([r for r in read_metrics(tmp_path / "r.2" / "metrics.jsonl") if r["kind"] == "epoch"]) == 2


def test_a_checkpoint_of_another_model_lists_the_differences(tmp_path):
    trained(*make(), ListLoader(), 1, run_dir=tmp_path)
    with pytest.raises(CheckpointError, match=r"one\.weight"):
        trained(*make(hidden=9), ListLoader(), 2, run_dir=tmp_path, resume=True)
    with pytest.raises(CheckpointError, match=r"(?=.*missing)(?=.*unexpected)"):
        trained(*linear(), ListLoader(), 2, run_dir=tmp_path, resume=True)


def test_resuming_with_other_settings_is_refused(tmp_path):
    trained(*make(), ListLoader(), 1, run_dir=tmp_path, config={"seed": 1})
    with pytest.raises(CheckpointError, match=r"5 batches .* now there are 10"):
        trained(*make(), ListLoader(batch=4), 2, run_dir=tmp_path, resume=True, config={"seed": 1})
    with pytest.raises(CheckpointError, match="seed = 1, and now it is 2"):
        trained(*make(), ListLoader(), 2, run_dir=tmp_path, resume=True, config={"seed": 2})
    with pytest.raises(CheckpointError, match="without ema"):
        trained(*make(), ListLoader(), 2, run_dir=tmp_path, resume=True, config={"seed": 1}, ema=0.9)


def test_a_refused_resume_leaves_the_metrics_alone(tmp_path):
    trained(*make(), ListLoader(), 2, run_dir=tmp_path)
    before = (tmp_path / "metrics.jsonl").read_bytes()
    first = sorted((tmp_path / "checkpoints").glob("step-*"))[0]
    with pytest.raises(CheckpointError, match="without ema"):
        trained(*make(), ListLoader(), 2, run_dir=tmp_path, resume=first, ema=0.9)
    assert (tmp_path / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize("resume", [False, True])
def test_two_runs_in_one_directory_at_a_time_are_refused(tmp_path, resume):
    """They would write over each other's checkpoints."""

    def second(trainer):
        with pytest.raises(CheckpointError, match=r"another run is being trained in .*; choose another directory"):
            trained(*make(), ListLoader(), 1, run_dir=tmp_path / "r", resume=resume)

    for _ in range(2):  # and when the first one is over, it is free again
        trained(*make(), ListLoader(), 1, run_dir=tmp_path / "r", callbacks=[second])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r", "r.1"]


def test_an_unwritable_run_directory_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot write"):
        trained(*make(), ListLoader(), 1, run_dir=tmp_path / "file" / "run")
