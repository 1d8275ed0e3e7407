"""Hogwild: several processes train on one array of weights without locks, beside those that wait for each other.

    python -m demos.hogwild [--problem logistic|svm|factorisation] [--data FILE.svm] [--workers 1,2]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from demos.common import Parser, check_outputs, positive, positive_float, run_main, whole, write_json
from minidl import data
from minidl.data import libsvm, ratings, sparse
from minidl.errors import ArgumentError
from minidl.parallel.hogwild.report import hogwild_report, runs_table, statements
from minidl.parallel.hogwild.sparse_problems import SVM, Factorisation, Logistic, Problem
from minidl.parallel.hogwild.sparse_sgd import Run
from minidl.parallel.hogwild.study import compare, delay_sweep, dense, label
from minidl.train.history import MetricsFile

STEPS = {"logistic": 1.0, "svm": 0.3, "factorisation": 0.03}  # in the first epoch
PENALTIES = {"logistic": 0.0, "svm": 0.0, "factorisation": 0.05}


def main(arguments: Sequence[str]) -> None:
    """Run the experiments and leave figures and report."""
    args = parser().parse_args(arguments)
    check_outputs(args.run, args.json)
    problem, title, held_out = make_problem(args)
    step = args.step or STEPS[args.problem]
    settings = {"epochs": args.epochs, "step": step, "decay": args.decay, "seed": args.seed}
    _say(f"{title}: {len(problem):,} examples, {problem.shape[0]:,} rows of weights")
    runs = compare(problem, args.workers, settings, _say)
    delays = delay_sweep(problem, max(args.workers), args.delays, step, args.seed, args.seconds, _say) if args.delays else []
    dense_runs = [] if args.no_dense else dense(data.load("digits"), args.workers, args.seed, _say, args.dense_epochs)
    measure = "RMSE" if args.problem == "factorisation" else "loss"
    config = {"data": args.data, "problem": args.problem, "penalty": _penalty(args), **settings}
    figures = [run_figures(run, problem, held_out) for run in runs]
    write_json(args.json, {"config": config, "runs": figures, "delays": delays, "dense": dense_runs})
    log_epochs(args.run / "metrics.jsonl", runs)
    print_table(*runs_table(runs, measure))
    for line in statements(runs, delays, dense_runs, measure):
        print(line)
    page = hogwild_report(f"Hogwild: {title}", runs, delays, dense_runs, measure, config)
    print(f"report: {page.write(args.run / 'report.html')}")


def parser() -> argparse.ArgumentParser:
    """Options of the command."""
    p = Parser(prog="python -m demos.hogwild", description="SGD by several processes without locks, and with.")
    p.add_argument("--problem", choices=list(STEPS), default="logistic", help="what to learn (default: logistic)")
    p.add_argument(
        "--data", default="rcv1-like", metavar="FILE",
        help="a LIBSVM file of two classes (default: rcv1-like, made up and as sparse as RCV1); factorisation has MovieLens",
    )  # fmt: skip
    p.add_argument("--workers", type=_workers, default=[1, 2], metavar="LIST", help="numbers of processes (default: 1,2)")
    p.add_argument("--epochs", type=positive, default=5, metavar="N", help="passes over the data (default: 5)")
    p.add_argument("--step", type=positive_float, metavar="X", help="step in the first epoch (default: by problem)")
    p.add_argument("--decay", type=positive_float, default=0.9, metavar="X", help="factor an epoch (default: 0.9)")
    p.add_argument("--penalty", type=_not_negative, metavar="X", help="on large weights (default: by problem)")
    p.add_argument("--rows", type=positive, default=20_000, metavar="N", help="of made-up data (default: 20000)")
    p.add_argument(
        "--delays", type=_delays, default=[0.0, 1e-5, 1e-4, 1e-3], metavar="LIST",
        help="ms that a gradient takes longer, in turn (default: 0,0.01,0.1,1; none: leave the sweep out)",
    )  # fmt: skip
    p.add_argument("--seconds", type=positive_float, default=0.3, metavar="X", help="to measure each delay (default: 0.3)")
    p.add_argument("--no-dense", action="store_true", help="leave the dense net out")
    p.add_argument("--dense-epochs", type=positive, default=4, metavar="N", help="of the dense net (default: 4)")
    p.add_argument("--seed", type=whole, default=0, metavar="N", help="of all random numbers (default: 0)")
    p.add_argument("--json", metavar="FILE", type=Path, help="write the figures to FILE")
    p.add_argument(
        "--run", metavar="DIR", type=Path, default=Path("runs/hogwild"), help="output directory (default: runs/hogwild)"
    )
    p.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return p


def make_problem(args: argparse.Namespace) -> tuple[Problem, str, Any]:
    """The problem, its name, and held-out ratings."""
    if args.problem == "factorisation":
        if args.data != "rcv1-like":
            raise ArgumentError("--problem factorisation learns MovieLens' ratings; leave --data out")
        known, held_out = ratings.load().split(0.1, args.seed)
        return Factorisation(known, penalty=_penalty(args)), "matrix factorisation of MovieLens' ratings", held_out
    rows = sparse.rcv1_like(args.rows, seed=args.seed) if args.data == "rcv1-like" else libsvm.read(args.data)
    kind = {"logistic": Logistic, "svm": SVM}[args.problem]
    return kind(rows, penalty=_penalty(args)), f"{args.problem} on {Path(args.data).name}", None


def _penalty(args: argparse.Namespace) -> float:
    return float(PENALTIES[args.problem] if args.penalty is None else args.penalty)


def run_figures(run: Run, problem: Any, held_out: Any) -> dict[str, Any]:
    """A run's figures for the JSON file."""
    score = {"accuracy": problem.accuracy(run.w)} if held_out is None else {"test_rmse": problem.rmse(run.w, held_out)}
    return {
        "name": label(run), "workers": run.workers, "updates_per_second": run.updates_per_second,
        "best_updates_per_second": run.best_updates_per_second,
        "undisturbed_updates_per_second": run.undisturbed_updates_per_second,
        "losses": run.losses, "seconds": run.seconds, **score,
    }  # fmt: skip


def log_epochs(path: Path, runs: Sequence[Run]) -> None:
    """``metrics.jsonl``: a line per run and epoch."""
    file = MetricsFile(path)
    for run in runs:
        for epoch, (loss, seconds) in enumerate(zip(run.losses, run.seconds, strict=True)):
            file.write({"kind": "epoch", "run": label(run), "epoch": epoch, "loss": loss, "seconds": seconds})
    file.close()


def print_table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> None:
    """Columns under each other, the first to the left."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in [header, *rows]:
        first, *others = zip(row, widths, strict=True)
        print("  ".join([f"{first[0]:<{first[1]}}", *(f"{cell:>{width}}" for cell, width in others)]))


def _workers(text: str) -> list[int]:
    return [positive(part) for part in text.split(",")]


def _not_negative(text: str) -> float:
    return 0.0 if text in ("0", "0.0") else float(positive_float(text))


def _delays(text: str) -> list[float]:
    return [] if text == "none" else [_not_negative(part) / 1e3 for part in text.split(",")]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(run_main(main))
