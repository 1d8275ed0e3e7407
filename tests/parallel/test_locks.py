"""Locks that their holder's death sets free."""

import multiprocessing
import os
import signal
import time

import pytest

from minidl.data.children import shut_down, start_child
from minidl.parallel.hogwild.locks import Locks

SPAWN = multiprocessing.get_context("spawn")


def hold(connection, locks, numbers):
    locks.acquire_all(numbers)
    connection.send("mine")
    connection.recv()


def add(connection, locks, counter, n):
    for _ in range(n):
        with locks:
            value = counter[0]
            time.sleep(0)
            counter[0] = value + 1
    connection.send("done")


def test_a_killed_holder_gives_the_lock_back():
    locks = Locks()
    process, connection = start_child(SPAWN, hold, (locks, [5, 0]), "holder")
    try:
        assert connection.poll(60) and connection.recv() == "mine"
        locks.acquire(1)  # another one is free
        os.kill(process.pid, signal.SIGKILL)
        start = time.monotonic()
        locks.acquire_all([0, 5])
        assert time.monotonic() - start < 30
    finally:
        shut_down([process], [connection], os.getpid())


@pytest.mark.slow
def test_under_a_lock_no_update_is_lost():
    locks, counter, n = Locks(), SPAWN.RawArray("q", 1), 3000
    pairs = [start_child(SPAWN, add, (locks, counter, n), "adder") for _ in range(3)]
    try:
        for _, connection in pairs:
            assert connection.poll(60) and connection.recv() == "done"
        assert counter[0] == 3 * n
    finally:
        shut_down([p for p, _ in pairs], [c for _, c in pairs], os.getpid())
