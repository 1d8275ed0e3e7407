"""Hogwild with one and two processes, beside PyTorch's way: ``python -m benchmarks.hogwild [--rounds N] [--no-torch]``.

The sparse problem (RCV1-like logistic regression, one example an update), a dense net and a convolutional one. All
run in turns, so that a noisy machine disturbs each; of a speed, the best and the median over the rounds are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from minidl import data, nn, optim, train
from minidl.backend.random import seed
from minidl.data.sparse import rcv1_like
from minidl.parallel import Hogwild
from minidl.parallel.hogwild.sparse_problems import Logistic
from minidl.parallel.hogwild.sparse_sgd import Run, minimise
from minidl.parallel.hogwild.study import Dense
from minidl.vision.models import ConvNet

from .torch_hogwild import DECAY, STEP

Speeds = dict[str, list[float]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hogwild", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="of each measurement (default: 5)")
    parser.add_argument("--examples", type=int, default=20_000, help="of the sparse problem (default: 20000)")
    parser.add_argument("--torch-examples", type=int, default=4_000, help="that PyTorch trains on (default: 4000)")
    parser.add_argument("--no-torch", action="store_true", help="leave PyTorch out")
    args = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    sparse(args)
    for name, make in (("dense net 784-1024-1024-10", _dense), ("convolutional net 28x28", _conv)):
        nets(name, make, args.rounds)


def sparse(args: argparse.Namespace) -> None:
    """Updates per second, and the loss they lead to."""
    problem = Logistic(rcv1_like(args.examples))
    runs: dict[int, list[Run]] = {0: [], 1: [], 2: []}
    torch: dict[int, list[dict[str, Any]]] = {1: [], 2: []}
    for _ in range(args.rounds):
        for n, found in runs.items():
            found.append(minimise(problem, workers=n, epochs=5, step=STEP, decay=DECAY))
        for n, theirs in torch.items():
            if not args.no_torch:
                theirs.append(_torch(n, args.torch_examples))
    print(f"\nRCV1-like logistic regression, {args.examples:,} examples, 5 epochs")
    walls: Speeds = {_processes(n): [r.best_updates_per_second for r in found] for n, found in runs.items()}
    for n, theirs in torch.items():
        if theirs:
            walls[f"PyTorch, {_processes(n)}"] = [max(t["updates_per_second"]) for t in theirs]
    _print(walls, "updates/s")
    cores: Speeds = {_processes(n): [r.undisturbed_updates_per_second for r in found] for n, found in runs.items()}
    print("per processor time, as if each process had a core to itself:")
    _print(cores, "updates/s")
    losses = {n: median(r.losses[-1] for r in found) for n, found in runs.items()}
    for n, loss in losses.items():
        print(f"final loss, {_processes(n)}: {loss:.5f} ({loss / losses[0] - 1:+.2%})")


def nets(name: str, make: Callable[[], nn.Module], rounds: int) -> None:
    """Samples per second of a net in the ordinary training loop."""
    rng = np.random.default_rng(0)
    images = rng.random((3840, 28, 28, 1), dtype=np.float32)
    loader = data.Loader(data.ArrayDataset(images, rng.integers(0, 10, len(images))), 64, shuffle=True)
    speeds: Speeds = {}
    alone: Speeds = {}
    for _ in range(rounds):
        for label, strategy in (
            ("1 process", Hogwild(1, threads=1)),
            ("2 processes", Hogwild(2, threads=1)),
            ("2 processes, locked", Hogwild(2, threads=1, locked=True)),
        ):
            seed(0)
            model = make()
            optimizer = optim.SGD(model.parameters(), lr=0.01)
            history = train.fit(
                model, nn.losses.cross_entropy, loader, optimizer, epochs=4, strategy=strategy, progress=False
            )
            speeds.setdefault(label, []).append(float(history.column("samples_per_second")[1:].max()))
            if strategy.locks is None:  # waiting for a lock takes no processor time
                each = 4 * len(images) * strategy.workers / strategy.processor_seconds
                alone.setdefault(label, []).append(each)
    print(f"\n{name}, batch 64")
    _print(speeds, "samples/s")
    print("per processor time, as if each process had a core to itself:")
    _print(alone, "samples/s")


def _dense() -> nn.Module:
    return Dense(784, 1024, 10)


def _conv() -> nn.Module:
    return ConvNet((28, 28, 1), 10)


def _torch(workers: int, examples: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.torch_hogwild", str(workers), str(examples), "2"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=600, check=False)
    if done.returncode:
        raise SystemExit("PyTorch's part failed: see its message above; --no-torch leaves it out")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _print(speeds: Speeds, unit: str) -> None:
    first = speeds.get("1 process") or next(iter(speeds.values()))
    for name, values in speeds.items():
        middle = median(v / f for v, f in zip(values, first, strict=True))
        print(
            f"{name:24} best {max(values):>10,.0f}, median {median(values):>10,.0f} {unit}; "
            f"to 1 process: best {max(values) / max(first):.2f} x, median {middle:.2f} x"
        )


def _processes(n: int) -> str:
    return "serial" if n == 0 else f"{n} process{'es' * (n > 1)}"


if __name__ == "__main__":
    main()
