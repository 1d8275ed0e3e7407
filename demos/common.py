"""What all demos share: common options, one-line errors, and the JSON file with the figures."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from minidl import MinidlError
from minidl.train import TrainingInterrupted
from minidl.train.files import replacing


def run_options(name: str) -> argparse.ArgumentParser:
    """A parent parser with the options that every training demo has."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where to compute (default: cpu)")
    parser.add_argument(
        "--parallel", choices=["serial", "hogwild", "allreduce", "server"], default="serial",
        help="how to share the work between processes (default: serial)",
    )  # fmt: skip
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="of all random numbers (default: 0)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures to FILE")
    parser.add_argument(
        "--run", metavar="DIR", type=Path, default=Path("runs") / name, help=f"output directory (default: runs/{name})"
    )
    parser.add_argument(
        "--resume", nargs="?", const=True, default=False, metavar="CHECKPOINT",
        help="go on from the latest checkpoint of the run, or from the one given",
    )  # fmt: skip
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def whole(text: str) -> int:
    """An integer that is not negative."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"must not be negative: {value}")
    return value


def positive(text: str) -> int:
    """An integer of at least one."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1: {value}")
    return value


def positive_float(text: str) -> float:
    """A finite number above zero."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be above 0: {text}")
    return value


def run_main(main: Callable[[Sequence[str]], None], arguments: Sequence[str] | None = None) -> int:
    """Call `main`; a user's mistake becomes one line and status 1, Ctrl-C status 130."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        main(arguments)
    except TrainingInterrupted as stop:
        go_on = f"; the same command with --resume goes on from {stop.checkpoint}" if stop.checkpoint else ""
        print(f"\n{stop}{go_on}", file=sys.stderr)
        return 130
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    except (MinidlError, OSError) as error:
        if "--debug" in arguments:
            raise
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


def write_json(path: Path | None, figures: Mapping[str, Any]) -> None:
    """Write `figures` to `path`, whole or not at all."""
    if path is not None:
        with replacing(path) as f:
            f.write((json.dumps(figures, indent=2) + "\n").encode())
