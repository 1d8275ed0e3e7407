"""Several ways to do the same, timed in turns, so that a noisy machine disturbs all of them."""

from __future__ import annotations

import gc
import importlib.util
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any


def take_turns(ways: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each way in each round, after one that does not count; Python's garbage waits meanwhile, as in `timeit`."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, way in ways.items():
                start = time.perf_counter()
                way()
                taken[name].append(time.perf_counter() - start)
    finally:
        gc.enable()
    return taken


def speed_ratio(ours: list[float], theirs: list[float]) -> float:
    """How many times faster we are: the median of the ratios of neighbouring times."""
    return median(t / o for o, t in zip(ours, theirs, strict=True))


def report(taken: Mapping[str, list[float]], targets: Mapping[str, float]) -> None:
    """Print a line for each way; the first one is ours, and has to be so many times as fast as others."""
    ours = next(iter(taken.values()))
    for name, seconds in taken.items():
        line = f"  {name}: {1e3 * median(seconds):.2f} ms (best {1e3 * min(seconds):.2f})"
        if seconds is not ours:
            ratio = speed_ratio(ours, seconds)
            line += f", {ratio:.2f} times ours"
            if name in targets:
                line += f" (to reach: {targets[name]:g}{'' if ratio >= targets[name] else ', short'})"
        print(line, flush=True)


def installed(module: str, package: str) -> bool:
    """Whether an alternative can be imported; if not, says what to do."""
    there = importlib.util.find_spec(module) is not None
    if not there:
        print(f"  {module}: left out, as it is not installed (pip install {package})")
    return there
