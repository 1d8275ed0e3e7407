"""A script with Hogwild, seen from outside: its own classes, Ctrl-C, and nothing that survives the parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import helpers_hogwild as h
import pytest

ROOT = Path(__file__).parents[2]
slow = pytest.mark.slow
SCRIPT = """
import sys, time
import numpy as np
import helpers_hogwild as h
from minidl import data, nn, ops, optim, train
from minidl.parallel import Hogwild

class Net(nn.Module):
    def __init__(self):
        self.one, self.two = nn.Linear(6, 8, rng=0), nn.Linear(8, 2, rng=1)
    def forward(self, x):
        return self.two(ops.relu(self.one(x)))

def shrink(x, index, epoch):
    return x * np.float32(0.5)

def slow_loss(output, target):
    time.sleep(0.01)
    return nn.losses.cross_entropy(output, target)

def ready(trainer):
    print("ready", flush=True)

if __name__ == "__main__":
    model = Net()
    strategy = Hogwild(2, locked=sys.argv[2] == "locked")
    train.fit(model, slow_loss, h.loader(transform=shrink), optim.SGD(model.parameters(), lr=0.1),
              epochs=int(sys.argv[1]), strategy=strategy, callbacks=[ready], run_dir=sys.argv[3], progress=False)
    print("done")
"""

SPARSE = """
import sys
from minidl.data.sparse import rcv1_like
from minidl.parallel.hogwild.sparse_problems import Logistic
from minidl.parallel.hogwild.sparse_sgd import minimise

if __name__ == "__main__":
    problem = Logistic(rcv1_like(500, 1000, 10))
    ready = lambda run: print("ready", flush=True)
    minimise(problem, workers=2, how=sys.argv[2], epochs=10**6, delay=0.001, after_epoch=ready)
"""


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


def start(tmp_path, epochs, mark, how="free", text=SCRIPT):
    (tmp_path / "script.py").write_text(text)
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{Path(__file__).parent}", "MINIDL_MARK": mark}
    return subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py"), str(epochs), how, str(tmp_path / "run")], env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def test_classes_of_the_script_itself(tmp_path):
    process = start(tmp_path, 2, "minidl-own")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err, out) == (0, "", "ready\nready\ndone\n")


@slow
def test_a_script_without_a_guard_is_told(tmp_path):
    process = start(tmp_path, 2, "minidl-no-guard", text=SCRIPT.replace('if __name__ == "__main__":', "if True:"))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and "must work under: if __name__ == '__main__':" in err


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


@linux
@pytest.mark.parametrize("how", ["free", pytest.param("locked", marks=slow)])
@pytest.mark.parametrize("end", ["SIGINT", pytest.param("SIGTERM", marks=slow), pytest.param("SIGKILL", marks=slow)])
def test_nothing_survives_the_parent(tmp_path, end, how):
    errors = ended(tmp_path, end, how, SCRIPT)
    assert ("TrainingInterrupted" in errors) == (end == "SIGINT")


@linux
@slow
@pytest.mark.parametrize("how", ["lock-free", "round robin", "locked rows"])
@pytest.mark.parametrize("end", ["SIGINT", "SIGKILL"])
def test_nothing_survives_the_parent_of_sparse_sgd(tmp_path, end, how):
    ended(tmp_path, end, how, SPARSE)


def ended(tmp_path, end, how, text):
    """Start a script, end it by a signal, and look for what is left; returns what it had to say."""
    files, mark = h.shared_files(), f"minidl-test-{os.getpid()}-{end}-{how}"
    process = start(tmp_path, 10_000, mark, how, text)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.05)
    number = getattr(signal, end)
    if end == "SIGINT":
        os.killpg(process.pid, number)  # as the terminal does: to all processes
    else:
        os.kill(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert errors.count("Traceback") == (1 if end == "SIGINT" else 0), errors  # of the parent alone
    deadline = time.monotonic() + 30
    while (left := processes_that_mention(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []
    assert h.shared_files() <= files
    return errors
