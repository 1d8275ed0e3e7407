"""The summation tree: the same bits for any number of processes, every leaf owned once."""

import numpy as np
import pytest
from allreduce_runs import bits, train
from mpi_helper import on_ranks, uses_mpi

from minidl.errors import ArgumentError
from minidl.parallel import SelfComm
from minidl.parallel.allreduce.tree import Tree


class Group:
    """A communicator that only knows who it is."""

    def __init__(self, rank, size):
        self.rank, self.size = rank, size


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("n", [7, 8, 13])
def test_every_leaf_has_one_owner(n, size):
    trees = [Tree(n, Group(rank, size)) for rank in range(size)]
    assert all(sum(tree.is_mine(leaf) for tree in trees) == 1 for leaf in range(n))
    assert all(any(tree.is_mine(leaf) for leaf in range(n)) for tree in trees)


def sums(n_leaves):
    """Root of the tree over numbers whose sum depends on the order, for each number of leaves that are there."""
    from minidl.parallel import world

    tree = Tree(n_leaves, world())
    found = []
    for n_present in range(1, n_leaves + 1):
        order = []

        def leaf(i, order=order):
            order.append(i)
            return [np.array([10.0 ** (i % 3) / 3]), np.full(2, 0.1 * (i + 1), np.float32)]

        root = tree.root(tree.own_sums(leaf, n_present), n_present, [np.zeros(1), np.zeros(2, np.float32)])
        assert order == sorted(order)
        found.append(None if root is None else b"".join(a.tobytes() for a in root))
    return found


@uses_mpi
@pytest.mark.parametrize("size", [2, 3, pytest.param(4, marks=pytest.mark.slow)])
@pytest.mark.parametrize("n_leaves", [4, pytest.param(7, marks=pytest.mark.slow)])
def test_the_sum_has_the_same_bits_on_any_number_of_ranks(size, n_leaves):
    ranks = on_ranks(size, sums, n_leaves=n_leaves)
    assert ranks[0] == sums(n_leaves)
    assert all(root is None for part in ranks[1:] for root in part)


MODELS = [
    {"dropout": True, "norm": True},
    {"sparse": True, "unused": True, "dropout": True},
]
TREE = {"strategy": {"reproducible": True, "seed": 4}, "accumulate": 4, "batch": 3, "n": 50, "double": False}


@uses_mpi
@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_any_number_of_ranks_ends_with_equal_bits(model, optimizer):
    """1, 2, 3, 4 ranks and one process without MPI: weights, statistics, optimizer state and history."""
    settings = {**TREE, "model": model, "optimizer": optimizer, "epochs": 3, "clip_norm": 0.5, "ema": 0.9}
    alone = train(comm=SelfComm(), **settings)
    for n in (1, 2, 3, 4):
        for run in on_ranks(n, train, **settings):
            assert bits(run) == bits(alone), n
            assert run["history"] == alone["history"]


@uses_mpi
def test_two_ranks_and_one_process_end_with_equal_bits():
    settings = {**TREE, "model": {"dropout": True, "norm": True, "sparse": True}}
    alone = train(comm=SelfComm(), **settings)
    assert [bits(run) for run in on_ranks(2, train, **settings)] == [bits(alone)] * 2


def test_the_mean_of_all_batches_is_one_large_batch():
    settings = {"n": 50, "epochs": 2}
    tree = train(comm=SelfComm(), batch=3, accumulate=4, strategy={"reproducible": True}, **settings)
    large = train(parallel=False, batch=12, **settings)
    for name, value in large["state"].items():
        np.testing.assert_allclose(tree["state"][name], value, atol=1e-12, rtol=0)


def test_masks_depend_on_the_seed():
    settings = {**TREE, "model": {"dropout": True}, "comm": SelfComm()}
    assert bits(train(**settings)) == bits(train(**settings))
    assert bits(train(**settings)) != bits(train(**{**settings, "strategy": {"reproducible": True, "seed": 5}}))


def too_many():
    with pytest.raises(ArgumentError, match="3 ranks share 2 batches"):
        train(**{**TREE, "accumulate": 2})
    return True


@uses_mpi
def test_more_ranks_than_leaves_is_an_error():
    assert on_ranks(3, too_many) == [True] * 3
