"""One library and one row in a process of its own: ``python -m benchmarks.worker LIBRARY ROW THREADS``.

Reads commands from standard input, one a line, and answers each with a line of JSON: ``step N`` (seconds for N
training steps), ``memory`` (bytes that building the model and training took at their peak, beyond the imported
libraries), ``costs`` (multiply-adds of one forward).
"""

from __future__ import annotations

import importlib
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from .rows import Row, row


def main(library: str, name: str, threads: str) -> None:
    """Serve until standard input ends."""
    if library == "torch":
        import torch

        torch.set_num_threads(int(threads))
    threadpool_limits(int(threads))
    steps = importlib.import_module(f".{library}_steps", __package__)
    steps.make(row("mlp-tiny"))[0]()  # so that what a library loads at its first step is not counted
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far (imports) is forgotten
    before = _resident("VmRSS")
    step, model = steps.make(row(name))
    step()
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        if command == "step":
            answer: Any = _time(step, int(argument))
        elif command == "memory":
            answer = _resident("VmHWM") - before
        else:
            answer = _multiply_adds(row(name), model)
        print(json.dumps(answer), flush=True)


def _time(step: Any, n: int) -> float:
    start = time.perf_counter()
    for _ in range(n):
        loss = step()
    seconds = time.perf_counter() - start
    if not np.isfinite(loss):
        raise FloatingPointError(f"the loss became {loss}: this is not a training step worth timing")
    return seconds


def _resident(field: str) -> int:
    """A field of Linux's account of this process's memory, in bytes."""
    return 1024 * int(re.search(rf"{field}:\s+(\d+)", Path("/proc/self/status").read_text())[1])  # type: ignore[index]


def _multiply_adds(r: Row, model: Any) -> int:
    from minidl.nn.summary import summarise

    return summarise(model, [r.batch], np.int64 if r.words else np.float32).multiply_adds


if __name__ == "__main__":
    main(*sys.argv[1:])
