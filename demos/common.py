"""What all demos share: common options, one-line errors, and the JSON file with the figures."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from minidl import MinidlError
from minidl.errors import ArgumentError
from minidl.parallel import failure
from minidl.train import TrainingInterrupted
from minidl.train.figures import needs
from minidl.train.files import replacing

FIGURES = "figures.json"  # in the directory of a run, what --json writes


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line and status 1, like all others."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        raise ArgumentError(f"{message}; see {self.prog} --help")


def run_options(name: str) -> argparse.ArgumentParser:
    """A parent parser with the options that every training demo has."""
    parser = Parser(add_help=False)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where to compute (default: cpu)")
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


def say(text: str) -> None:
    """Tell the user, beside the results."""
    print(text, file=sys.stderr, flush=True)


def whole(text: str) -> int:
    """An integer that is not negative."""
    return _number(int, text, "an integer that is not negative", lambda value: value >= 0)


def positive(text: str) -> int:
    """An integer of at least one."""
    return _number(int, text, "an integer of at least 1", lambda value: value >= 1)


def positive_float(text: str) -> float:
    """A finite number above zero."""
    return _number(float, text, "a number above 0", lambda value: 0 < value < float("inf"))


def _number(kind: Callable[[str], Any], text: str, what: str, accepted: Callable[[Any], bool]) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not accepted(value):
        raise argparse.ArgumentTypeError(f"expected {what}, got {text!r}")
    return value


def run_main(main: Callable[[Sequence[str]], None], arguments: Sequence[str] | None = None) -> int:
    """Call `main`; a user's mistake becomes one line and status 1, Ctrl-C status 130."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        main(arguments)
    except TrainingInterrupted as stop:
        go_on = f"; the same command with --resume goes on from {stop.checkpoint}" if stop.checkpoint else ""
        if failure.rank() == 0:
            print(f"\n{stop}{go_on}", file=sys.stderr)
        return 130
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    except (MinidlError, OSError) as error:
        if "--debug" in arguments:
            raise
        return failure.fail(f"error: {' '.join(str(error).split())}")
    return 0


def run_command(arguments: Sequence[str], prog: str, description: str, modules: Sequence[Any], default: Any) -> None:
    """Do what the first argument says.

    Parameters
    ----------
    arguments : sequence of str
    prog, description : str
    modules : sequence of modules
        Each has ``add_commands(commands)``.
    default : module
        Whose ``run(parser().parse_args(arguments))`` is called where there is no command.
    """
    if not arguments or arguments[0].startswith("-"):
        default.run(default.parser().parse_args(arguments))
        return
    p = Parser(prog=prog, description=description)
    commands = p.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for module in modules:
        module.add_commands(commands)
    args = p.parse_args(arguments)
    args.run_command(args)


def check_outputs(run: Path, json_file: Path | None) -> None:
    """Find out before training, not after it, that something cannot be written.

    Raises
    ------
    ArgumentError
        With the path and the system's reason.
    MissingExtra
        A library that the report needs is not installed.
    """
    for library in ("matplotlib", "jinja2"):
        needs(library)
    for folder in [run] if json_file is None else [run, json_file.parent]:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise ArgumentError(f"cannot write to {folder}: {error.strerror or error}") from error
    if json_file is not None and json_file.is_dir():
        raise ArgumentError(f"--json {json_file} is a directory; give the name of a file")


def write_json(path: Path | None, figures: Mapping[str, Any]) -> None:
    """Write `figures` to `path`, whole or not at all."""
    if path is not None:
        with replacing(path) as f:
            f.write((json.dumps(figures, indent=2) + "\n").encode())
