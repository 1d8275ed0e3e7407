"""All-reduce: k ranks with batches of b train as one process with k * b, and hold the same bits at all times."""

import numpy as np
import pytest
from allreduce_runs import bits, same, train
from mpi_helper import on_ranks, uses_mpi

from minidl.errors import ArgumentError, MissingExtra
from minidl.parallel import AllReduce, SelfComm, comm, world
from minidl.train import EarlyStopping

SLOW = pytest.mark.slow  # more ranks than cores
RANKS = [1, 2, pytest.param(3, marks=SLOW), pytest.param(4, marks=SLOW)]
TWO_OR_THREE = [2, pytest.param(3, marks=SLOW)]


@uses_mpi
@pytest.mark.parametrize("n", RANKS)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_k_ranks_equal_one_with_a_batch_k_times_as_large(n, optimizer):
    """After 50 updates, with a short last batch in which some ranks have nothing."""
    settings = {"n": 9 * 4 * n + 2, "optimizer": optimizer, "epochs": 5}  # 10 updates an epoch
    ranks = on_ranks(n, train, batch=4, **settings)
    one = train(batch=4 * n, parallel=False, **settings)
    same(ranks[0], one, atol=1e-10)
    assert all(bits(r) == bits(ranks[0]) for r in ranks)
    for record, expected in zip(ranks[0]["history"], one["history"], strict=True):
        assert record == pytest.approx(expected, abs=1e-10)
        assert all(r["history"] == ranks[0]["history"] for r in ranks)


@uses_mpi
@pytest.mark.parametrize("n", TWO_OR_THREE)
def test_rows_and_rarely_touched_parameters(n):
    """Sparse gradients, and a layer that few batches use: touched on one rank counts as touched on all."""
    settings = {"n": 61, "epochs": 3, "optimizer": "adam", "model": {"sparse": True, "unused": True}, "clip_norm": 0.1}
    ranks = on_ranks(n, train, batch=4, **settings)
    same(ranks[0], train(batch=4 * n, parallel=False, **settings), atol=1e-10)
    assert all(bits(r) == bits(ranks[0]) for r in ranks)


@uses_mpi
@pytest.mark.parametrize("n", TWO_OR_THREE)
def test_accumulation_average_and_early_stopping(n):
    settings = {"n": 50, "epochs": 5, "ema": 0.9, "early_stopping": EarlyStopping(1, "loss")}
    ranks = on_ranks(n, train, batch=2, accumulate=3, **settings)
    same(ranks[0], train(batch=6 * n, parallel=False, **settings), atol=1e-10)
    assert all(bits(r) == bits(ranks[0]) for r in ranks)


def sums(sizes):
    """All-reduced gradients of a run with each bucket size, as bytes of the weights."""
    return [bits(train(n=30, epochs=1, strategy={"bucket_bytes": size})) for size in sizes]


@uses_mpi
@pytest.mark.parametrize("n", [2, pytest.param(4, marks=SLOW)])
def test_any_bucket_size_gives_the_same_sum(n):
    for runs in on_ranks(n, sums, sizes=[1, 8, 100, 1000, 1 << 20]):
        assert all(run == runs[0] for run in runs)


@uses_mpi
@pytest.mark.parametrize("n", TWO_OR_THREE)
def test_batch_norm_of_all_ranks(n):
    """Synchronised statistics: as one process with the large batch, also where a rank has no samples left."""
    settings = {"n": 8 * n + 2, "epochs": 3, "model": {"norm": True}}  # the last update has 2 samples
    ranks = on_ranks(n, train, batch=4, strategy={"sync_batch_norm": True}, **settings)
    same(ranks[0], train(batch=4 * n, parallel=False, **settings), atol=1e-10)
    assert all(bits(r) == bits(ranks[0]) for r in ranks)


@uses_mpi
@SLOW
def test_batch_norm_of_each_rank_ends_with_the_same_statistics():
    settings = {"n": 48, "epochs": 3, "model": {"norm": True, "dropout": True}}
    ranks = on_ranks(3, train, batch=4, **settings)
    assert all(bits(r) == bits(ranks[0]) for r in ranks)


def first_statistics():
    """Running statistics after one update, in which each rank has its own batch."""
    run = train(n=4 * world().size, batch=4, epochs=1, shuffle=False, model={"norm": True})
    return {name: a for name, a in run["state"].items() if "running" in name}


@uses_mpi
def test_batch_norm_statistics_are_the_mean_of_the_ranks():
    told = on_ranks(2, first_statistics)[0]
    runs = [one_part(rank) for rank in range(2)]
    for name, value in told.items():
        np.testing.assert_allclose(value, (runs[0][name] + runs[1][name]) / 2, atol=1e-14)


