"""Output layers by the number of words: ``python -m benchmarks.output_layers [--sizes N ...] [--hidden H] [--tokens N]``.

Median milliseconds of a training step (loss, backward, norm of the gradient, update) on words drawn by Zipf's law, the
layers in turns within each round; and how many times faster than the full softmax. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from minidl import Tensor, optim
from minidl.language.output import OUTPUTS, make_output
from minidl.optim.clip import clip_grad_norm

OPTIMIZERS = {"sgd": optim.SGD, "adagrad": optim.Adagrad, "adam": optim.Adam}
Step = Callable[[], float]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.output_layers", description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 50_000, 200_000], help="of the vocabulary")
    parser.add_argument("--hidden", type=int, default=128, help="numbers in a hidden vector (default: 128)")
    parser.add_argument("--tokens", type=int, default=512, help="of a batch (default: 512)")
    parser.add_argument("--rounds", type=int, default=7, help="of which the median is taken (default: 7)")
    parser.add_argument("--layers", nargs="+", choices=list(OUTPUTS), default=list(OUTPUTS))
    parser.add_argument("--optimizer", choices=list(OPTIMIZERS), default="sgd")
    args = parser.parse_args()
    print("| layer | " + " | ".join(f"V = {size:,}: ms (times full)" for size in args.sizes) + " |")
    print("|---|" + "---:|" * len(args.sizes))
    columns = [measure(size, args) for size in args.sizes]
    for name in args.layers:
        cells = [f"{1e3 * column[name]:.1f} ({column['full'] / column[name]:.1f})" for column in columns]
        print(f"| {name} | " + " | ".join(cells) + " |")


def measure(size: int, args: argparse.Namespace) -> dict[str, float]:
    """Median seconds of a step of each layer."""
    counts = zipf(size)
    steps = {name: make_step(name, counts, args) for name in {"full": 0, **dict.fromkeys(args.layers)}}
    for step in steps.values():
        step()
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(args.rounds):
        for name, step in steps.items():
            taken[name].append(step())
    return {name: median(seconds) for name, seconds in taken.items()}


def zipf(size: int) -> np.ndarray:
    """Counts of words in a text of some ten million: in proportion to one over the rank."""
    return (1e6 / np.arange(1, size + 1)).astype(np.int64)


def make_step(name: str, counts: np.ndarray, args: argparse.Namespace) -> Step:
    """A training step on a batch that is new each time; it returns its seconds."""
    rng = np.random.default_rng(0)
    options: dict[str, Any] = {"n_short": min(2_000, len(counts) // 2)} if name == "short-list" else {}
    layer = make_output(name, args.hidden, counts, rng=1, **options)
    optimizer = OPTIMIZERS[args.optimizer](layer.parameters(), lr=0.1)
    p = np.delete(counts, 1) / np.delete(counts, 1).sum()
    words = np.delete(np.arange(len(counts)), 1)

    def step() -> float:
        hidden = Tensor(rng.standard_normal((args.tokens, args.hidden), np.float32), requires_grad=True)
        target = rng.choice(words, args.tokens, p=p)
        contexts = rng.choice(words, (args.tokens, layer.context)) if layer.context else None
        start = time.perf_counter()
        optimizer.zero_grad()
        layer.loss(hidden, target, contexts).backward()
        clip_grad_norm(optimizer.space, 5.0)
        optimizer.step()
        return time.perf_counter() - start

    return step


if __name__ == "__main__":
    main()
