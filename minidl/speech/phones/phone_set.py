"""The phones of a recogniser: their names and how each unfolds in time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import ArgumentError
from ..gmm.statistics import Sums
from ..hmm import Topology, left_to_right, silence
from ..hmm.forward_backward import TransitionCounts

MIN_COUNT, TRANSITION_FLOOR = 5.0, 0.01  # Kaldi's, hmm/transition-model.h


class PhoneSet:
    """Phones are numbered as they are named here.

    Parameters
    ----------
    names : sequence of str
    topologies : sequence of Topology
        One a phone, each with final probabilities.
    silence_name : str
        The phone of pauses.

    Raises
    ------
    ArgumentError
        Names twice or without the silence; another number of topologies; one that may end anywhere.
    """

    def __init__(self, names: Sequence[str], topologies: Sequence[Topology], silence_name: str) -> None:
        self.names, self.topologies = tuple(names), tuple(topologies)
        self._numbers = {name: number for number, name in enumerate(self.names)}
        if len(self._numbers) != len(self.names) or len(self.names) != len(self.topologies):
            raise ArgumentError("phones: names must differ, and each needs a topology")
        if not all(t.has_final for t in self.topologies):
            raise ArgumentError("phones: each topology needs final probabilities, for another phone follows")
        self.silence = self.index(silence_name)

    @classmethod
    def of(cls, names: Sequence[str], silence_name: str = "SIL", n_states: int = 3) -> PhoneSet:
        """Left-to-right phones, and a silence of 5 states as Kaldi's."""
        shapes = [silence() if name == silence_name else left_to_right(n_states) for name in names]
        return cls(names, shapes, silence_name)

    def __len__(self) -> int:
        return len(self.names)

    def index(self, name: str) -> int:
        """The number of a phone; ArgumentError if there is none of that name."""
        try:
            return self._numbers[name]
        except KeyError:
            raise ArgumentError(f"phones: there is no phone {name!r} among {' '.join(self.names)}") from None

    def indices(self, names: Iterable[str]) -> tuple[int, ...]:
        """The numbers of some phones."""
        return tuple(self.index(name) for name in names)

    def no_counts(self) -> PhoneCounts:
        """Counts of nothing."""
        empty = [TransitionCounts(np.zeros(n), np.zeros((n, n)), np.zeros(n)) for n in (t.n_states for t in self.topologies)]
        return PhoneCounts(empty)

    def reestimated(self, counts: PhoneCounts) -> PhoneSet:
        """The most likely transitions for counts; a state that was left fewer than 5 times keeps its own."""
        new = []
        for topology, c in zip(self.topologies, counts.phones, strict=True):
            enough = c.transitions.sum(1) + c.final >= MIN_COUNT
            start = c.start if c.start.sum() >= MIN_COUNT else topology.start
            transitions, final = c.transitions * enough[:, None], c.final * enough
            new.append(topology.reestimated(start, transitions, final, TRANSITION_FLOOR))
        return PhoneSet(self.names, new, self.names[self.silence])


@dataclass
class PhoneCounts(Sums):
    """How often each arc of each phone was taken; counts of parts add up to those of all."""

    phones: list[TransitionCounts]

    def __add__(self, other: PhoneCounts) -> PhoneCounts:
        return PhoneCounts([a + b for a, b in zip(self.phones, other.phones, strict=True)])
