"""Models, datasets and faults for tests of Hogwild; in a module, so that worker processes find them."""

import os
import signal
import time

import numpy as np

import minidl as dl
from minidl import data, nn, ops, optim


class Net(nn.Module):
    """Two layers with everything that has state: batch norm, dropout from the default and from an own stream."""

    def __init__(self, drop=0.2):
        self.one = nn.Linear(6, 16, rng=1)
        self.norm = nn.BatchNorm1d(16)
        self.drop = [nn.Dropout(drop), nn.Dropout(drop / 2, rng=5)]
        self.two = nn.Linear(16, 2, rng=2)
        self.act = ops.relu
        self.unused = nn.Linear(2, 2, rng=3).freeze()

    def forward(self, x):
        return self.two(self.drop[1](self.drop[0](self.act(self.norm(self.one(x))))))


class Words(nn.Module):
    """An embedding of which few rows are touched."""

    def __init__(self, n=50):
        self.table = nn.Embedding(n, 4, sparse=True, rng=0)
        self.out = nn.Linear(4, 2, rng=1)

    def forward(self, index):
        return self.out(self.table(index).mean(1))


class Rows(nn.Module):
    """Row i of a table, whose target pulls that row alone."""

    def __init__(self, n, sparse):
        self.table = nn.Embedding(n, 3, sparse=sparse, rng=0)

    def forward(self, index):
        return self.table(index)


class Ones(nn.Module):
    """Weights whose gradient is one."""

    def __init__(self, n):
        self.w = dl.Parameter(np.zeros(n, np.float32))

    def forward(self, x):
        return self.w


def total(output, target):
    return output.sum()


def square(output, target):
    d = output - target
    return (d * d).mean()


def numbers(n=120):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 6)).astype(np.float32)
    return x, (x[:, 0] + 0.5 * x[:, 1] > 0).astype(np.int64)


def loader(n=120, batch=8, transform=None, **options):
    return data.Loader(data.ArrayDataset(*numbers(n), transform=transform), batch, shuffle=True, seed=1, **options)


def make(drop=0.2, lr=0.05, momentum=0.9):
    model = Net(drop)
    return model, optim.SGD([p for p in model.parameters() if p.requires_grad], lr=lr, momentum=momentum)


loss = nn.losses.cross_entropy


class Fault:
    """A loss that does something bad at the n-th call in worker processes (once in all, where a file says so)."""

    def __init__(self, what, at=3, once=None):
        self.what, self.at, self.once, self.parent, self.calls = what, at, once, os.getpid(), 0

    def __call__(self, output, target):
        self.calls += 1
        if os.getpid() != self.parent and self.calls == self.at and self._mine():
            if self.what == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.what == "raise":
                raise RuntimeError("no luck today")
            if self.what == "nan":
                return loss(output * np.float32(np.inf), target)
        return loss(output, target)

    def _mine(self):
        if self.once is None:
            return True
        try:
            os.close(os.open(self.once, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True


def slow(output, target):
    time.sleep(0.01)
    return loss(output, target)


class Unloadable:
    """Is sent, but cannot be read there."""

    def __call__(self, output, target):
        return loss(output, target)

    def __setstate__(self, state):
        raise RuntimeError("not here")

    def __getstate__(self):
        return {"a": 1}


def children():
    import multiprocessing

    return [p.pid for p in multiprocessing.active_children() if p.name.startswith("minidl-hogwild")]


def shared_files():
    """Files of Python's own making in shared memory; others' (an MPI job's) come and go."""
    names = os.listdir("/dev/shm") if os.path.isdir("/dev/shm") else ()
    return {name for name in names if name.startswith(("pym-", "psm_"))}
