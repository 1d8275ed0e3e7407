"""Arrays of a device: gradients, rows, buffers and messages go over the host, as for a GPU whose memory MPI cannot read."""

import numpy as np
import pytest
from allreduce_runs import bits, train
from mpi_helper import on_ranks, uses_mpi
from strict_backend import StrictArray

from minidl.parallel import SelfComm
from minidl.parallel.allreduce import exchange


class Doubling:
    """A communicator of two processes that hold the same."""

    rank, size, reads_devices = 0, 2, False

    def Allreduce(self, array):
        assert type(array) is np.ndarray
        array *= 2


def test_a_device_array_is_summed_over_the_host():
    array = StrictArray(np.arange(4.0))
    exchange.sum_in_place(Doubling(), array)
    np.testing.assert_array_equal(array.get(), [0, 2, 4, 6])
    host = np.arange(4.0)
    exchange.sum_in_place(Doubling(), host)
    np.testing.assert_array_equal(host, [0, 2, 4, 6])


def test_an_mpi_that_reads_devices_gets_the_array_itself(monkeypatch):
    seen, waited = [], []
    comm = Doubling()
    comm.reads_devices, comm.Allreduce = True, seen.append
    array = StrictArray(np.ones(3))
    backend = exchange.backend_of(array)
    monkeypatch.setattr(type(backend), "synchronize", lambda self: waited.append(len(seen)))
    exchange.sum_in_place(comm, array)
    assert seen == [array] and waited == [0]  # nothing was under way when MPI read it


def on_device(**settings):
    return train(device="strict", **settings)


MODELS = [{"norm": True, "dropout": True}, {"sparse": True, "unused": True}]


@uses_mpi
@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("strategy", [{}, {"reproducible": True}, {"sync_batch_norm": True}])
def test_training_on_a_device_as_on_the_cpu(model, strategy):
    settings = {"n": 30, "model": model, "strategy": strategy, "accumulate": 2, "batch": 3}
    device, host = on_ranks(2, on_device, **settings), on_ranks(2, train, **settings)
    for name, value in host[0]["state"].items():
        np.testing.assert_allclose(device[0]["state"][name], value, atol=1e-12, rtol=0, err_msg=name)
    assert bits(device[0]) == bits(device[1])


def test_one_process_on_a_device():
    settings = {"n": 30, "accumulate": 2, "batch": 3, "comm": SelfComm(), "strategy": {"reproducible": True}}
    device, host = on_device(**settings), train(**settings)
    for name, value in host["state"].items():
        np.testing.assert_allclose(device["state"][name], value, atol=1e-12, rtol=0)
