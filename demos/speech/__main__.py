"""Speech: from Gaussian mixtures to neural networks, in one recogniser.

python -m demos.speech [--data NAME|FOLDER]                       all recognisers on one corpus, in one table
python -m demos.speech train FOLDER --run RUN                     recognisers of your own recordings
python -m demos.speech decode RUN FILE ...                        words of recordings
python -m demos.speech align RUN FILE --words "three one four"    when known words were said
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from demos.common import run_command, run_main

from . import align, decode, ladder, train


def main(arguments: Sequence[str]) -> None:
    """Do what the first argument says; without a command, climb the ladder."""
    description = "Speech recognition: Gaussian mixtures and networks."
    run_command(arguments, "python -m demos.speech", description, (train, decode, align), ladder)


if __name__ == "__main__":
    sys.exit(run_main(main))
