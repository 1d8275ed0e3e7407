"""The rules alone: who may fetch, which pushes become an update, who trains on what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl.errors import ArgumentError
from minidl.parallel.server.consistency import Asynchronous, StaleSynchronous, Synchronous, consistency
from minidl.parallel.server.dealing import Dealer
from minidl.parallel.server.divergence import WINDOW, LossWatch
from minidl.parallel.server.downpour import Compute, Fetch, Leave, Push, Ready, Server, downpour


def wishes(deals, **settings):
    """All that the worker's rule asks for when these portions are dealt."""
    rule, answer, seen, deals = downpour(**settings), None, [], [*deals, None]
    while True:
        try:
            wish = rule.send(answer)
        except StopIteration:
            return seen
        seen.append(wish)
        answer = deals.pop(0) if isinstance(wish, Ready) else None


def test_the_worker_fetches_and_pushes_as_in_the_paper():
    one = lambda n: [Ready(), Fetch(), Compute((n,), False), Push()]  # noqa: E731
    assert wishes([(0,), (1,)]) == [*one(0), *one(1), Ready()]
    assert wishes([(0, 1, 2)], n_fetch=2) == [
        Ready(), Fetch(), Compute((0,), True), Compute((1,), False), Fetch(), Compute((2,), True), Push(), Ready(),
    ]  # fmt: skip
    assert wishes([(0, 1, 2)], accumulate=2) == [
        Ready(), Fetch(), Compute((0, 1), False), Fetch(), Compute((2,), False), Push(), Ready(),
    ]  # fmt: skip


def test_a_worker_that_comes_back_fetches_first():
    assert wishes([(0,), (), (1,)], n_fetch=5) == [
        Ready(), Fetch(), Compute((0,), True), Push(), Ready(), Leave(),
        Ready(), Fetch(), Compute((1,), True), Push(), Ready(),
    ]  # fmt: skip


def test_staleness_is_what_others_did_meanwhile():
    server = Server(Asynchronous(), lambda workers: None)
    server.begin([1, 2])
    assert server.fetch(1) == [1] and server.fetch(2) == [2]
    for _ in range(3):
        server.push(1, server.version)
    server.push(2, 0)
    assert server.staleness == {0: 3, 3: 1} and server.version == 4


def test_a_fast_worker_waits_for_the_slowest():
    server = Server(StaleSynchronous(1), lambda workers: None)
    server.begin([1, 2])
    for _ in range(2):
        assert server.fetch(1) == [1]
        server.push(1, server.version)
    assert server.fetch(1) == []  # two clocks ahead
    assert server.fetch(2) == [2]
    assert server.push(2, 0) == [1]
    assert server.leads == {0: 2, 1: 2}


def test_a_lost_or_idle_worker_is_not_waited_for():
    for leave in ("lose", "leave"):
        server = Server(StaleSynchronous(1), lambda workers: None)
        server.begin([1, 2])
        for _ in range(2):
            server.fetch(1)
            server.push(1, server.version)
        assert server.fetch(1) == []
        assert getattr(server, leave)(2) == [1]


def test_a_round_is_one_update_of_all():
    updates = []
    server = Server(Synchronous(), updates.append)
    server.begin([1, 2, 3])
    assert [server.fetch(w) for w in (1, 2, 3)] == [[1], [2], [3]]
    server.push(3, 0)
    assert server.fetch(3) == [] and server.push(1, 0) == [] and updates == []
    assert server.push(2, 0) == [3] and updates == [[1, 2, 3]]
    assert server.version == 1 and server.staleness == {0: 3}


def test_a_round_is_complete_when_the_last_one_missing_dies():
    updates = []
    server = Server(Synchronous(), updates.append)
    server.begin([1, 2])
    server.fetch(1), server.fetch(2), server.push(1, 0), server.fetch(1)
    assert server.lose(2) == [1] and updates == [[1]]


@pytest.mark.parametrize("bad", [-1, 1.5, True, "two"])
def test_a_bad_bound_is_refused(bad):
    with pytest.raises(ArgumentError, match="staleness must be None or an integer of at least 0"):
        consistency(bad)


def test_rounds_are_dealt_in_order():
    dealer = Dealer(range(5), [1, 2], 1, in_rounds=True)
    assert dealer.ready(2) == [] and dealer.ready(1) == [(1, (0,)), (2, (1,))]
    dealer.done(1, [0])
    assert dealer.ready(1) == []  # not yet: worker 2 is still at round 0


@given(
    n=st.integers(0, 12), workers=st.integers(1, 4), portion=st.integers(1, 3), in_rounds=st.booleans(), data=st.data()
)
def test_every_batch_is_done_whoever_dies(n, workers, portion, in_rounds, data):
    """Workers take, finish or die in any order; as long as one is left, everything gets done and all hear the end."""
    dealer, has, ended, alive = Dealer(range(n), range(workers), portion, in_rounds), {}, set(), set(range(workers))
    done = []

    def take(deals):
        for worker, numbers in deals:
            assert worker in alive and worker not in has
            if numbers is None:
                ended.add(worker)
            else:
                has[worker] = numbers

    for worker in range(workers):
        take(dealer.ready(worker))
    while ended < alive:
        worker = data.draw(st.sampled_from(sorted(has)))
        if len(alive) > 1 and data.draw(st.integers(0, 5)) == 0:
            alive.discard(worker), has.pop(worker)
            take(dealer.lose(worker))
        else:
            numbers = has.pop(worker)
            dealer.done(worker, numbers)
            done += numbers
            take(dealer.ready(worker))
    assert sorted(done) == list(range(n)) and dealer.over and dealer.work.first_undone == n


def test_the_first_batch_that_is_not_done():
    dealer = Dealer(range(4), [1, 2], 1, in_rounds=False)
    dealer.ready(1), dealer.ready(2)
    dealer.done(2, [1])
    assert dealer.work.first_undone == 0
    dealer.done(1, [0])
    assert dealer.work.first_undone == 2


def test_a_growing_loss_is_noticed():
    watch = LossWatch()
    assert not any(watch.diverges(1.0) for _ in range(3 * WINDOW))
    assert not any(watch.diverges(5.0) for _ in range(3 * WINDOW))
    assert any(watch.diverges(12.0) for _ in range(WINDOW))
