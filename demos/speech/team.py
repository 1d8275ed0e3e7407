"""Several ranks that train one model: each accumulates over its own utterances, and all get the sum."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

from minidl.parallel.comm import Comm

from .task import Team


def team_of(comm: Comm) -> Team:
    """The ranks of a communicator; sums are made in the order of the ranks, so that all have the very same model."""

    def together(statistics: Any) -> Any:
        return reduce(add, comm.allgather(statistics))

    return Team(comm.rank, comm.size, together) if comm.size > 1 else Team()