def one_part(rank):
    from allreduce_runs import data

    from minidl.data import ArrayDataset, Loader

    part = ArrayDataset(*(a[rank::2] for a in data(8).arrays))
    run = train(epochs=1, parallel=False, model={"norm": True}, loader=Loader(part, 4))
    return {name: a for name, a in run["state"].items() if "running" in name}


def seen_samples(n, batch, drop_last, epochs):
    """The first feature of every sample that this rank trained on."""
    seen = []

    from allreduce_runs import data

    from minidl.data import Loader

    class Watched:
        def __init__(self):
            self.inner = Loader(data(n), batch, shuffle=True, drop_last=drop_last)

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def __len__(self):
            return len(self.inner)

        def batches_of(self, samples, epoch):
            samples = list(samples)
            seen.extend((epoch, int(s)) for part in samples for s in part)
            return self.inner.batches_of(samples, epoch)

    train(loader=Watched(), epochs=epochs)
    return seen


@uses_mpi
@pytest.mark.parametrize("n", RANKS)
def test_every_example_once(n):
    seen = [s for part in on_ranks(n, seen_samples, n=37, batch=4, drop_last=False, epochs=2) for s in part]
    assert sorted(seen) == [(epoch, s) for epoch in range(2) for s in range(37)]


@uses_mpi
def test_drop_last_leaves_out_what_gives_no_full_batch_on_every_rank():
    parts = on_ranks(2, seen_samples, n=37, batch=4, drop_last=True, epochs=1)
    assert [len(set(part)) for part in parts] == [16, 16]
    assert not set(parts[0]) & set(parts[1])


@uses_mpi
def test_replicas_are_compared():
    ranks = on_ranks(2, train, n=30, strategy={"check_every": 1})
    assert bits(ranks[0]) == bits(ranks[1])


def one_rank_meddles():
    from minidl.errors import TrainingError

    def meddle(trainer):
        if trainer.strategy.comm.rank == 1:
            trainer.model.two.bias.data = trainer.model.two.bias.data + 1

    with pytest.raises(TrainingError, match=r"two\.bias of rank 1"):
        train(n=30, epochs=3, strategy={"check_every": 1}, callbacks=[meddle])
    return "seen"


@uses_mpi
def test_a_replica_that_differs_is_named():
    assert on_ranks(2, one_rank_meddles) == ["seen", "seen"]


@pytest.mark.parametrize("model", [{}, {"sparse": True, "unused": True}, {"norm": True}])
def test_one_process_without_mpi_equals_serial_bit_for_bit(model):
    settings = {"n": 30, "model": model, "double": False}
    assert bits(train(comm=SelfComm(), **settings)) == bits(train(parallel=False, **settings))


def different_start():
    return bits(train(n=30, offset=0.1 * world().rank))


@uses_mpi
def test_all_ranks_start_with_the_weights_of_rank_0():
    runs = on_ranks(2, different_start)
    assert runs[0] == runs[1] == bits(on_ranks(2, train, n=30)[0])


def own_communicator():
    """Two pairs of ranks train apart, each over a communicator of its own."""
    from mpi4py import MPI

    pair = MPI.COMM_WORLD.Split(MPI.COMM_WORLD.rank // 2)
    run = bits(train(n=30 + MPI.COMM_WORLD.rank // 2, comm=pair))
    pair.Free()
    return run


@uses_mpi
@SLOW
def test_a_users_own_communicator():
    runs = on_ranks(4, own_communicator)
    assert runs[0] == runs[1] != runs[2] == runs[3]


def list_of_batches():
    from allreduce_runs import data

    whole = data(30)
    return bits(train(loader=[tuple(a[i : i + 4] for a in whole.arrays) for i in range(0, 30, 4)]))


@uses_mpi
@SLOW
def test_a_loader_that_is_a_list():
    runs = on_ranks(3, list_of_batches)
    assert runs[0] == runs[1] == runs[2]


def fails_on_main():
    from minidl.errors import DataError

    def validation():
        raise DataError("no such file")
        yield

    class Bad:
        def __iter__(self):
            return validation()

    with pytest.raises(DataError, match="no such file"):
        train(n=30, validation=Bad())
    return True


@uses_mpi
def test_an_error_of_rank_0_alone_is_raised_everywhere():
    assert on_ranks(2, fails_on_main) == [True, True]


def test_without_mpi_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(comm.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'minidl\[mpi\]'"):
        AllReduce()


@pytest.mark.parametrize("wrong", [{"bucket_bytes": 0}, {"seed": -1}, {"reproducible": True, "sync_batch_norm": True}])
def test_settings_that_make_no_sense(wrong):
    with pytest.raises(ArgumentError, match="AllReduce"):
        AllReduce(SelfComm(), **wrong)
