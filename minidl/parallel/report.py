"""What a report says of processes: how each spent its time, how stale updates were, and how strategies compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..train import figures
from ..train.report import Report

Seconds = Mapping[str, Mapping[str, float]]  # of each process: seconds by kind of work
Record = Mapping[str, Any]

_KINDS = ("compute", "update", "communicate", "wait", "data", "evaluate", "save")


def add_time(page: Report, seconds: Seconds) -> None:
    """A bar per process: the shares of computing, communicating and waiting."""
    kinds = sorted({k for times in seconds.values() for k in times}, key=_place)
    if not kinds:
        return
    page.figure(
        "Where the time went", figures.bars(seconds, kinds),
        "Seconds of each process by kind of work; what no bar covers was spent between batches.",
    )  # fmt: skip
    rows = []
    for name, times in seconds.items():
        total = sum(times.values()) or 1.0
        rows.append([name, *(f"{times.get(kind, 0.0) / total:.1%}" for kind in kinds), f"{total:.1f} s"])
    page.table("Shares of the time", rows, ["process", *kinds, "in all"])


def _place(kind: str) -> tuple[int, str]:
    return (_KINDS.index(kind) if kind in _KINDS else len(_KINDS)), kind


def add_staleness(page: Report, counted: Mapping[str, int]) -> None:
    """A histogram: how many other updates came between a worker's fetch of the weights and its own update."""
    if not counted:
        return
    counts = {int(staleness): count for staleness, count in counted.items()}  # names in JSON are strings
    n = sum(counts.values())
    mean = sum(k * c for k, c in counts.items()) / n
    page.figure(
        "Staleness of the updates", figures.histogram(counts, "other updates in between", "updates"),
        f"{n:,} updates; {mean:.2f} others came in between on average, {max(counts)} at most.",
    )  # fmt: skip


def add_comparison(page: Report, runs: Mapping[str, Sequence[Record]]) -> None:
    """Loss and test accuracy of several runs against epochs and against time.

    Parameters
    ----------
    page : Report
    runs : mapping
        By name, the records of a run's epochs, as in ``metrics.jsonl``.
    """
    for column, word in (("loss", "training loss"), ("val_loss", "test loss"), ("val_accuracy", "test accuracy")):
        chosen = {name: [r for r in records if column in r] for name, records in runs.items()}
        chosen = {name: records for name, records in chosen.items() if records}
        if not chosen:
            continue
        panels = [
            (x_word, word, {name: ([r[x] for r in rs], [r[column] for r in rs]) for name, rs in chosen.items()})
            for x, x_word in (("epoch", "epoch"), ("seconds", "seconds of training"))
        ]
        log = column.endswith("loss") and all(r[column] > 0 for rs in chosen.values() for r in rs)
        page.figure(word.capitalize(), figures.lines(panels, log_y=log), "After each epoch, against epochs and time.")
