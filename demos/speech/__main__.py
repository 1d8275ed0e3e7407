"""Speech: from Gaussian mixtures to neural networks, in one recogniser."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from demos.common import run_main

from . import ladder


def main(arguments: Sequence[str]) -> None:
    """Climb the ladder."""
    ladder.run(ladder.parser().parse_args(arguments))


if __name__ == "__main__":
    sys.exit(run_main(main))
