"""The loader without worker processes: order, position, and what bad arguments get."""

import json

import numpy as np
import pytest
from helpers_data import N, numbers

from minidl.data import ArrayDataset, Loader, Sequential, Sharded, Shuffled
from minidl.errors import ArgumentError, DataError


def same(a, b):
    assert len(a) == len(b)
    for p, q in zip(a, b, strict=True):
        for x, y in zip(p, q, strict=True):
            np.testing.assert_array_equal(x, y, strict=True)


def order(batches):
    return np.concatenate([y for *_, y in batches]).tolist()


def test_sequential():
    loader = Loader(numbers(), 10)
    batches = list(loader)
    assert len(loader) == len(batches) == 4
    assert [len(y) for _, y in batches] == [10, 10, 10, 7]
    assert order(batches) == list(range(N))


def test_drop_last():
    loader = Loader(numbers(), 10, drop_last=True)
    assert len(loader) == len(list(loader)) == 3


def test_a_new_order_each_epoch_that_can_be_had_again():
    loader = Loader(numbers(), 10, shuffle=True, seed=4)
    first, second = list(loader), list(loader)
    assert sorted(order(first)) == sorted(order(second)) == list(range(N))
    assert order(first) != order(second)
    loader.set_epoch(1)
    same(second, list(loader))
    same(first, list(Loader(numbers(), 10, shuffle=True, seed=4)))
    assert order(first) != order(Loader(numbers(), 10, shuffle=True, seed=5))


def test_set_epoch_starts_anywhere():
    loader = Loader(numbers(), 10, shuffle=True)
    loader.set_epoch(3)
    whole = list(loader)
    loader.set_epoch(3, 2)
    same(whole[2:], list(loader))
    loader.set_epoch(3, 4)
    assert list(loader) == []


@pytest.mark.parametrize("stop", [0, 1, 3, 4, 6])
def test_state_goes_on_in_the_middle_of_an_epoch(stop):
    loader = Loader(numbers(), 10, shuffle=True)
    whole = [b for _ in range(2) for b in loader]
    loader.set_epoch(0)
    stream = (b for _ in range(2) for b in loader)
    for _ in range(stop):
        next(stream)
    state = json.loads(json.dumps(loader.state_dict()))
    resumed = Loader(numbers(), 10, shuffle=True)
    resumed.load_state_dict(state)
    rest = [b for _ in range(2) for b in resumed]
    same(whole[stop:], rest[: len(whole) - stop])


@pytest.mark.parametrize("kwargs", [{"seed": 1, "shuffle": True}, {"batch_size": 9, "shuffle": True}, {}])
def test_a_state_of_another_order_is_refused(kwargs):
    state = Loader(numbers(), 10, shuffle=True).state_dict()
    with pytest.raises(ArgumentError, match="the state was saved with"):
        Loader(numbers(), **{"batch_size": 10, **kwargs}).load_state_dict(state)


def test_a_loop_that_is_left_early_is_an_epoch():
    loader = Loader(numbers(), 10, shuffle=True)
    for _ in loader:
        break
    second = list(loader)
    loader.set_epoch(1)
    same(second, list(loader))


def test_two_loops_at_a_time():
    loader = Loader(numbers(), 10)
    assert [a[1].tolist() == b[1].tolist() for a, b in zip(loader, loader, strict=True)] == [True] * 4


def test_samplers():
    assert order(Loader(numbers(), 4, sampler=Sharded(Sequential(N), 1, 3))) == list(range(1, 36, 3))
    with pytest.raises(ArgumentError, match="not both"):
        Loader(numbers(), 4, shuffle=True, sampler=Sequential(N))
    with pytest.raises(ArgumentError, match=r"outside 0 \.\.\. 36"):
        list(Loader(numbers(), 4, sampler=Shuffled(N + 1)))


def test_a_sampler_that_gives_no_integers():
    class Strange(Sequential):
        def order(self, epoch):
            return super().order(epoch) / 2

    with pytest.raises(ArgumentError, match="must be 37 integers, got float64"):
        list(Loader(numbers(), 4, sampler=Strange(N)))


def test_any_dataset():
    rows = [(np.full(2, i, np.float32), i) for i in range(5)]
    batches = list(Loader(rows, 2))
    assert [x.shape for x, _ in batches] == [(2, 2), (2, 2), (1, 2)]
    assert order(batches) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "kwargs",
    [{"batch_size": 0}, {"batch_size": 2.5}, {"batch_size": True}, {"workers": -1}, {"prefetch": 0}, {"seed": -1}],
)
def test_bad_numbers(kwargs):
    with pytest.raises(ArgumentError, match=next(iter(kwargs))):
        Loader(numbers(), **{"batch_size": 4, **kwargs})


@pytest.mark.parametrize("sampler", [3, [1, 2]])
def test_what_is_no_sampler(sampler):
    with pytest.raises(ArgumentError, match="a sampler has __len__ and order"):
        Loader(numbers(), 4, sampler=sampler)


def test_nothing_to_load():
    with pytest.raises(DataError, match="empty"):
        Loader([], 4)
    with pytest.raises(DataError, match="no batch"):
        Loader(numbers(), 50, drop_last=True)
    with pytest.raises(ArgumentError, match="__len__"):
        Loader(iter([1]), 4)


@pytest.mark.parametrize("epoch, batch", [(-1, 0), (0, 5), (0, -1)])
def test_a_position_that_is_not_there(epoch, batch):
    with pytest.raises(ArgumentError, match=f"batch {batch}"):
        Loader(numbers(), 10).set_epoch(epoch, batch)


def test_an_error_in_the_transform_names_epoch_and_batch():
    def broken(x, index, epoch):
        raise KeyError("colour")

    with pytest.raises(DataError, match=r"epoch 0, batch 0, samples 0, 1, 2: KeyError: 'colour'"):
        list(Loader(ArrayDataset(np.zeros((6, 1)), transform=broken), 3))
