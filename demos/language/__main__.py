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

import sys
from collections.abc import Sequence

from demos.common import run_command, run_main

from . import neural, ngram, table, use


def main(arguments: Sequence[str]) -> None:
    """Do what the first argument says; without a command, make the table."""
    description = "Language models: n-gram, neural, and both together."
    run_command(arguments, "python -m demos.language", description, (ngram, neural, use), table)


if __name__ == "__main__":
    sys.exit(run_main(main))
