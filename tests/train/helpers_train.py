"""A small problem to train on, and data that can be run through again and again."""

import numpy as np

from minidl import nn, ops, optim
from minidl.train import fit


class ListLoader:
    """Batches in an order that depends on (seed, epoch) only."""

    def __init__(self, n=40, batch=8, seed=0):
        rng = np.random.default_rng(seed)
        self.x = rng.standard_normal((n, 6)).astype(np.float32)
        self.y = (self.x[:, 0] + 0.5 * self.x[:, 1] > 0).astype(np.int64)
        self.batch, self.seed, self.epoch = batch, seed, 0
        self.start = 0

    def set_epoch(self, epoch, start=0):
        self.epoch, self.start = epoch, start

    def __len__(self):
        return -(-len(self.x) // self.batch)

    def __iter__(self):
        order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.x))
        for b in range(self.start, len(self)):
            index = order[b * self.batch : (b + 1) * self.batch]
            yield self.x[index], self.y[index]


class Net(nn.Module):
    """Two layers with everything that has state: batch norm, dropout from the default and from an own stream."""

    def __init__(self, hidden=16):
        self.one = nn.Linear(6, hidden, rng=1)
        self.norm = nn.BatchNorm1d(hidden)
        self.drop = [nn.Dropout(0.2), nn.Dropout(0.1, rng=5)]
        self.two = nn.Linear(hidden, 2, rng=2)

    def forward(self, x):
        return self.two(self.drop[1](self.drop[0](ops.relu(self.norm(self.one(x))))))


def make(lr=0.05, **sizes):
    model = Net(**sizes)
    return model, optim.SGD(model.parameters(), lr=lr, momentum=0.9)


loss = nn.losses.cross_entropy


class Linear(nn.Module):
    """One weight matrix: gradients can be written down."""

    def __init__(self):
        self.layer = nn.Linear(6, 2, rng=3)

    def forward(self, x):
        return self.layer(x)


def trained(model, optimizer, loader, epochs=2, **options):
    history = fit(model, loss, loader, optimizer, epochs=epochs, progress=False, **options)
    return model.state_dict(), history


def linear(lr=0.1):
    model = Linear()
    return model, optim.SGD(model.parameters(), lr=lr)


def same(a, b, **tolerance):
    assert a.keys() == b.keys()
    for name in a:
        if tolerance:
            np.testing.assert_allclose(a[name], b[name], err_msg=name, **tolerance)
        else:
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)
