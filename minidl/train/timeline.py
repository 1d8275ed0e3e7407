"""Where the time goes: spans of computing, communicating and waiting, their shares, and a trace to look at.

The trace is in the Trace Event Format, which ``chrome://tracing`` and https://ui.perfetto.dev open.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from .files import replacing

T = TypeVar("T")
_END: Any = object()
Span = tuple[str, float, float]  # what was done; start and end in seconds


class Timeline:
    """What one process did, and when.

    Parameters
    ----------
    keep : int
        Spans to keep for a trace, the first ones; 0: only the sums. The clock is the system's monotonic one,
        which all processes of a machine share.

    Attributes
    ----------
    seconds : dict
        Time by kind of work. Inner spans count for themselves, not for the span around them.
    """

    def __init__(self, keep: int = 0) -> None:
        self.keep, self.spans = keep, list[Span]()
        self.seconds: dict[str, float] = {}
        self._inner = 0.0  # time of the spans that ended inside the one that is open

    @contextlib.contextmanager
    def span(self, kind: str) -> Iterator[None]:
        """Count the time inside the block as `kind`."""
        outer, self._inner = self._inner, 0.0
        start = time.monotonic()
        try:
            yield
        finally:
            end = time.monotonic()
            self.seconds[kind] = self.seconds.get(kind, 0.0) + end - start - self._inner
            self._inner = outer + end - start
            if len(self.spans) < self.keep:
                self.spans.append((kind, start, end))

    def each(self, kind: str, items: Iterable[T]) -> Iterator[T]:
        """The items, the time to get each of them counted as `kind`."""
        iterator = iter(items)
        while True:
            with self.span(kind):
                item = next(iterator, _END)
            if item is _END:
                return
            yield item

    def add(self, seconds: Mapping[str, float], spans: Sequence[Span] = ()) -> None:
        """Take in what another timeline counted."""
        for kind, time_of_kind in seconds.items():
            self.seconds[kind] = self.seconds.get(kind, 0.0) + time_of_kind
        self.spans += spans

    def shares(self) -> dict[str, float]:
        """Each kind's share of all the time that was counted."""
        total = sum(self.seconds.values())
        return {kind: s / total for kind, s in self.seconds.items()} if total else {}


def write_trace(path: str | os.PathLike[str], timelines: Mapping[str, Sequence[Span]]) -> None:
    """Write a trace with a row for each process.

    Parameters
    ----------
    path : path
    timelines : mapping
        Spans by the process's name, all on one clock.

    Raises
    ------
    CheckpointError
        The file cannot be written.
    """
    events: list[dict[str, Any]] = []
    first = min((start for spans in timelines.values() for _, start, _ in spans), default=0.0)
    for row, (name, spans) in enumerate(timelines.items()):
        events.append({"ph": "M", "name": "process_name", "pid": row, "tid": 0, "args": {"name": name}})
        events += [
            {"ph": "X", "name": kind, "cat": kind, "pid": row, "tid": 0,
             "ts": 1e6 * (start - first), "dur": 1e6 * (end - start)}
            for kind, start, end in spans
        ]  # fmt: skip
    with replacing(path) as f:
        f.write(json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}).encode())
