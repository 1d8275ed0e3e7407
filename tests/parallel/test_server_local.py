"""Laws of the parameter server on the deterministic transport: whatever the order of messages, and whoever dies."""

import numpy as np
import pytest
from helpers_server import OPTIMIZERS, Cluster, loss, problem, serial, trainer_of, values
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import nn, optim
from minidl.errors import ArgumentError
from minidl.parallel.server.shard import Shard
from minidl.parallel.server.start import check_trainer


def same_bits(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def close(a, b, atol):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=0, atol=atol, err_msg=name)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("servers", [1, 2, 3])
@pytest.mark.parametrize("staleness", [None, 0, 2])
def test_one_worker_is_serial_bit_for_bit(optimizer, servers, staleness):
    cluster = Cluster(servers=servers, workers=1, staleness=staleness, optimizer=optimizer)
    same_bits(cluster.run(), serial(optimizer=optimizer))
    assert cluster.nodes[0].rule.staleness == {0: 5}


def test_one_worker_with_accumulation_is_serial_bit_for_bit():
    same_bits(Cluster(servers=2, workers=1, accumulate=2).run(), serial(accumulate=2))


@given(servers=st.integers(1, 3), workers=st.integers(1, 4), seed=st.integers(0, 999), name=st.sampled_from([*OPTIMIZERS]))
@settings(max_examples=15)
def test_synchronous_is_serial_with_all_batches_at_once(servers, workers, seed, name):
    cluster = Cluster(servers, workers, staleness=0, seed=seed, optimizer=name, n=37, batch=4, dtype=np.float64)
    close(cluster.run(), serial(optimizer=name, n=37, batch=4 * workers, dtype=np.float64), atol=1e-10)
    assert cluster.n_updates == -(-37 // (4 * workers)) and set(cluster.nodes[0].rule.staleness) == {0}


@given(workers=st.integers(2, 4), bound=st.integers(1, 3), seed=st.integers(0, 999), servers=st.integers(1, 2))
@settings(max_examples=15)
def test_staleness_never_exceeds_its_bound(workers, bound, seed, servers):
    """Bounded in clocks, as the rule says, at every moment; so also bounded in updates."""

    def watch(cluster, run):
        for node in cluster.nodes:
            clocks = node.rule.clocks.values()
            assert max(clocks, default=0) - min(clocks, default=0) <= bound + 1  # the last push of one that was at the bound

    cluster = Cluster(servers, workers, staleness=bound, seed=seed, n=60, batch=2, watch=watch)
    cluster.run()
    for node in cluster.nodes:
        assert max(node.rule.leads) <= bound
        assert max(node.rule.staleness) <= (workers - 1) * (2 * bound + 1)
        assert node.rule.staleness.total() == 30


def test_without_a_bound_staleness_does_exceed_it():
    """The law above is not empty: the same runs without the rule break it."""
    leads = [max(c.nodes[0].rule.leads) for c in (Cluster(1, 3, seed=s, n=60, batch=2) for s in range(20)) if c.run()]
    assert max(leads) > 3


@given(
    servers=st.integers(1, 2), workers=st.integers(1, 3), n_fetch=st.integers(1, 3), n_push=st.integers(1, 3),
    staleness=st.sampled_from([None, 1]), seed=st.integers(0, 999),
)  # fmt: skip
@settings(max_examples=15)
def test_every_batch_is_used_exactly_once(servers, workers, n_fetch, n_push, staleness, seed):
    cluster = Cluster(servers, workers, staleness, n_fetch, n_push, seed=seed)
    final = cluster.run()
    assert sorted(cluster.nodes[0].dealer.work.done) == list(range(5))
    assert all(np.isfinite(v).all() for v in final.values())
    assert len({node.rule.version for node in cluster.nodes}) == 1  # every server made every update


@given(
    staleness=st.sampled_from([None, 0, 1]), servers=st.integers(1, 2), seed=st.integers(0, 999),
    moments=st.lists(st.integers(0, 120), min_size=1, max_size=3, unique=True),
)  # fmt: skip
@settings(max_examples=30)
def test_a_death_at_any_moment_loses_no_batch_and_locks_nothing(staleness, servers, seed, moments):
    def watch(cluster, run):
        if run.delivered in moments and len(run.workers) > 1:
            moments.remove(run.delivered)
            run.kill(sorted(run.workers)[seed % len(run.workers)])

    moments = list(moments)
    cluster = Cluster(servers, 4, staleness, seed=seed, n=44, batch=4, watch=watch)
    final = cluster.run()
    assert set(cluster.nodes[0].dealer.work.done) == set(range(11))
    assert all(np.isfinite(v).all() for v in final.values())


def test_a_sum_is_pushed_every_n_push_steps():
    """Downpour with one worker: one update from the sum of three gradients at weights that stepped locally."""
    cluster = Cluster(workers=1, n_fetch=3, n_push=3)
    cluster.run()
    assert cluster.n_updates == 2 and cluster.nodes[0].rule.version == 2


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_shards_partition_the_parameters(count):
    _, _, optimizer = problem()
    space = optimizer.space
    owners = {segment: np.zeros(segment.data.size, int) for segment in space.segments}
    for index in range(count):
        shard = Shard(optimizer, index, count)
        for number in shard.dense:
            owners[space.segments[number]][shard.parts[number]] += 1
        for table in shard.tables:
            owners[space.segments[table.segment]][table.part] += 1
    for entry in space.manifest:
        owned = owners[space.segments[entry.segment]][entry.offset : entry.offset + entry.size]
        np.testing.assert_array_equal(owned, 1, err_msg=entry.name)


def test_an_empty_shard_is_refused():
    _, _, optimizer = problem()
    with pytest.raises(ArgumentError, match="server 200 of 201 would have no parameters"):
        Shard(optimizer, 200, 201)


def test_of_a_table_only_changed_rows_are_fetched():
    cluster = Cluster(workers=1, n=8, batch=2)
    sent = []

    def watch(cluster, run):
        sent.extend(len(a[1][-2]) for pair, channel in run._channels.items() if pair == (0, 1) for a in channel if a[1])

    cluster.watch = watch
    cluster.run()
    assert sent[0] == 12 and 0 < max(sent[1:]) <= 2


def test_an_optimizer_that_looks_at_all_parameters_is_refused():
    model = nn.Linear(3, 2)
    _, loader, _ = problem()
    with pytest.raises(ArgumentError, match="LBFGS looks at all parameters at once, and a server has only its shard"):
        check_trainer(trainer_of(model, loader, optim.LBFGS(model.parameters())))


def test_batches_must_have_numbers():
    model, _, optimizer = problem()
    with pytest.raises(ArgumentError, match=r"needs a minidl.data.Loader, not a list"):
        check_trainer(trainer_of(model, [], optimizer))


def test_what_is_pushed_is_the_sum_of_n_push_gradients():
    """Three steps at the same weights, then one update from their sum, for dense layers and the table."""
    cluster = Cluster(workers=1, n_push=3, n=24, batch=8)
    model, loader, optimizer = problem(n=24, batch=8)
    for x, y in loader:
        loss(model(x), y).backward()
    optimizer.step()
    close(cluster.run(), values(model), atol=1e-6)
    assert cluster.n_updates == 1


def test_a_server_changes_nothing_but_its_shard():
    model, loader, optimizer = problem("adam")
    shards = [Shard(optimizer, j, 3) for j in range(3)]
    x, y = next(iter(loader))
    loss(model(x), y).backward()
    before, gradient = [segment.data.copy() for segment in optimizer.space.segments], shards[1].gradient()
    shards[1].apply([(gradient, 8)], 1)
    for number, segment in enumerate(optimizer.space.segments):
        mine = np.zeros(segment.data.size, bool)
        mine[shards[1].parts[number]] = True
        for table in shards[1].tables:
            if table.segment == number:
                mine[table.part] = True
        changed = segment.data != before[number]
        assert changed.any() and not changed[~mine].any()
