"""What ranks do in the tests of the parameter server over MPI: one training run each, described by plain values."""

import os
import signal
import sys
import threading
import time

import numpy as np
from helpers_server import loss, problem, values

from minidl.errors import MinidlError
from minidl.optim.schedules import Cosine
from minidl.parallel import ParameterServer, failure
from minidl.train import fit


class Faulty:
    """A dataset that takes its time; at `broken` it fails on the ranks named."""

    def __init__(self, dataset, seconds=0.0, broken=None, ranks=()):
        self.dataset, self.seconds, self.broken, self.ranks = dataset, seconds, broken, ranks

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, i):
        if i == self.broken and failure.rank() in self.ranks:
            raise ValueError(f"sample {i} cannot be read")
        if self.seconds:
            time.sleep(self.seconds)
        return self.dataset[i]


def train(server=None, net=None, fitting=None, cosine=None, faulty=None, victim=None, after=0.0, how="SIGKILL", tell=True):
    """Train on every rank; rank 0 returns what became of it.

    `victim` is sent the signal `how` `after` seconds after MPI has started.
    """
    model, loader, optimizer = problem(**(net or {}))
    if faulty is not None:
        loader.dataset = Faulty(loader.dataset, **faulty)
    schedule = Cosine(optimizer, cosine) if cosine else None
    used = []
    batches_of = loader.batches_of

    def noting(samples, epoch):
        samples = [np.asarray(s) for s in samples]
        used.extend((epoch, int(i)) for s in samples for i in s)
        return batches_of(samples, epoch)

    loader.batches_of = noting
    strategy = ParameterServer(**(server or {}))
    if failure.rank() == victim:
        threading.Thread(target=lambda: (time.sleep(after), os.kill(os.getpid(), getattr(signal, how))), daemon=True).start()
    history = fit(
        model, loss, loader, optimizer, strategy=strategy, schedule=schedule, metrics=("accuracy",), progress=False,
        **{"epochs": 2, **(fitting or {})},
    )  # fmt: skip
    result = {
        "values": values(model), "epochs": history.epochs, "staleness": dict(strategy.staleness_counts),
        "leads": dict(strategy.lead_counts), "used": used, "notes": history.notes,
        "timelines": {k: t.seconds for k, t in history.timelines.items()},
        "lr": optimizer.lr, "state": optimizer.state_dict()["state"],
    }  # fmt: skip
    if tell and strategy.is_main:
        print(f"trained {len(history.epochs)} epochs, loss {history.last['loss']:.6f}", flush=True)
    return result


def train_or_say(**settings):
    """The same as a demo does it: an error of ours is one line, and status 1."""
    try:
        return train(**settings)
    except MinidlError as error:
        sys.exit(failure.fail(f"error: {error}"))
