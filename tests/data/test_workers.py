"""Worker processes: the same batches as without, and nothing left behind however it ends."""

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import helpers_data as helpers
import numpy as np
import pytest
from test_loader import same

from minidl.data import ArrayDataset, Loader
from minidl.errors import ArgumentError, DataError, TrainingError

SHARED = Path("/dev/shm")
slow = pytest.mark.slow  # a process takes about a second to start


def children():
    """Pids of this process's living loader workers."""
    return [p.pid for p in multiprocessing.active_children() if p.name.startswith("minidl-loader")]


def shared_files():
    """Files of shared memory that this process may have made; others, of MPI for example, come and go."""
    own = f"pym-{os.getpid()}-", "psm_", "minidl"
    return {name for name in os.listdir(SHARED) if name.startswith(own)} if SHARED.exists() else set()


def mapped():
    """Shared memory that this process holds: maps of files that have no name any more."""
    maps = Path("/proc/self/maps")
    return sum("pym-" in line for line in maps.read_text().splitlines()) if maps.exists() else 0


@pytest.fixture(autouse=True)
def nothing_left():
    """After each test: no worker, and no shared file or memory more than before."""
    files = shared_files()
    yield
    gc.collect()
    assert children() == []
    assert shared_files() <= files


@pytest.mark.parametrize(
    "workers, prefetch, batch_size",
    [pytest.param(1, 1, 5, marks=slow), (2, 3, 10), pytest.param(3, 2, 40, marks=slow)],
)
def test_the_same_batches_for_any_number_of_workers(workers, prefetch, batch_size):
    plain = Loader(helpers.numbers(), batch_size, shuffle=True, seed=2)
    with Loader(helpers.numbers(), batch_size, True, 2, workers=workers, prefetch=prefetch) as loader:
        for _ in range(3):
            same(list(plain), list(loader))
            if workers > 1 and len(plain) > 1:
                assert len(children()) == workers
        plain.set_epoch(1, 1)
        loader.set_epoch(1, 1)
        same(list(plain), list(loader))
        assert plain.state_dict() == loader.state_dict()


@slow
def test_batches_larger_than_the_first_still_come_through():
    with Loader(helpers.Ragged(), 4, workers=2) as loader:
        same(list(Loader(helpers.Ragged(), 4)), list(loader))


def test_batches_can_be_kept_and_written_to():
    with Loader(helpers.numbers(), 5, workers=1) as loader:
        batches = list(loader)
        before = [x.copy() for x, _ in batches]
        list(loader)
        for (x, _), y in zip(batches, before, strict=True):
            np.testing.assert_array_equal(x, y)
            x += 1


@slow
def test_a_broken_off_epoch_leaves_the_workers_ready():
    with Loader(helpers.numbers(), 5, shuffle=True, workers=2) as loader:
        for _ in zip(range(3), loader, strict=False):
            pass
        pids = children()
        plain = Loader(helpers.numbers(), 5, shuffle=True)
        plain.set_epoch(1)
        same(list(plain), list(loader))
        assert children() == pids


@slow
def test_two_loops_at_a_time():
    with Loader(helpers.numbers(), 10, workers=1) as loader:
        pairs = list(zip(loader, loader, strict=True))
        assert [a[1].tolist() for a, _ in pairs] == [b[1].tolist() for _, b in pairs]
        assert len(children()) == 1


def test_a_half_iterated_loader_that_becomes_garbage():
    batches = iter(Loader(helpers.numbers(), 5, workers=2))
    next(batches)
    next(batches)
    assert len(children()) == 2
    del batches


@slow
@pytest.mark.parametrize("taken", [1, 2, 7])
def test_close_in_the_middle(taken):
    loader = Loader(helpers.numbers(), 5, workers=2)
    batches = iter(loader)
    for _ in range(taken):
        next(batches)
    loader.close()
    loader.close()
    assert children() == []
    with pytest.raises(DataError, match="closed"):
        list(batches)
    with loader:
        loader.set_epoch(0)
        same(list(Loader(helpers.numbers(), 5)), list(loader))


def test_an_error_reaches_the_parent_with_batch_and_traceback():
    dataset = ArrayDataset(*helpers.arrays(), transform=helpers.fails_at_20)
    with pytest.raises(DataError) as plain:
        list(Loader(dataset, 5))
    with Loader(dataset, 5, workers=2) as loader:
        with pytest.raises(DataError) as e:
            list(loader)
        assert str(e.value) == str(plain.value)
        assert "batch 4, samples 20, 21, 22, 23, ... (5 in all): ValueError: cannot change sample 20" in str(e.value)
        assert "in fails_at_20" in str(e.value.__cause__)
        loader.set_epoch(0)
        assert next(iter(loader))[1].tolist() == [0, 1, 2, 3, 4]


def test_a_killed_worker_is_one_clear_line():
    dataset = ArrayDataset(*helpers.arrays(), transform=helpers.kills_itself_at_20)
    with Loader(dataset, 5, workers=2) as loader:
        with pytest.raises(TrainingError, match=r"worker process 1 \(pid \d+\) was killed by SIGKILL before batch 4") as e:
            list(loader)
        assert "\n" not in str(e.value)
        assert children() == []
        loader.set_epoch(0)
        assert next(iter(loader))[1].tolist() == [0, 1, 2, 3, 4]  # new workers


