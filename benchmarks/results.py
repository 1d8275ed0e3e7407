"""The table of the benchmark as text, and its place in ``benchmarks/RESULTS.md``."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import re
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from minidl.train.files import replacing

if TYPE_CHECKING:
    from .run import Measured

HEAD = """\
| row | minidl ms: median (best) | PyTorch ms: median (best) | speed ratio | to reach | share of GEMM peak | memory MB: minidl / PyTorch |
|---|---:|---:|---:|---:|---:|---:|"""  # noqa: E501
START, END = "<!-- table: made by `make bench` -->", "<!-- end of table -->"
FILE = Path(__file__).with_name("RESULTS.md")


def line(m: Measured) -> str:
    """A row of the table."""
    ours, theirs = [f"{1e3 * median(t):.2f} ({1e3 * min(t):.2f})" for t in (m.ours, m.theirs)]
    a, b = (size / 2**20 for size in m.memory)
    reached = "" if m.ratio >= m.row.target else " (short)"
    return (
        f"| {m.row.name} | {ours} | {theirs} | {m.ratio:.2f} | {m.row.target:g}{reached} "
        f"| {m.share_of_peak:.0%} | {a:.0f} / {b:.0f} = {a / b:.2f} |"
    )


def write(measured: list[Measured], threads: int) -> None:
    """Replace the table in RESULTS.md; the text around it stays."""
    text = FILE.read_text()
    table = "\n".join([START, _machine(measured, threads), "", HEAD, *map(line, measured), END])
    new = re.sub(re.escape(START) + ".*?" + re.escape(END), lambda _: table, text, flags=re.DOTALL)
    with replacing(FILE) as f:
        f.write(new.encode())
    print(f"\nwritten to {FILE}")


def _machine(measured: list[Measured], threads: int) -> str:
    peaks = [p / 1e9 for m in measured for p in m.peaks]
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("minidl", "numpy", "torch"))
    return (
        f"{datetime.date.today()}; {_processor()}, {len(os.sched_getaffinity(0))} cores, {threads} threads each; "
        f"Python {platform.python_version()}, {versions}, {_blas()}; a matrix product of 1024 x 1024 beside the rows: "
        f"median {median(peaks):.0f}, best {max(peaks):.0f} GFLOP/s."
    )


def _processor() -> str:
    found = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    return found[1].strip() if found else platform.machine()


def _blas() -> str:
    import numpy as np

    config: Any = np.show_config(mode="dicts")
    blas = config["Build Dependencies"]["blas"]
    return f"{blas['name']} {blas['version']}"
