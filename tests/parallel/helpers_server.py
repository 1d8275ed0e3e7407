"""A small problem for the parameter server: a net with an embedding, its data, and an epoch on the in-process transport."""

import numpy as np

from minidl import data, nn, ops, optim
from minidl.parallel.server.consistency import consistency
from minidl.parallel.server.learner import Share, TaskLearner
from minidl.parallel.server.local import make_run
from minidl.parallel.server.nodes import Coordinator, ServerNode
from minidl.parallel.server.shard import Shard
from minidl.parallel.server.worker import WorkerNode
from minidl.params import Parameter
from minidl.train import fit
from minidl.train.evaluate import inputs_and_target
from minidl.train.trainer import Trainer

loss = nn.losses.cross_entropy
OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-3),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.1),
    "adam": lambda p: optim.Adam(p, lr=0.02),
}


class Net(nn.Module):
    """Words and numbers in, two classes out: a row-sparse table and dense layers; one layer is never used."""

    def __init__(self, hidden=8, norm=False, dropout=0.0, dtype=np.float32):
        self.table = nn.Embedding(12, 3, sparse=True, rng=0)
        self.one = nn.Linear(6, hidden, rng=1)
        self.unused = nn.Linear(3, 2, rng=4)
        self.norm = nn.BatchNorm1d(hidden) if norm else None
        self.drop = nn.Dropout(dropout) if dropout else None
        self.two = nn.Linear(hidden, 2, rng=2)
        for module in self.modules():
            for name, value in list(vars(module).items()):
                if isinstance(value, Parameter) and value.dtype != dtype:
                    setattr(module, name, Parameter(value.numpy().astype(dtype), value.sparse))

    def forward(self, x):
        words = self.table(x[:, 0].astype(np.int64) % 12)
        h = self.one(ops.concatenate([words, x[:, 1:4]], 1))
        h = ops.relu(h if self.norm is None else self.norm(h))
        return self.two(h if self.drop is None else self.drop(h))


def dataset(n=40, dtype=np.float32):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 4)).astype(dtype)
    x[:, 0] = rng.integers(0, 12, n)
    return data.ArrayDataset(x, (x[:, 1] + 0.5 * x[:, 2] > 0).astype(np.int64))


def problem(optimizer="sgd", n=40, batch=8, dtype=np.float32, **net):
    """Model, loader and optimizer, the same each time."""
    model = Net(dtype=dtype, **net)
    model.named_parameters()
    loader = data.Loader(dataset(n, dtype), batch, shuffle=True, seed=3)
    return model, loader, OPTIMIZERS[optimizer](model.parameters())


def values(model):
    """All values, in one dictionary of copies."""
    return model.state_dict()


def serial(epochs=1, optimizer="sgd", batch=8, accumulate=1, **settings):
    """What one process ends with."""
    model, loader, opt = problem(optimizer, batch=batch, **settings)
    fit(model, loss, loader, opt, epochs=epochs, accumulate=accumulate, progress=False)
    return values(model)


def trainer_of(model, loader, optimizer, **settings):
    """A Trainer that is not run: what a worker's learner works on."""
    given = dict(
        epochs=1, validation=None, metrics=(), schedule=None, callbacks=(), accumulate=1, clip_norm=None,
        early_stopping=None, ema=None, run_dir=None, checkpoint_every=None, keep=1, strategy=None,
        forward=inputs_and_target, monitor=None, config=None, log_every=10, progress=False, timeline=None,
    )  # fmt: skip
    return Trainer(model, loss, loader, optimizer, **(given | settings))


class Cluster:
    """Servers and workers in this process, each with a model of its own.

    `done` are the samples that were trained on, one entry each time.
    """

    def __init__(self, servers=1, workers=2, staleness=None, n_fetch=1, n_push=1, accumulate=1, seed=0, watch=None,
                 optimizer="sgd", **settings):  # fmt: skip
        self.servers, self.n_push, self.accumulate, self.seed = servers, n_push, accumulate, seed
        self.done, self.n_updates = [], 0
        ranks = range(servers + workers)
        problems = {rank: problem(optimizer, **settings) for rank in ranks}
        self.problems = problems
        shards = {rank: [Shard(problems[rank][2], j, servers) for j in range(servers)] for rank in ranks}
        self.shards = shards
        self.share = Share(problems[0][1], 0, 0)
        self.nodes = [
            Coordinator(shards[0][0], consistency(staleness), self.updated, lambda values, n: None, lambda: (0.1,))
        ] + [ServerNode(shards[j][j], consistency(staleness), lambda n, m: None) for j in range(1, servers)]
        self.workers = {}
        for rank in ranks[servers:]:
            model, loader, opt = problems[rank]
            learner = TaskLearner(trainer_of(model, loader, opt, accumulate=accumulate), Share(loader, 0, 0), 7)
            self.workers[rank] = WorkerNode(learner, shards[rank], n_fetch, accumulate)
        self.watch = watch or (lambda cluster, run: None)

    def updated(self, n_samples, n_batches):
        self.n_updates += 1

    def run(self):
        """One epoch; the model's values afterwards, put together from all servers."""
        run = make_run(
            self.nodes, self.workers, len(self.share), self.n_push * self.accumulate, self.seed,
            lambda run: self.watch(self, run),
        )  # fmt: skip
        run.run()
        for j in range(1, self.servers):
            for target, source in zip(self.shards[0][j].owned(), self.shards[j][j].owned(), strict=True):
                target[...] = source
        return values(self.problems[0][0])
