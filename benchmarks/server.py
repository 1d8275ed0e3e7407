"""How fast parameter servers are: gradients applied a second, and what a slow worker costs the others.

``python -m benchmarks.server`` starts its own MPI jobs, one BLAS thread a process, and prints a table. Gradients are
made of nothing, so that only the server, its optimizer and the messages are timed; the slow worker sleeps.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from statistics import median
from typing import Any

import numpy as np

from minidl import optim
from minidl.parallel import mpiexec
from minidl.parallel.comm import MpiComm
from minidl.parallel.server.consistency import consistency
from minidl.parallel.server.follower import Working
from minidl.parallel.server.leader import Begin, End, Failed, Leader
from minidl.parallel.server.link import Link
from minidl.parallel.server.nodes import Coordinator, Figures
from minidl.parallel.server.shard import Shard
from minidl.parallel.server.worker import WorkerNode
from minidl.params import Parameter
from minidl.train.timeline import Timeline

OPTIMIZERS = {"sgd": optim.SGD, "adagrad": optim.Adagrad, "adam": optim.Adam}
LIMIT = 120  # seconds for a job


class Idle:
    """A learner whose gradient is always the same, after a sleep of `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.n = seconds, 0

    def compute(self, numbers: tuple[int, ...], step: bool) -> Figures:
        self.n += len(numbers)
        if self.seconds:
            time.sleep(self.seconds)
        return (({"loss": 0.0}, 1),)

    def push(self) -> None:
        pass

    def buffers(self) -> np.ndarray:
        return np.zeros(0)


def run_rank(job: dict[str, Any]) -> None:
    """One rank of a job; rank 0 prints seconds and what each worker did as JSON."""
    comm = MpiComm()
    link, timeline = Link(comm), Timeline()
    p = Parameter(np.zeros(job["megabytes"] * 2**20 // 4, np.float32))
    optimizer = OPTIMIZERS[job["optimizer"]]([p], lr=1e-6)
    p.grad = np.ones(p.shape, np.float32)
    shard = Shard(optimizer, 0, 1)
    if comm.rank == 0:
        node = Coordinator(shard, consistency(job["staleness"]), lambda *_: None, lambda *_: None, lambda: ())
        leader = Leader(link, node, [shard], timeline, dict, _failed, print)
        for n in (max(4, job["batches"] // 10), job["batches"]):  # the first to warm up
            start = time.perf_counter()
            leader.epoch(Begin(0, 0, 0, tuple(sorted(leader.workers))), n, 1)
            seconds = time.perf_counter() - start
            leader.end(End({}, 0, 0, 0), np.zeros(0))
        done = [report.seconds for _, report in sorted(leader.reports.items())]
        stale = sum(k * count for k, count in node.rule.staleness.items()) / node.rule.staleness.total()
        print(json.dumps({"seconds": seconds, "n": [int(d["n"]) for d in done], "staleness": stale}), flush=True)
        return
    worker = Working(link, timeline, 1, retire=False)
    learner = Idle(job["sleep"][comm.rank - 1])
    for _ in range(2):
        learner.n = 0
        worker.epoch(worker.begin(), lambda: WorkerNode(learner, [shard], job["n_fetch"], 1))
        timeline.seconds["n"] = learner.n
        worker.end()


def _failed(rank: int, message: Failed) -> None:
    raise RuntimeError(f"rank {rank}: {message.text}")


def run_job(workers: int, **job: Any) -> dict[str, Any]:
    """Start a job and read what its rank 0 printed."""
    settings = {"staleness": None, "n_fetch": 1, "optimizer": "sgd", "megabytes": 4, "batches": 100, "sleep": [0] * workers}
    command = mpiexec.command(workers + 1, ["-m", "benchmarks.server", "--rank", json.dumps(settings | job)])
    env = mpiexec.environment(os.environ, threads=1)
    done = subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=LIMIT, stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        sys.exit(f"a job ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def throughput(repeats: int) -> None:
    """GB of float32 gradients that one server applies in a second."""
    print("| GB/s applied: median (best) | 4 MB, 1 worker | 4 MB, 2 workers | 40 MB, 1 worker | 40 MB, 2 workers |")
    print("|---|---:|---:|---:|---:|")
    for optimizer in OPTIMIZERS:
        for n_fetch, name in ((10**9, "push only"), (1, "push and fetch every step")):
            cells = []
            for megabytes, batches in ((4, 300), (40, 30)):
                for workers in (1, 2):
                    job = dict(megabytes=megabytes, batches=batches, n_fetch=n_fetch, optimizer=optimizer)
                    rates = [batches * megabytes * 2**20 / 1e9 / run_job(workers, **job)["seconds"] for _ in range(repeats)]
                    cells.append(f"{median(rates):.2f} ({max(rates):.2f})")
            print(f"| {optimizer}, {name} | {' | '.join(cells)} |", flush=True)


def straggler(repeats: int) -> None:
    """Batches a second of the worker that is not slowed, against a run in which none is."""
    print("\n| one of 2 workers slowed 10 times; 5 ms a batch | the other's batches/s: median | without | share kept |")
    print("|---|---:|---:|---:|")
    for staleness, name in ((None, "asynchronous"), (3, "stale-synchronous, bound 3"), (0, "synchronous")):
        rates: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(repeats):
            for slowed in (False, True):
                job = run_job(2, staleness=staleness, batches=200, sleep=[0.005, 0.05 if slowed else 0.005], megabytes=1)
                rates[slowed].append(job["n"][0] / job["seconds"])
        kept = median(slow / normal for slow, normal in zip(rates[True], rates[False], strict=True))
        print(f"| {name} | {median(rates[True]):.0f} | {median(rates[False]):.0f} | {kept:.0%} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rank", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rank:
        run_rank(json.loads(options.rank))
    else:
        throughput(options.repeats)
        straggler(options.repeats)


if __name__ == "__main__":
    main()
