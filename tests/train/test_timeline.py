"""The timeline: sums by kind of work, spans inside spans, and the trace."""

import json
import time

import pytest

from minidl.train.timeline import Timeline, write_trace


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is told to go on."""

    class Clock:
        now = 100.0

        def wait(self, seconds):
            self.now += seconds

    clock = Clock()
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    return clock


def test_a_span_inside_another_counts_once(clock):
    t = Timeline()
    with t.span("compute"):
        clock.wait(1)
        with t.span("communicate"):
            clock.wait(2)
            with t.span("wait"):
                clock.wait(4)
        clock.wait(8)
        with t.span("wait"):
            clock.wait(16)
    assert t.seconds == {"compute": 9, "communicate": 2, "wait": 20}
    assert t.shares() == {"compute": 9 / 31, "communicate": 2 / 31, "wait": 20 / 31}


def test_an_error_inside_a_span_leaves_the_sums_right(clock):
    t = Timeline()
    with t.span("compute"):
        with pytest.raises(KeyError), t.span("wait"):
            clock.wait(3)
            raise KeyError
        clock.wait(1)
    assert t.seconds == {"wait": 3, "compute": 1}


def test_each_counts_what_it_takes_to_get_the_items(clock):
    def slow():
        for i in range(3):
            clock.wait(2)
            yield i

    t = Timeline()
    for _ in t.each("data", slow()):
        clock.wait(10)
    assert t.seconds == {"data": 6}


def test_a_trace_has_a_row_per_process_and_starts_at_zero(clock, tmp_path):
    a, b = Timeline(keep=2), Timeline(keep=2)
    with a.span("compute"):
        clock.wait(1)
    for _ in range(3):
        with b.span("wait"):
            clock.wait(0.5)
    assert len(b.spans) == 2  # only what it was to keep
    write_trace(tmp_path / "trace.json", {"rank 0": a.spans, "rank 1": b.spans})
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert [e["args"]["name"] for e in events if e["ph"] == "M"] == ["rank 0", "rank 1"]
    spans = [(e["pid"], e["name"], e["ts"], e["dur"]) for e in events if e["ph"] == "X"]
    assert spans == [(0, "compute", 0, 1e6), (1, "wait", 1e6, 0.5e6), (1, "wait", 1.5e6, 0.5e6)]


def test_no_spans_are_no_shares():
    assert Timeline().shares() == {}
