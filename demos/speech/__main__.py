"""Speech: from Gaussian mixtures to neural networks, in one recogniser.

python -m demos.speech [--data NAME|FOLDER]                       all recognisers on one corpus, in one table
python -m demos.speech train FOLDER --run RUN                     recognisers of your own recordings
python -m demos.speech decode RUN FILE ...                        words of recordings
python -m demos.speech align RUN FILE --words "three one four"    when known words were said
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from demos.common import Parser, run_main

from . import align, decode, ladder, train

COMMANDS = (train, decode, align)


def main(arguments: Sequence[str]) -> None:
    """Do what the first argument says; without a command, climb the ladder."""
    if not arguments or arguments[0].startswith("-"):
        ladder.run(ladder.parser().parse_args(arguments))
        return
    args = parser().parse_args(arguments)
    args.run_command(args)


def parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    p = Parser(prog="python -m demos.speech", description="Speech recognition: Gaussian mixtures and networks.")
    commands = p.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for module in COMMANDS:
        module.add_commands(commands)
    return p


if __name__ == "__main__":
    sys.exit(run_main(main))
