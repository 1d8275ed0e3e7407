"""The list of batches: each done once, also when workers are lost at any moment."""

from hypothesis import given
from hypothesis import strategies as st

from minidl.parallel.worklist import WorkList


def test_what_a_lost_worker_had_comes_next():
    work = WorkList(range(5))
    assert work.deal("a", 2) == [0, 1] and work.deal("b", 2) == [2, 3]
    work.finish("a", [0])
    assert work.lose("a") == [1]
    assert len(work) == 4 and not work.complete
    assert work.deal("b", 9) == [1, 4]
    assert work.deal("b") == []
    work.finish("b", [2, 3, 1, 4])
    assert work.complete and work.done == [0, 2, 3, 1, 4] and len(work) == 0


@given(n=st.integers(0, 30), events=st.lists(st.tuples(st.sampled_from("deal finish lose".split()), st.integers(0, 2))))
def test_every_batch_is_done_once_whatever_happens(n, events):
    work, held = WorkList(range(n)), {0: [], 1: [], 2: []}
    for event, worker in events:
        if event == "deal":
            held[worker] += work.deal(worker, 3)
        elif event == "finish":
            work.finish(worker, held[worker])
            held[worker] = []
        else:
            assert work.lose(worker) == held[worker]
            held[worker] = []
        assert len(work) == n - len(work.done)
    for worker, numbers in held.items():
        work.finish(worker, numbers)
    work.finish("last", work.deal("last", n))
    assert work.complete and sorted(work.done) == list(range(n))
