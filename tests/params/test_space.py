"""The flat parameter space: placing, aliasing, binding, sharding, and what it refuses."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as dl
from minidl.errors import ArgumentError, DTypeError, GraphError, ShapeError
from minidl.params import Parameter, ParameterSpace


def make(*shapes, **kwargs):
    rng = np.random.default_rng(0)
    return [Parameter(rng.standard_normal(s).astype(np.float32), **kwargs) for s in shapes]


def test_values_survive_and_become_views_of_one_array():
    parameters = make((3, 4), (5,), ())
    before = [p.data.copy() for p in parameters]
    space = ParameterSpace(parameters)
    for p, old in zip(parameters, before, strict=True):
        np.testing.assert_array_equal(p.data, old)
        assert np.shares_memory(p.data, space.data)


@given(st.lists(st.integers(0, 70), min_size=1, max_size=8), st.integers(1, 7))
def test_shards_partition_the_space_and_are_equal(sizes, world):
    space = ParameterSpace(make(*[(n,) for n in sizes]), world_size=world)
    slices = [space.shard(rank, world)[0] for rank in range(world)]
    covered = np.concatenate([np.arange(space.segments[0].data.size)[s] for s in slices])
    np.testing.assert_array_equal(covered, np.arange(space.segments[0].data.size))
    assert len({s.stop - s.start for s in slices}) == 1


def test_every_parameter_starts_on_a_cache_line():
    parameters = make((3,), (17,), (1,), (16,))
    ParameterSpace(parameters)
    assert [p.data.ctypes.data % 64 for p in parameters] == [0, 0, 0, 0]


def test_a_tied_parameter_is_stored_once():
    (p,) = make((4,))
    space = ParameterSpace([p, p])
    assert len(space.parameters) == 1


def test_a_parameter_in_two_groups_is_refused():
    (p,) = make((4,))
    with pytest.raises(ArgumentError, match="two groups"):
        ParameterSpace([{"params": [p]}, {"params": [p], "lr": 1.0}])


@pytest.mark.parametrize("given_", [[], [1], [{"params": []}], 3])
def test_no_or_wrong_parameters_are_refused(given_):
    with pytest.raises(ArgumentError):
        ParameterSpace(given_)


def test_assignment_copies_into_the_flat_array_and_checks_the_shape():
    p, _ = parameters = make((2, 3), (4,))
    space = ParameterSpace(parameters)
    p.data = np.ones((2, 3))
    assert space.data[:6].tolist() == [1] * 6
    with pytest.raises(ShapeError, match=r"\(2, 3\).*\(6,\)"):
        p.data = np.ones(6)


def test_bind_moves_every_view_to_the_given_memory():
    parameters = make((2, 3), (4,))
    space = ParameterSpace(parameters)
    shared = np.arange(space.data.size, dtype=np.float32)
    space.bind(shared)
    np.testing.assert_array_equal(parameters[0].data.ravel(), np.arange(6))
    shared[:] = 7
    assert parameters[1].data.tolist() == [7] * 4
    with pytest.raises(ShapeError):
        space.bind(shared[1:])


def test_untouched_gradients_read_as_zero_in_the_flat_gradient_and_as_none_alone():
    a, b = make((3,), (2,))
    space = ParameterSpace([a, b])
    space._whole()[1][...] = np.nan  # nothing may read what no gradient was written to
    a.accumulate(np.ones(3, np.float32))
    assert b.grad is None
    np.testing.assert_array_equal(space.grad[:3], 1)
    np.testing.assert_array_equal(space.grad[16:18], 0)


def test_gradient_accumulates_over_backward_calls_and_zero_grad_forgets():
    (p,) = make((3,))
    ParameterSpace([p])
    (p * 2.0).sum().backward()
    (p * 3.0).sum().backward()
    assert p.grad.tolist() == [5, 5, 5]
    p.zero_grad()
    assert p.grad is None
    (p * 4.0).sum().backward()
    assert p.grad.tolist() == [4, 4, 4]


def test_a_step_under_a_live_graph_is_refused():
    (p,) = make((3,))
    optimizer = dl.optim.SGD([p], lr=0.1)
    loss = (p * p).sum()
    loss.backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(GraphError, match="changed in place"):
        loss.backward()


def test_deepcopy_is_independent_and_unbound():
    (p,) = make((3,))
    space = ParameterSpace([p])
    twin = copy.deepcopy(p)
    twin.data = np.zeros(3)
    assert not np.shares_memory(twin.data, space.data)
    assert p.data.any()


def test_manifest_names_every_parameter_once():
    a, b = make((2, 2), (3,))
    a.name, b.name = "w", "b"
    assert [(e.name, e.shape, e.offset, e.size) for e in ParameterSpace([a, b]).manifest] == [
        ("w", (2, 2), 0, 4),
        ("b", (3,), 16, 3),
    ]


def test_frozen_and_sparse_parameters_get_segments_of_their_own():
    a, b = make((4,), (4,))
    c = make((4, 2), sparse=True)[0]
    b.requires_grad = False
    space = ParameterSpace([a, b, c])
    assert [(s.trainable, s.sparse) for s in space.segments] == [(True, False), (False, False), (True, True)]
    assert len(space.trainable_segments()) == 2


def test_values_and_gradients_of_another_kind():
    p = Parameter([1.0, 2.0])
    assert p.dtype == np.float32
    with pytest.raises(ShapeError, match=r"has shape \(2,\), its gradient \(3,\)"):
        p.grad = np.ones(3, np.float32)
    assert p.grad is None
    with pytest.raises(DTypeError, match="got None"):
        Parameter(None)
