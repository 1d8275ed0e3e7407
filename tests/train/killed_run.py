"""A run for test_resume.py to kill: slow enough to be hit in the middle, with a checkpoint every third update."""

import sys
import time
from pathlib import Path

from helpers_train import ListLoader, loss, make

import minidl as dl
from minidl import optim
from minidl.train import fit, save


def slow_loss(output, target):
    time.sleep(0.005)
    return loss(output, target)


dl.seed(0)
model, _ = make(hidden=64)
optimizer = optim.Adam(model.parameters(), lr=0.01)
fit(
    model, slow_loss, ListLoader(200), optimizer, epochs=16, schedule=optim.schedules.Cosine(optimizer, 16 * 25),
    ema=0.95, run_dir=sys.argv[1], checkpoint_every=3, resume="--resume" in sys.argv, progress=False,
)  # fmt: skip
save(Path(sys.argv[1]) / "end", model.state_dict())
