"""Dealing: every result once and in order, in small pieces, whoever is lost on the way."""

from hypothesis import given
from hypothesis import strategies as st

from minidl.parallel.hogwild.dealer import AHEAD, MOST, Dealer


@given(st.data(), st.integers(0, 60), st.integers(1, 4))
def test_each_result_once_and_in_order(data, n, workers):
    dealer = Dealer([(i,) for i in range(n)], range(workers))
    has = {w: [] for w in range(workers)}
    out = []
    while not dealer.complete:
        for w, pieces in has.items():
            while piece := dealer.deal(w):
                assert len(piece) <= MOST
                pieces.append(piece)
            assert len(pieces) <= AHEAD
        busy = [w for w, pieces in has.items() if pieces]
        w = data.draw(st.sampled_from(busy))
        if len(has) > 1 and data.draw(st.integers(0, 4)) == 0:
            dealer.lose(w)
            del has[w]
            continue
        piece = has[w].pop(0)
        dealer.finish(w, {i: -i for (i,) in piece}, data.draw(st.sampled_from([1e-6, 1e-3, 1.0])) * len(piece))
        out += dealer.in_order()
    assert out == [-i for i in range(n)]


def test_pieces_follow_the_pace():
    dealer = Dealer([(i,) for i in range(10_000)], [0, 1])
    assert len(dealer.deal(0)) == 1  # nothing is known yet
    dealer.finish(0, {0: None}, 1e-3)
    assert 15 <= len(dealer.deal(0)) <= 20
    slow = Dealer([(i,) for i in range(100)], [0])
    slow.deal(0)
    slow.finish(0, {0: None}, 1.0)
    assert len(slow.deal(0)) == 1
