"""Small runs of training through ``fit``, as a rank or as one process makes them."""

import numpy as np

import minidl as dl
from minidl import nn, ops, optim
from minidl.data import ArrayDataset, Loader
from minidl.nn.tree import Buffer
from minidl.parallel import AllReduce, SelfComm
from minidl.params import Parameter
from minidl.train import fit

N_WORDS = 8  # so few that several batches of an update have the same one


class Net(nn.Module):
    """Everything that parallel training must take care of, each part only where asked for."""

    def __init__(self, norm=False, dropout=False, sparse=False, unused=False):
        self.one = nn.Linear(6, 10, rng=1)
        self.norm = nn.BatchNorm1d(10) if norm else None
        self.drop = [nn.Dropout(0.3), nn.Dropout(0.2, rng=5)] if dropout else []
        self.table = nn.Embedding(N_WORDS, 10, rng=3, sparse=True) if sparse else None
        self.two = nn.Linear(10, 3, rng=2)
        self.rare = nn.Linear(10, 3, rng=4) if unused else None

    def forward(self, x, words):
        h = self.one(x)
        h = ops.relu(h if self.norm is None else self.norm(h))
        for drop in self.drop:
            h = drop(h)
        if self.table is not None:
            h = h + self.table(words)
        y = self.two(h)
        if self.rare is not None and (words < 2).any():  # touched by few batches, so on few ranks
            y = y + self.rare(h) * (words < 2)[:, None].astype(x.dtype)
        return y


def data(n, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 6)).astype(dtype)
    y = (x[:, 0] + 0.5 * x[:, 1] > 0).astype(np.int64) + (x[:, 2] > 1)
    return ArrayDataset(x, rng.integers(0, N_WORDS, n), y)


def in_double(model):
    """The model with all parameters and buffers in float64."""
    for module in model.modules():
        for name, value in list(vars(module).items()):
            if isinstance(value, Parameter):
                setattr(module, name, Parameter(value.data.astype(np.float64), value.sparse))
            elif isinstance(value, Buffer):
                setattr(module, name, Buffer(value.data.astype(np.float64)))
    return model


OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "adam": lambda p: optim.Adam(p, lr=0.01),
}


def loss(output, target):
    return nn.losses.cross_entropy(output, target)


def train(
    n=50, batch=4, epochs=2, optimizer="sgd", model=None, double=True, strategy=None, parallel=True, comm=None,
    seed=0, drop_last=False, shuffle=True, watch=None, loader=None, offset=0.0, **fitting,
):  # fmt: skip
    """Train; returns the state of the model, the history and, with a `watch` function, what it saw."""
    dl.seed(seed)
    net = Net(**(model or {}))
    net = in_double(net) if double else net
    for p in net.parameters():
        p.data = p.data + offset
    made = OPTIMIZERS[optimizer](net.parameters())
    if isinstance(comm, str):
        comm = SelfComm()
    chosen = AllReduce(comm, **(strategy or {})) if parallel else None
    if loader is None:
        dataset = data(n, dtype=np.float64 if double else np.float32)
        loader = Loader(dataset, batch, shuffle=shuffle, seed=7, drop_last=drop_last)
    history = fit(
        net, watch(loss) if watch else loss, loader, made, epochs=epochs, strategy=chosen, metrics=["accuracy"],
        progress=False, **fitting,
    )  # fmt: skip
    records = [{k: v for k, v in r.items() if "second" not in k} for r in history.epochs]
    return {"state": net.state_dict(), "history": records, "optimizer": made.state_dict()["state"]}


def bits(run):
    """All arrays of a run as bytes by name."""
    state = {name: np.asarray(a).tobytes() for name, a in run["state"].items()}
    return state | {f"{s}.{n}": a.tobytes() for s, arrays in run["optimizer"].items() for n, a in arrays.items()}


def same(a, b, atol=0.0):
    for name in b["state"]:
        np.testing.assert_allclose(a["state"][name], b["state"][name], rtol=0, atol=atol, err_msg=name)
