"""A run that is stopped anywhere, and resumed, ends bit for bit where the uninterrupted run ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers_train import ListLoader, loss, make

import minidl as dl
from minidl import optim
from minidl.data import ArrayDataset, Loader
from minidl.errors import CheckpointError
from minidl.train import EMA, EarlyStopping, TrainingInterrupted, fit, load
from minidl.train.history import read_metrics

SCRIPT = Path(__file__).with_name("killed_run.py")


class Dies(Exception):
    pass


def validation_data():
    small = ListLoader(20)
    return small.x, small.y


def jitter(x, index, epoch):
    """Other validation data each epoch."""
    return x * np.float32(1 + epoch)


def run(run_dir, resume=False, die_at=None, epochs=4, interrupt_at=None, validate=False):
    """Train with everything that has state; optionally die after an update."""
    dl.seed(3)
    model, _ = make()
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    schedule = optim.schedules.OneCycle(optimizer, 5 * epochs)
    validation = Loader(ArrayDataset(*validation_data(), transform=jitter), 8, shuffle=True) if validate else None
    calls = []

    def watched_loss(output, target):
        calls.append(None)
        if len(calls) == die_at:
            raise Dies
        if len(calls) == interrupt_at:
            os.kill(os.getpid(), signal.SIGINT)
        return loss(output, target)

    history = fit(
        model, watched_loss, ListLoader(38), optimizer, epochs=epochs, validation=validation, schedule=schedule,
        metrics=["accuracy"], ema=EMA(0.9), early_stopping=EarlyStopping(99, "loss"), accumulate=2, clip_norm=1.0,
        run_dir=run_dir, checkpoint_every=2, resume=resume, log_every=1, progress=False,
    )  # fmt: skip
    return model.state_dict(), history


def same(a, b):
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def timeless(records):
    return [{k: v for k, v in r.items() if "second" not in k} for r in records]


@pytest.mark.parametrize("die_at", [1, 2, 6, 9, 12, 17, 20])
def test_resumed_equals_uninterrupted(tmp_path, die_at):
    whole, history = run(tmp_path / "whole")
    with pytest.raises(Dies):
        run(tmp_path / "parts", die_at=die_at)
    parts, resumed = run(tmp_path / "parts", resume=True)
    same(whole, parts)
    assert timeless(history.epochs) == timeless(resumed.epochs)
    files = [timeless(read_metrics(tmp_path / d / "metrics.jsonl")) for d in ("whole", "parts")]
    assert files[0] == files[1]


def test_a_validation_loader_with_a_new_order_each_epoch(tmp_path):
    _, whole = run(tmp_path / "whole", validate=True)
    with pytest.raises(Dies):
        run(tmp_path / "parts", die_at=23, validate=True)
    _, resumed = run(tmp_path / "parts", resume=True, validate=True)
    assert timeless(whole.epochs) == timeless(resumed.epochs)


def test_control_c_saves_and_the_run_goes_on_where_it_was(tmp_path):
    whole, _ = run(tmp_path / "whole")
    with pytest.raises(TrainingInterrupted) as e:
        run(tmp_path / "parts", interrupt_at=7)
    assert e.value.checkpoint.exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    same(whole, run(tmp_path / "parts", resume=True)[0])


def test_where_control_c_is_ignored_it_stays_so(tmp_path):
    """As a shell has it for its background jobs."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _, history = run(tmp_path, interrupt_at=7)
        assert len(history.epochs) == 4 and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("epoch", [1, 4])
def test_control_c_while_validating_stops_after_the_epoch(tmp_path, epoch):
    whole, _ = run(tmp_path / "whole", validate=True)
    with pytest.raises(TrainingInterrupted, match=f"interrupted after epoch {epoch}") as e:
        run(tmp_path / "parts", interrupt_at=5 * epoch + 3 * (epoch - 1) + 1, validate=True)  # 5 batches and 3 to validate
    assert e.value.checkpoint.exists()
    same(whole, run(tmp_path / "parts", resume=True, validate=True)[0])


def test_a_finished_run_resumes_to_itself(tmp_path):
    whole, _ = run(tmp_path)
    again, history = run(tmp_path, resume=True)
    same(whole, again)
    assert len(history.epochs) == 4


def test_a_damaged_latest_checkpoint_can_be_passed_over(tmp_path):
    whole, _ = run(tmp_path)
    latest, previous = sorted((tmp_path / "checkpoints").glob("step-*"))[::-1][:2]
    latest.write_bytes(latest.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=str(previous)):
        run(tmp_path, resume=True)
    same(whole, run(tmp_path, resume=previous)[0])


def test_resume_needs_a_directory():
    with pytest.raises(CheckpointError, match="run_dir"):
        run(None, resume=True)


def start(run_dir, *more):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    root = str(Path(__file__).parents[2])
    environment["PYTHONPATH"] = os.pathsep.join([root, str(SCRIPT.parent)])
    return subprocess.Popen([sys.executable, str(SCRIPT), str(run_dir), *more], env=environment, cwd=root)


@pytest.mark.slow
@pytest.mark.parametrize("kills", [3, 20])
def test_killed_at_any_moment(tmp_path, kills):
    """SIGKILL again and again, at moments that fall within epochs, updates, and writes of checkpoints."""
    whole = start(tmp_path / "whole")
    assert whole.wait(timeout=100) == 0
    moments = np.random.default_rng(0).uniform(0.0, 0.4, size=kills)
    for moment in moments:
        run_dir = tmp_path / "parts"
        before = len(list(run_dir.glob("checkpoints/*"))), newest(run_dir)
        process = start(run_dir, "--resume")
        deadline = time.monotonic() + 60
        while (len(list(run_dir.glob("checkpoints/*"))), newest(run_dir)) == before and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(moment)
        process.kill()
        process.wait(timeout=30)
    last = start(tmp_path / "parts", "--resume")
    assert last.wait(timeout=100) == 0
    same(load(tmp_path / "whole" / "end"), load(tmp_path / "parts" / "end"))


def newest(run_dir):
    return max((p.name for p in run_dir.glob("checkpoints/step-*")), default="")
