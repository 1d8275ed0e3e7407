"""A model on its way to another process and back: references stay references, everything else is a copy."""

import functools
import threading

import helpers_hogwild as h
import numpy as np
import pytest

import minidl as dl
from minidl import nn, ops, optim
from minidl.errors import ArgumentError
from minidl.parallel.hogwild.shipping import dumps, loads, outline, same_space
from minidl.train.task import Task


def arrived(value, space):
    other = same_space(outline(space), space.world_size)
    other.bind(space.data)
    return loads(dumps(value, space, "it"), other), other


def test_the_parameters_are_those_of_the_space_there():
    model, optimizer = h.make()
    model.again = model.two  # tied
    model.constant = dl.Tensor(np.ones(2, np.float32))
    loss = nn.CrossEntropyLoss(weight=np.ones(2, np.float32))
    task = Task(model, loss, optimizer, functools.partial(print), {"name": np.mean})
    there, space = arrived(task, optimizer.space)
    assert there.model.two.weight is there.model.again.weight is there.optimizer.groups[0]["params"][4]
    assert there.optimizer.space is space and isinstance(there.optimizer, optim.SGD)
    assert there.model.act is ops.relu and there.metrics["name"] is np.mean
    assert [p.name for p in space.parameters] == [p.name for p in optimizer.space.parameters]
    assert space.manifest == optimizer.space.manifest
    model.one.weight.data[0, 0] = 7  # one memory
    assert there.model.one.weight.data[0, 0] == 7
    pairs = [(m.unused.weight, m.norm.running_var) for m in (model, there.model)]
    for mine, its in zip(*pairs, strict=True):
        np.testing.assert_array_equal(mine.data, its.data)
        assert not np.shares_memory(mine.data, its.data)
    assert not there.model.unused.weight.requires_grad
    np.testing.assert_array_equal(there.loss.weight.data, [1, 1])


def test_groups_and_sparse_segments_keep_their_layout():
    model = h.Words()
    groups = [{"params": [model.table.weight], "lr": 0.5}, {"params": model.out.parameters()}]
    optimizer = optim.Adam(groups, lr=0.1)
    there, space = arrived(optimizer, optimizer.space)
    assert [g["lr"] for g in there.groups] == [0.5, 0.1]
    assert [(s.sparse, s.group, s.data.size) for s in space.segments] == [
        (s.sparse, s.group, s.data.size) for s in optimizer.space.segments
    ]


@pytest.mark.parametrize("bad", [lambda: 0, threading.Lock()], ids=["lambda", "lock"])
def test_what_cannot_travel_is_one_line(bad):
    model, optimizer = h.make()
    model.bad = bad
    with pytest.raises(ArgumentError, match="it cannot be sent to worker processes") as e:
        dumps(model, optimizer.space, "it")
    assert "\n" not in str(e.value)
    model.bad = model.one.weight * 2
    with pytest.raises(ArgumentError, match="part of a graph"):
        dumps(model, optimizer.space, "it")
