"""Datasets for the loader's tests; in a module of their own, so that worker processes can import them."""

import os
import signal
import time

import numpy as np

from minidl.data import ArrayDataset

N = 37


def arrays():
    x = np.random.default_rng(0).normal(size=(N, 3, 2)).astype(np.float32)
    return x, np.arange(N)


def jitter(x, index, epoch):
    """Depends on sample and epoch, as a transform must."""
    return x + np.float32(epoch) + index.astype(np.float32)[:, None, None]


def numbers(**kwargs):
    return ArrayDataset(*arrays(), transform=jitter, **kwargs)


def fails_at_20(x, index, epoch):
    if 20 in index:
        raise ValueError("cannot change\nsample 20")
    return x


def kills_itself_at_20(x, index, epoch):
    if 20 in index:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


def sleeps(x, index, epoch):
    if index[0]:
        time.sleep(60)
    return x


def writes_to_its_input(x, index, epoch):
    x += 1
    return x


class Ragged:
    """Samples one at a time, and batches whose size grows: sample i has max(i // 4) + 1 numbers."""

    def __len__(self):
        return N

    def __getitem__(self, i):
        return np.arange(4 * (1 + i // 4), dtype=np.float32), i, i / 2


class Greedy:
    """Tries to change the arrays that all workers share."""

    def __init__(self):
        self.x = np.zeros((N, 1000))

    def __len__(self):
        return N

    def __getitem__(self, i):
        self.x[i] += 1
        return self.x[i]


class Unloadable(ArrayDataset):
    def __setstate__(self, state):
        raise RuntimeError("not here")
