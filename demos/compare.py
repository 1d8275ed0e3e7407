"""Put runs side by side, for example the same network trained serially, by Hogwild and on several ranks.

    python -m demos.compare runs/vision runs/vision-allreduce runs/vision-server
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from demos.common import FIGURES, Parser, run_main
from minidl.errors import DataError
from minidl.parallel.report import add_comparison, add_time
from minidl.train.history import read_metrics
from minidl.train.report import Report, environment


def main(arguments: Sequence[str]) -> None:
    """Read the runs, print a table, and write a report with the curves."""
    args = parser().parse_args(arguments)
    runs = {name_of(path, args.runs): read_run(path) for path in args.runs}
    rows = [table_row(name, epochs, figures) for name, (epochs, figures) in runs.items()]
    print_table(["run", *_COLUMNS.values()], rows)
    page = Report("Runs side by side", "The same data, trained in different ways.")
    page.table("In figures", rows, ["run", *_COLUMNS.values()])
    add_comparison(page, {name: epochs for name, (epochs, _) in runs.items()})
    seconds = {f"{name}: {who}": times for name, (_, f) in runs.items() for who, times in f.get("time", {}).items()}
    add_time(page, seconds)
    page.table("Environment", list(environment().items()))
    print(f"report: {page.write(args.report)}")


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = Parser(prog="python -m demos.compare", description="Put training runs side by side.")
    made.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="directories of finished runs of a demo")
    made.add_argument(
        "--report", type=Path, default=Path("runs/compare.html"), metavar="FILE", help="(default: runs/compare.html)"
    )
    made.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return made


_COLUMNS = {
    "parallel": "strategy", "processes": "processes", "test_accuracy": "test accuracy", "epochs": "epochs",
    "seconds": "seconds", "samples_per_second": "samples/s",
}  # fmt: skip


def read_run(run: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Records of the epochs, and the figures of a run.

    Raises
    ------
    DataError
        The directory holds no finished run.
    """
    try:
        epochs = [r for r in read_metrics(run / "metrics.jsonl") if r.get("kind") == "epoch"]
        figures = json.loads((run / FIGURES).read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{run} holds no finished run of a demo: {getattr(error, 'strerror', None) or error}") from error
    if not epochs or not isinstance(figures, dict):
        raise DataError(f"{run} holds no finished run of a demo: no epoch, or no figures")
    return epochs, figures


def name_of(run: Path, runs: Sequence[Path]) -> str:
    """The directory's name, or its whole path where two have the same name."""
    return run.name if sum(other.name == run.name for other in runs) == 1 else str(run)


def table_row(name: str, epochs: Sequence[dict[str, Any]], figures: dict[str, Any]) -> list[str]:
    """A run in a few figures."""
    formats = {"test_accuracy": "{:.2%}", "seconds": "{:.1f}", "samples_per_second": "{:,.0f}"}
    values = {"epochs": len(epochs), **figures}
    return [name, *(formats.get(c, "{}").format(values[c]) if c in values else "" for c in _COLUMNS)]


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns that line up."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(run_main(main))
