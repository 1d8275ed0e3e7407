"""Orders are functions of (seed, epoch), and shards partition them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl.data import Sequential, Sharded, Shuffled
from minidl.errors import ArgumentError


def test_sequential_is_in_order():
    assert Sequential(4).order(3).tolist() == [0, 1, 2, 3]


def test_shuffled_is_a_permutation_that_depends_on_seed_and_epoch_alone():
    orders = {(seed, epoch): Shuffled(50, seed).order(epoch).tolist() for seed in (0, 1) for epoch in (0, 1)}
    assert all(sorted(order) == list(range(50)) for order in orders.values())
    assert len({tuple(order) for order in orders.values()}) == 4
    again = Shuffled(50, 1)
    again.order(7)
    assert again.order(1).tolist() == orders[1, 1]


@given(n=st.integers(1, 60), size=st.integers(1, 7), epoch=st.integers(0, 3))
def test_shards_partition_the_order(n, size, epoch):
    whole = Shuffled(n, 3)
    parts = [Sharded(whole, rank, size, even=False) for rank in range(size)]
    orders = [p.order(epoch) for p in parts]
    assert [len(p) for p in parts] == [len(o) for o in orders]
    assert sorted(np.concatenate(orders)) == list(range(n))


@given(n=st.integers(7, 60), size=st.integers(1, 7), batch=st.integers(1, 4))
def test_batch_k_of_all_ranks_is_batch_k_of_one_process(n, size, batch):
    whole = Shuffled(n, 3)
    orders = np.array([Sharded(whole, rank, size).order(1) for rank in range(size)])
    one = whole.order(1)[: n - n % size]
    for k in range(0, orders.shape[1], batch):
        together = orders[:, k : k + batch].T.ravel()
        assert together.tolist() == one[k * size : (k + batch) * size].tolist()


@pytest.mark.parametrize("rank, size", [(2, 2), (-1, 2), (0, 0)])
def test_a_rank_that_is_not_there(rank, size):
    with pytest.raises(ArgumentError, match="rank"):
        Sharded(Sequential(9), rank, size)


def test_too_few_samples_for_all_ranks():
    with pytest.raises(ArgumentError, match="too few"):
        Sharded(Sequential(2), 0, 3)


def test_negative_sizes_and_seeds():
    with pytest.raises(ArgumentError, match="-1"):
        Sequential(-1)
    with pytest.raises(ArgumentError, match="seed"):
        Shuffled(3, -1)
