"""The report of the Hogwild experiments: loss against time and epochs, speed-up against delay, and what was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...train import figures
from ...train.report import Report, environment
from .sparse_sgd import Run
from .study import label


def hogwild_report(
    title: str,
    runs: Sequence[Run],
    delays: Sequence[Mapping[str, Any]],
    dense: Sequence[Mapping[str, Any]],
    loss_name: str,
    config: Mapping[str, Any],
) -> Report:
    """Put the report together; ``.write(path)`` makes the file."""
    page = Report(title, "Stochastic gradient descent by several processes on one array of weights, without locks.")
    serial, best = runs[0], max((r for r in runs if r.workers), key=lambda r: r.updates_per_second)
    page.numbers({
        "serial updates/s": f"{serial.updates_per_second:,.0f}",
        "the most": f"{best.updates_per_second:,.0f} ({label(best)})",
        f"final {loss_name}, serial": f"{serial.losses[-1]:.4f}",
        f"final {loss_name}, {label(best)}": f"{best.losses[-1]:.4f}",
    })  # fmt: skip
    page.text("What was seen", " ".join(statements(runs, delays, dense, loss_name)))
    epochs = {label(r): (range(len(r.losses)), r.losses) for r in runs}
    seconds = {label(r): (r.seconds, r.losses) for r in runs}
    page.figure(
        "Loss against time", figures.lines([("seconds of training", loss_name, seconds)], log_x=True),
        "What counts. The time to measure the loss is not counted."
    )  # fmt: skip
    page.figure(
        "Loss against epochs", figures.lines([("epochs", loss_name, epochs)]),
        "All schemes lie on one line here if the lack of locks does no harm."
    )  # fmt: skip
    page.table("Schemes", *runs_table(runs, loss_name))
    if delays:
        by_scheme = {
            how: ([1e3 * d["delay"] for d in delays if d["how"] == how], [d["speed_up"] for d in delays if d["how"] == how])
            for how in dict.fromkeys(d["how"] for d in delays)
        }
        page.figure(
            "Speed-up against the time of a gradient", figures.lines(
                [("added to a gradient, ms", "speed-up", by_scheme)], log_x=True
            ),
            f"With {max(r.workers for r in runs)} workers, over the serial loop with the same delay (the paper's figure "
            "5c). The longer a gradient takes, the less it matters how the weights are guarded."
        )  # fmt: skip
    if dense:
        page.table("A dense net", *dense_table(dense))
    page.table("Configuration", [(k.replace("_", " "), str(v)) for k, v in config.items()])
    page.table("Environment", list(environment().items()))
    return page


def runs_table(runs: Sequence[Run], loss_name: str) -> tuple[list[list[str]], list[str]]:
    """Rows and header: a line per run."""
    serial = runs[0]
    rows = [
        [
            label(r), f"{r.updates_per_second:,.0f}", f"{r.updates_per_second / serial.updates_per_second:.2f}",
            f"{r.undisturbed_updates_per_second:,.0f}", f"{r.losses[-1]:.4f}",
            f"{r.losses[-1] / serial.losses[-1] - 1:+.2%}",
        ]
        for r in runs
    ]  # fmt: skip
    return rows, ["scheme", "updates/s", "x serial", "updates/s with a core each", f"final {loss_name}", "against serial"]


def dense_table(dense: Sequence[Mapping[str, Any]]) -> tuple[list[list[str]], list[str]]:
    """Rows and header: a line per run of the dense net."""
    rows = [
        [
            f"{d['workers']}{', locked' * d['locked']}", f"{d['samples_per_second']:,.0f}",
            f"{d['samples_per_second'] / dense[0]['samples_per_second']:.2f}", f"{d['gradient_ms']:.2f}",
            f"{d['update_ms']:.2f}", f"{d['wait_ms']:.2f}", f"{d['test_accuracy']:.2%}",
        ]
        for d in dense
    ]  # fmt: skip
    return rows, ["workers", "samples/s", "x first", "gradient ms", "update ms", "waiting ms", "test accuracy"]


def statements(
    runs: Sequence[Run], delays: Sequence[Mapping[str, Any]], dense: Sequence[Mapping[str, Any]], loss_name: str
) -> list[str]:
    """What the figures say, in sentences that follow them, not the paper."""
    serial = runs[0]
    said = []
    for r in runs[1:]:
        if r.how == "lock-free" and r.workers > 1:
            said.append(
                f"Without locks, {r.workers} workers made {_times(r.updates_per_second / serial.updates_per_second)} "
                f"the serial loop's updates per second, and their {loss_name} ended {_apart(r, serial)}."
            )
    waiting = [r for r in runs if r.how not in ("lock-free", "serial")]
    if waiting:
        ratios = "; ".join(f"{label(r)} {_times(r.updates_per_second / serial.updates_per_second)}" for r in waiting)
        said.append(f"With waiting: {ratios} the serial loop's.")
    if delays:
        for which, delay in (("no", min(d["delay"] for d in delays)), ("the longest", max(d["delay"] for d in delays))):
            found = ", ".join(f"{d['how']} {d['speed_up']:.2f}" for d in delays if d["delay"] == delay)
            said.append(f"Speed-up with {which} delay ({1e3 * delay:g} ms): {found}.")
    if len(dense) > 1:
        free, locked = dense[-2], dense[-1]
        ratio = locked["samples_per_second"] / free["samples_per_second"]
        said.append(
            f"In the dense net, whose gradient takes {free['gradient_ms']:.1f} ms and whose update writes every weight in "
            f"{free['update_ms']:.1f} ms, {locked['workers']} workers with a lock trained {_times(ratio)} the samples per "
            "second of those without."
        )
    if serial.updates_per_second < 0.8 * serial.undisturbed_updates_per_second:
        said.append("Other programs took processor time meanwhile; with a core each, the speeds would be higher.")
    return said


def _times(ratio: float) -> str:
    return f"{ratio:.2f} times"


def _apart(run: Run, serial: Run) -> str:
    difference = run.losses[-1] / serial.losses[-1] - 1
    if abs(difference) < 0.0005:
        return "at the same value"
    return f"{abs(difference):.1%} {'above' if difference > 0 else 'below'} its"
