"""Who gets which samples: each once, for any number of ranks, also when another number goes on in the middle."""

from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from minidl.data import ArrayDataset, Loader
from minidl.parallel.allreduce.sharing import Spare, every_nth, leaves
from minidl.parallel.allreduce.tree import Tree

sizes = st.integers(1, 5)


def trainer(n, batch, samples=0, drop_last=False, accumulate=1, epoch=3):
    dataset = ArrayDataset(np.arange(n), np.arange(n))
    loader = Loader(dataset, batch, shuffle=True, seed=1, drop_last=drop_last)
    return SimpleNamespace(
        loader=loader, epoch=epoch, samples=samples, batch=samples // batch, accumulate=accumulate
    )  # fmt: skip


def comm(rank, size):
    return SimpleNamespace(rank=rank, size=size)


def of(items):
    return [int(s) for item in items if item is not None and not isinstance(item, Spare) for s in item[0]]


@given(n=st.integers(1, 60), batch=st.integers(1, 7), size=sizes, spares=st.booleans())
def test_every_sample_once(n, batch, size, spares):
    parts = [list(every_nth(trainer(n, batch), comm(rank, size), spares)) for rank in range(size)]
    assert sorted(s for part in parts for s in of(part)) == list(range(n))
    assert {len(part) for part in parts} == {-(-n // batch)}  # a place for each batch of the loader
    assert all(len(item[0]) <= batch for part in parts for item in part if item is not None)
    if spares:  # one forward pass on each rank in every round
        assert len({sum(item is not None for item in part) for part in parts}) == 1


@given(rest=st.integers(2, 9), batch=st.integers(2, 7), size=sizes)
def test_of_a_short_round_nobody_gets_a_single_sample(rest, batch, size):
    n = size * batch + min(rest, size * batch - 1)
    parts = [list(every_nth(trainer(n, batch), comm(rank, size))) for rank in range(size)]
    lengths = [len(item[0]) for part in parts for item in part if item is not None]
    # three samples in batches of two: somebody has one
    assert min(lengths) >= 2 or any(-(-r // batch) > r // 2 for r in (n - size * batch,))


@given(n=st.integers(1, 60), batch=st.integers(1, 7), before=sizes, after=sizes, updates=st.integers(0, 10))
def test_another_number_of_ranks_goes_on_with_the_rest(n, batch, before, after, updates):
    done = []
    for rank in range(before):
        part = list(every_nth(trainer(n, batch), comm(rank, before)))
        done += of(part[: updates * before])
    rest = [s for rank in range(after) for s in of(every_nth(trainer(n, batch, len(done)), comm(rank, after)))]
    assert sorted(done + rest) == list(range(n))


@given(n=st.integers(12, 60), batch=st.integers(1, 7), size=st.integers(1, 3))
def test_drop_last_keeps_batches_full(n, batch, size):
    parts = [of(every_nth(trainer(n, batch, drop_last=True), comm(rank, size))) for rank in range(size)]
    whole = n // batch * batch // (size * batch) * batch
    assert [len(part) for part in parts] == [whole] * size
    assert len({s for part in parts for s in part}) == whole * size


@given(n=st.integers(1, 60), batch=st.integers(1, 7), size=st.integers(1, 4), more=st.integers(0, 4))
def test_leaves_are_the_batches_of_one_process(n, batch, size, more):
    n_leaves = size + more
    parts = [
        list(leaves(trainer(n, batch, accumulate=n_leaves), Tree(n_leaves, comm(rank, size)).is_mine))
        for rank in range(size)
    ]
    run = trainer(n, batch)
    run.loader.set_epoch(run.epoch)
    for place, (batch_of_one, *mine) in enumerate(zip(run.loader, *parts, strict=True)):
        owners = [m for m in mine if m is not None]
        assert len(owners) == 1, place
        np.testing.assert_array_equal(owners[0][0], batch_of_one[0])


@given(n=st.integers(1, 20), size=sizes)
def test_a_plain_list_of_batches_is_shared_batch_by_batch(n, size):
    batches = [(np.full(2, i), np.zeros(2)) for i in range(n)]
    run = SimpleNamespace(loader=batches, epoch=0, batch=0, samples=0)
    parts = [list(every_nth(run, comm(rank, size))) for rank in range(size)]
    assert sorted(int(item[0][0]) for part in parts for item in part if item is not None) == list(range(n))
    assert {len(part) for part in parts} == {n}
