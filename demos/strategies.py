"""The options that say how a demo's work is shared between processes, and the strategy that they name."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from demos.common import positive, whole
from minidl import data, parallel, train
from minidl.errors import ArgumentError
from minidl.parallel import failure

PIECES = 4  # of a batch with --reproducible: at most so many ranks share it
_ALIVE = 0.1  # seconds into an epoch at which --kill-worker kills
_TRACED = 200_000  # spans of a process that a trace shows


def parallel_options() -> argparse.ArgumentParser:
    """A parent parser with the options of every demo that trains with several processes."""
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("several processes")
    group.add_argument(
        "--parallel", choices=["serial", "hogwild", "allreduce", "server"], default="serial",
        help="how to share the work (default: serial); allreduce and server run under python -m minidl.launch -n RANKS",
    )  # fmt: skip
    group.add_argument("--processes", type=positive, default=2, metavar="N", help="hogwild: workers (default: 2)")
    group.add_argument("--locked", action="store_true", help="hogwild: one update at a time, for comparison")
    group.add_argument("--reproducible", action="store_true", help="allreduce: the same bits for any number of ranks")
    group.add_argument("--servers", type=positive, default=1, metavar="N", help="server: ranks with weights (default: 1)")
    group.add_argument("--n-push", type=positive, default=1, metavar="N", help="server: from push to push (default: 1)")
    group.add_argument("--n-fetch", type=positive, default=1, metavar="N", help="server: from fetch to fetch (default: 1)")
    group.add_argument(
        "--staleness", type=whole, metavar="N",
        help="server: how many steps a worker may be ahead; 0: synchronous (default: asynchronous)",
    )  # fmt: skip
    group.add_argument("--kill-worker", action="store_true", help="server: kill a worker half-way, as a test")
    group.add_argument("--trace", type=Path, metavar="FILE", help="write what each process did when, for chrome://tracing")
    return parser


def make_strategy(args: argparse.Namespace) -> train.Strategy:
    """The strategy that the options name.

    Raises
    ------
    ArgumentError, MissingExtra
        It cannot be had with this number of processes, or without MPI.
    """
    if args.parallel in ("serial", "hogwild") and failure.size() > 1:
        raise ArgumentError(
            f"{failure.size()} ranks were started, and --parallel {args.parallel} is for one; "
            "use --parallel allreduce or server"
        )
    if args.parallel == "hogwild":
        return parallel.Hogwild(args.processes, locked=args.locked, seed=args.seed, on_failure="continue")
    if args.parallel == "allreduce":
        return parallel.AllReduce(reproducible=args.reproducible, split=not args.reproducible, seed=args.seed)
    if args.parallel == "server":
        return parallel.ParameterServer(args.servers, args.n_fetch, args.n_push, args.staleness, on_failure="continue")
    return train.Serial()


def updates_per_epoch(args: argparse.Namespace, strategy: train.Strategy, loader: data.Loader, pieces: int) -> int:
    """How many updates of the weights an epoch has, which a learning-rate schedule must know."""
    per_update = pieces * strategy.at_once
    if args.parallel == "server":
        workers = failure.size() - args.servers
        per_update = workers if args.staleness == 0 else args.n_push
    return -(-len(loader) // per_update)


def in_words(args: argparse.Namespace) -> str:
    """How the work is shared, for the user."""
    if args.parallel == "hogwild":
        return f"Hogwild with {args.processes} workers"
    if args.parallel == "allreduce":
        return f"all-reduce over {failure.size()} ranks"
    if args.parallel == "server":
        return f"{args.servers} parameter server(s) and {failure.size() - args.servers} workers"
    return "one process"


def callbacks(args: argparse.Namespace) -> list[Callable[[train.Trainer], None]]:
    """What happens after each epoch: with ``--kill-worker``, the last rank dies in the middle of the run's second half."""
    if not args.kill_worker:
        return []
    if args.parallel != "server" or failure.size() < args.servers + 2:
        raise ArgumentError("--kill-worker needs --parallel server and two workers at least: one is to be left")

    def kill_half_way(trainer: train.Trainer) -> None:
        if failure.rank() == failure.size() - 1 and trainer.epoch == trainer.epochs // 2:
            print(f"rank {failure.rank()} (pid {os.getpid()}) is about to be killed", file=sys.stderr, flush=True)
            threading.Timer(_ALIVE, os.kill, (os.getpid(), signal.SIGKILL)).start()  # amid the next epoch

    return [kill_half_way]


def timeline(args: argparse.Namespace) -> train.Timeline:
    """Where a process counts its time; with spans if a trace was asked for."""
    return train.Timeline(keep=_TRACED if args.trace else 0)


def write_trace(args: argparse.Namespace, history: train.History) -> None:
    """The trace that was asked for, if it was."""
    if args.trace:
        train.write_trace(args.trace, {name: t.spans for name, t in history.timelines.items()})


def n_processes(args: argparse.Namespace) -> int:
    """How many processes share the work."""
    return args.processes if args.parallel == "hogwild" else failure.size()


def figures_of(args: argparse.Namespace, history: train.History) -> dict[str, Any]:
    """What a run's figures say of its processes."""
    return {
        "parallel": args.parallel,
        "processes": n_processes(args),
        "time": {name: dict(t.seconds) for name, t in history.timelines.items()},
        **{name: counts for name, counts in history.notes.items() if name == "staleness"},
    }
