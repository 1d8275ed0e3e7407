"""Synchronised batch norm alone, the scaled learning rate, and streams keyed by position."""

import numpy as np
import pytest
from allreduce_runs import in_double
from mpi_helper import on_ranks, uses_mpi

import minidl as dl
from minidl import nn, optim
from minidl.autograd import grad
from minidl.errors import ArgumentError, ShapeError
from minidl.parallel import SelfComm, scaled_lr, sync_batch_norm, world
from minidl.parallel.streams import KeyedStreams

X = np.random.default_rng(0).standard_normal((12, 3, 3, 4))
WEIGHTS = np.random.default_rng(1).standard_normal(X.shape)


def outputs(x, weights, comm=None, counts=True):
    """Output, gradient of the input and of the gain, and statistics of a batch-norm layer."""
    layer = in_double(nn.BatchNorm2d(4))
    made = None if comm is None else sync_batch_norm(layer, comm)
    if made is not None:
        made.counts = counts
    x = dl.tensor(x, requires_grad=True)
    y = layer(x)
    (y * y * weights * float(counts)).sum().backward()
    if made is not None:
        made.undo()
        assert type(layer) is nn.BatchNorm2d
    return y.data, x.grad, layer.weight.grad, layer.running_mean.data, layer.running_var.data


def part():
    comm = world()
    return outputs(X[comm.rank :: comm.size], WEIGHTS[comm.rank :: comm.size], comm)


@uses_mpi
@pytest.mark.parametrize("n", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_all_ranks_together_are_one_large_batch(n):
    whole, parts = outputs(X, WEIGHTS), on_ranks(n, part)
    for rank, mine in enumerate(parts):
        for value, expected in zip(mine[:2], whole[:2], strict=True):
            np.testing.assert_allclose(value, expected[rank::n], atol=1e-12)
        for value, expected in zip(mine[3:], whole[3:], strict=True):
            np.testing.assert_allclose(value, expected, atol=1e-6)
    np.testing.assert_allclose(sum(mine[2] for mine in parts), whole[2], atol=1e-5)


def part_and_spare():
    comm = world()
    return outputs(X[:5] if comm.rank else X[:1], WEIGHTS[:5] if comm.rank else WEIGHTS[:1], comm, comm.rank > 0)


@uses_mpi
def test_a_rank_that_does_not_count_changes_nothing():
    spare, mine = on_ranks(2, part_and_spare)
    for value, expected in zip(mine, outputs(X[:5], WEIGHTS[:5]), strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-6)
    assert not spare[1].any() and not spare[2].any()


def test_one_process_has_the_derivatives_of_the_layer():
    for value, expected in zip(outputs(X, WEIGHTS, SelfComm()), outputs(X, WEIGHTS), strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-5)


def test_evaluation_and_a_single_value():
    layer = in_double(nn.BatchNorm1d(4))
    before = layer.eval()(X[0, 0]).data
    sync_batch_norm(layer, SelfComm())
    np.testing.assert_array_equal(layer(X[0, 0]).data, before)
    with pytest.raises(ShapeError, match="several values"):
        layer.train()(X[0, 0][:1])


def test_gradients_of_gradients():
    layer = in_double(nn.BatchNorm1d(4))
    x = dl.tensor(X[0, :, 0], requires_grad=True)
    second = []
    for _ in range(2):
        (g,) = grad([(layer(x) ** 3).sum()], [x], create_graph=True)
        second.append(grad([(g * g).sum()], [x])[0])
        sync_batch_norm(layer, SelfComm())
    np.testing.assert_allclose(second[0], second[1], rtol=1e-4)


# -- the learning rate -------------------------------------------------------------------------------------------------


def test_the_rate_grows_from_that_of_one_process_to_k_times_it():
    optimizer = optim.SGD([nn.Linear(2, 2).weight], lr=0.1)
    schedule = scaled_lr(optimizer, 4, warmup=3)
    rates = [optimizer.lr]
    for _ in range(4):
        schedule.step()
        rates.append(optimizer.lr)
    np.testing.assert_allclose(rates, [0.2, 0.3, 0.4, 0.4, 0.4])
    with pytest.raises(ArgumentError, match="at least 1"):
        scaled_lr(optimizer, 0, warmup=3)


# -- streams -----------------------------------------------------------------------------------------------------------


def test_streams_depend_on_the_key_alone_and_go_on_afterwards():
    model = nn.Sequential(nn.Dropout(0.5, rng=3), nn.Dropout(0.5))
    x = np.ones((4, 4), np.float32)

    def draw(*key):
        with KeyedStreams(model).at(*key):
            return model(x).data.tobytes()

    after = np.random.default_rng(7).random()
    dl.seed(7)
    drawn = draw(1, 2, 3)
    model(x)
    assert draw(1, 2, 3) == drawn != draw(1, 2, 4)
    dl.seed(7)
    draw(1, 2, 3)
    assert dl.backend.random.generator().random() == after