@slow
def test_a_worker_killed_between_epochs():
    with Loader(helpers.numbers(), 5, workers=1) as loader:
        list(loader)
        os.kill(children()[0], signal.SIGKILL)
        with pytest.raises(TrainingError, match="SIGKILL"):
            list(loader)
        assert len(list(loader)) == 8


@slow
def test_closing_does_not_wait_for_a_slow_transform():
    loader = Loader(ArrayDataset(*helpers.arrays(), transform=helpers.sleeps), 5, workers=1)
    batches = iter(loader)
    next(batches)
    time.sleep(0.5)
    start = time.monotonic()
    loader.close()
    assert time.monotonic() - start < 20
    assert children() == []


@slow
def test_workers_cannot_change_what_they_share():
    with Loader(helpers.Greedy(), 5, workers=1) as loader:
        with pytest.raises(DataError, match=r"batch 1, sample 5: ValueError: .*read-only"):
            list(loader)


@slow
def test_a_transform_may_write_to_its_batch():
    dataset = ArrayDataset(*helpers.arrays(), transform=helpers.writes_to_its_input)
    with Loader(dataset, 5, workers=1) as loader:
        same(list(Loader(dataset, 5)), list(loader))


@slow
def test_what_cannot_be_sent_to_workers():
    dataset = ArrayDataset(*helpers.arrays(), transform=lambda x, index, epoch: x)
    with pytest.raises(ArgumentError, match=r"cannot be sent to worker processes.*workers=0"):
        list(Loader(dataset, 5, workers=1))
    with Loader(helpers.Unloadable(*helpers.arrays()), 5, workers=1) as loader:
        with pytest.raises(DataError, match="cannot load the dataset: RuntimeError: not here"):
            list(loader)


@slow
def test_no_more_workers_than_batches():
    with Loader(helpers.numbers(), 20, workers=9) as loader:
        assert len(list(loader)) == 2 and len(children()) == 2


@slow
def test_the_memory_is_given_back():
    x = np.zeros((400, 50_000), np.float32)  # 80 MB: far more than Python's own pool of shared memory keeps
    before = mapped()
    with Loader(ArrayDataset(x), 4, workers=1) as loader:
        next(iter(loader))
        assert mapped() > before
    del loader
    gc.collect()
    assert mapped() <= before + 1  # the pool keeps one small piece


SCRIPT = """
import sys, time
import helpers_data as helpers
from minidl.data import Loader, ArrayDataset
if __name__ == "__main__":
    batches = iter(Loader(helpers.numbers(), 2, workers=2))
    for _ in range(4):
        next(batches)
    print("ready", flush=True)
    if sys.argv[1] == "return":
        sys.exit(0)
    while True:
        time.sleep(0.05)
        next(batches, None)
"""


@slow
def test_a_script_without_a_guard_is_told(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import helpers_data as h\nfrom minidl.data import Loader\nlist(Loader(h.numbers(), 5, workers=1))")
    environment = os.environ | {"PYTHONPATH": f"{Path(__file__).parents[2]}:{Path(__file__).parent}"}
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "ended with status 1 before batch 1 was there" in done.stderr and "if __name__ == '__main__':" in done.stderr


def processes_that_mention(text):
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if text.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("end", ["SIGINT", *(pytest.param(e, marks=slow) for e in ("return", "SIGTERM", "SIGKILL"))])
def test_nothing_survives_the_parent(tmp_path, end):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    root = Path(__file__).parents[2]
    mark = f"minidl-test-{os.getpid()}-{end}"
    environment = os.environ | {"PYTHONPATH": f"{root}:{Path(__file__).parent}", "MINIDL_MARK": mark}
    process = subprocess.Popen(
        [sys.executable, str(script), end], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    if end == "SIGINT":
        os.killpg(process.pid, signal.SIGINT)  # as the terminal does: to all processes
    elif end != "return":
        os.kill(process.pid, getattr(signal, end))
    _, errors = process.communicate(timeout=30)
    assert errors.count("Traceback") == (1 if end == "SIGINT" else 0), errors  # of the parent alone
    deadline = time.monotonic() + 10
    while (left := processes_that_mention(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_workers_are_born_deaf_to_control_c(tmp_path):
    """Else one that still imports what it needs dies by it, with a traceback; in a process whose first child it is."""
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, pathlib, helpers_data\nfrom minidl.data import Loader\n"
        "if __name__ == '__main__':\n    batches = iter(Loader(helpers_data.numbers(), 2, workers=2))\n    next(batches)\n"
        "    for p in multiprocessing.active_children(): print(pathlib.Path(f'/proc/{p.pid}/status').read_text())\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{Path(__file__).parents[2]}:{Path(__file__).parent}"}
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=60)
    masks = [int(line.split()[1], 16) for line in done.stdout.splitlines() if line.startswith("SigBlk:")]
    assert len(masks) == 2 and all(mask >> (signal.SIGINT - 1) & 1 for mask in masks), done.stderr
