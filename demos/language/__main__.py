"""Language models: n-gram, neural, and both together.

python -m demos.language [--data NAME|FILE]                         all models on one text, in one table
python -m demos.language train-ngram TEXT --order 5 --out MODEL     an n-gram model
python -m demos.language train TEXT --kind lstm                     a neural model
python -m demos.language perplexity MODEL TEXT                      any model, measured
python -m demos.language mix MODEL MODEL ... --tune TEXT            several models, mixed
python -m demos.language generate MODEL                             text that a model makes up
python -m demos.language neighbours MODEL WORD ...                  words that are alike to a neural model
python -m demos.language arpa-check MODEL.arpa                      the first fault of an ARPA file
python -m demos.language convert MODEL.arpa --out MODEL.bin         to the form that opens at once
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from demos.common import Parser, run_main

from . import neural, ngram, table, use

COMMANDS = (ngram, neural, use)


def main(arguments: Sequence[str]) -> None:
    """Do what the first argument says; without a command, make the table."""
    if not arguments or arguments[0].startswith("-"):
        table.run(table.parser().parse_args(arguments))
        return
    args = parser().parse_args(arguments)
    args.run_command(args)


def parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    p = Parser(prog="python -m demos.language", description="Language models: n-gram, neural, and both together.")
    commands = p.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for module in COMMANDS:
        module.add_commands(commands)
    return p


if __name__ == "__main__":
    sys.exit(run_main(main))
