"""Time per training step of minidl and of PyTorch, alternating: ``python -m benchmarks.run [ROW ...] [--write]``.

Each library runs in a process of its own, with the same number of threads; the two take turns, so that a noisy
machine disturbs both. The ratio is the median of the ratios of neighbouring samples.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from . import results
from .rows import ROWS, Row, row

PAUSE = 0.06  # seconds after each sample: BLAS's threads wait in a loop about that long, and would slow whoever is next


@dataclass(frozen=True)
class Measured:
    """What came out for one row; times in seconds per step, memory in bytes."""

    row: Row
    ours: list[float]
    theirs: list[float]
    memory: tuple[int, int]
    flop: float  # of one step
    peaks: list[float]  # flop per second of a matrix product, measured beside each sample

    @property
    def ratio(self) -> float:
        """PyTorch's time over ours: above one, we are faster."""
        return median(t / o for o, t in zip(self.ours, self.theirs, strict=True))

    @property
    def share_of_peak(self) -> float:
        """Our arithmetic per second, as a share of that of a large matrix product at the same time."""
        return median(self.flop / seconds / peak for seconds, peak in zip(self.ours, self.peaks, strict=True))


class Worker:
    """A library at work on one row in another process."""

    def __init__(self, library: str, name: str, threads: int) -> None:
        environment = os.environ | {
            k: str(threads) for k in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", library, name, str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip

    def ask(self, command: str) -> Any:
        """Send a command and wait for its answer."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"the benchmark's process ended with status {self.process.wait()}: see its message above")
        return json.loads(answer)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        with self.process:  # closes the pipes and waits
            self.process.kill()


def measure(r: Row, threads: int, seconds: float) -> Measured:
    """Let both libraries train the row in turns for about `seconds`."""
    with Worker("minidl", r.name, threads) as ours, Worker("torch", r.name, threads) as theirs:
        for worker in (ours, theirs):
            worker.ask(f"step {r.steps}")
        times: tuple[list[float], list[float]] = ([], [])
        peaks: list[float] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end or len(times[0]) < 5:
            for worker, column in zip((ours, theirs), times, strict=True):
                column.append(worker.ask(f"step {r.steps}") / r.steps)
                time.sleep(PAUSE)
            peaks.append(gemm_speed(threads))
        memory = (ours.ask("memory"), theirs.ask("memory"))
        flop = 6.0 * ours.ask("costs")  # two per multiply-add; forward, and the backward's two products
    return Measured(r, *times, memory, flop, peaks)


def gemm_speed(threads: int, n: int = 1024) -> float:
    """Flop per second of NumPy's float32 matrix product, now."""
    a = np.ones((n, n), np.float32)
    with threadpool_limits(threads):
        a @ a
        start = time.perf_counter()
        a @ a
        seconds = time.perf_counter() - start
    time.sleep(PAUSE)
    return 2.0 * n**3 / seconds


def main() -> None:
    """Measure the rows asked for and print, or write, the table."""
    names = [r.name for r in ROWS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(names)} (default: all)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="for each library")
    parser.add_argument("--seconds", type=float, default=20.0, help="per row (default: 20)")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/RESULTS.md")
    args = parser.parse_args()
    unknown = [name for name in args.rows if name not in names]
    if unknown:
        parser.error(f"no row called {', '.join(unknown)}; there are {', '.join(names)}")
    print(results.HEAD, flush=True)
    measured = []
    for name in args.rows or names:
        measured.append(measure(row(name), args.threads, args.seconds))
        print(results.line(measured[-1]), flush=True)
    if args.write:
        results.write(measured, args.threads)


if __name__ == "__main__":
    main()
