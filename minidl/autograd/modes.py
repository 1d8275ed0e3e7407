"""Switches that change how operations record: no graph at all, or a graph that is checked for NaN."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class _Modes(threading.local):
    """Per thread: is a graph recorded, is each result checked, and does a forward run for the second time?"""

    recording = True
    anomaly = False
    replaying = False


modes = _Modes()


@contextlib.contextmanager
def _set(**values: bool) -> Iterator[None]:
    before = {name: getattr(modes, name) for name in values}
    vars(modes).update(values)
    try:
        yield
    finally:
        vars(modes).update(before)


def no_grad() -> contextlib.AbstractContextManager[None]:
    """Record no graph inside the block (also usable as a decorator): evaluation costs no memory."""
    return _set(recording=False)


def enable_grad() -> contextlib.AbstractContextManager[None]:
    """Record again inside a :func:`no_grad` block."""
    return _set(recording=True)


def detect_anomaly() -> contextlib.AbstractContextManager[None]:
    """Raise where a NaN or infinity first appears, naming the operation and the user's line.

    Every result of every operation, forward and backward, is looked at: slow, for finding a fault.
    """
    return _set(anomaly=True)


def replaying() -> contextlib.AbstractContextManager[None]:
    """Tell layers that their forward is run again for its graph only: running statistics stay where they are."""
    return _set(replaying=True)
