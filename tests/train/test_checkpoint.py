"""Checkpoint directories: what is kept, what is refused, and which older file is offered."""

import contextlib
import os

import numpy as np
import pytest

from minidl.errors import CheckpointError
from minidl.train import Checkpoints, save
from minidl.train.checkpoint import find, read_state, write_state
from minidl.train.state import flatten


def state(step):
    return {"model": {"w": np.full(3, step, np.float32)}, "big": 2**127 + step, "list": [1.5, None, "x", (True,)]}


def names(checkpoints):
    return [p.name for p in checkpoints.paths()]


def test_nested_states_come_back_as_they_were(tmp_path):
    write_state(tmp_path / "s", state(7))
    back = read_state(tmp_path / "s")
    np.testing.assert_array_equal(back["model"]["w"], np.full(3, 7, np.float32))
    assert back["big"] == 2**127 + 7 and back["list"] == [1.5, None, "x", [True]]


def test_what_is_neither_number_nor_array_is_refused_by_path():
    with pytest.raises(CheckpointError, match="a/b is a set"):
        flatten({"a": {"b": {1}}})


def test_keeps_the_last_and_the_best(tmp_path):
    checkpoints = Checkpoints(tmp_path / "c", keep=2)
    for step in range(1, 6):
        checkpoints.save(state(step), step, best=step == 2)
    assert names(checkpoints) == ["step-000000004.safetensors", "step-000000005.safetensors"]
    assert read_state(checkpoints.best)["big"] == 2**127 + 2
    assert checkpoints.load()["big"] == 2**127 + 5


@pytest.mark.parametrize("call", ["link", "replace"])
@pytest.mark.parametrize("at", [1, 2])
def test_killed_while_saving_the_best(tmp_path, monkeypatch, call, at):
    """What is resumed from is never newer than the best: else its turn to become the best would be lost."""
    checkpoints, real, calls = Checkpoints(tmp_path), getattr(os, call), []
    checkpoints.save(state(1), 1, best=True)

    def dies(*args):
        calls.append(args)
        if len(calls) == at:
            raise KeyboardInterrupt  # unlike an OSError, not to be handled
        return real(*args)

    monkeypatch.setattr(os, call, dies)
    with contextlib.suppress(KeyboardInterrupt):
        checkpoints.save(state(2), 2, best=True)
    assert read_state(checkpoints.best)["big"] >= checkpoints.load()["big"]


def test_the_best_on_a_file_system_without_links(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", lambda *paths: exec("raise OSError"))
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(1), 1, best=True)
    checkpoints.save(state(2), 2)
    assert read_state(checkpoints.best)["big"] == 2**127 + 1 and checkpoints.load()["big"] == 2**127 + 2
    assert names(checkpoints) == ["step-000000001.safetensors", "step-000000002.safetensors"]


def test_leftovers_of_a_killed_writer_are_cleaned_up_and_never_read(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(1), 1)
    (tmp_path / ".step-000000002.safetensors.abc.tmp").write_bytes(b"half")
    assert checkpoints.load()["big"] == 2**127 + 1
    checkpoints.save(state(3), 3)
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_damaged_checkpoint_is_refused_and_the_one_before_is_offered(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=3)
    for step in (1, 2, 3):
        checkpoints.save(state(step), step)
    for step in (2, 3):
        path = tmp_path / f"step-{step:09d}.safetensors"
        path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(CheckpointError, match=r"step-000000003.*the previous good one is .*step-000000001"):
        checkpoints.load()
    (tmp_path / "step-000000001.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match="no older good one"):
        checkpoints.load()


def test_a_damaged_best_checkpoint_offers_the_latest_good_one(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(1), 1, best=True)
    checkpoints.save(state(2), 2)
    checkpoints.best.unlink()  # a name of the same file as step 1
    checkpoints.best.write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=r"best\.safetensors.*good one is .*step-000000002"):
        checkpoints.load(checkpoints.best)


def test_plain_arrays_are_no_checkpoint(tmp_path):
    save(tmp_path / "w.safetensors", {"w": np.zeros(3)})
    with pytest.raises(CheckpointError, match="no minidl checkpoint"):
        read_state(tmp_path / "w.safetensors")


def test_find_takes_a_file_or_a_run(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        find(tmp_path)
    path = Checkpoints(tmp_path / "checkpoints").save(state(1), 1)
    assert find(tmp_path) == find(path) == path


def test_a_full_disk_keeps_the_old_checkpoints(tmp_path, monkeypatch):
    import errno
    import os

    checkpoints = Checkpoints(tmp_path, keep=1)
    checkpoints.save(state(1), 1, best=True)

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match="No space left on device"):
        checkpoints.save(state(2), 2, best=True)
    assert checkpoints.load()["big"] == 2**127 + 1 and read_state(checkpoints.best)["big"] == 2**127 + 1
