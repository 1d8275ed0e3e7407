"""A hidden Markov model: a topology and an emission, with the E-step and the M-step of its training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import ArgumentError
from .emission import Emission
from .forward_backward import Expectations, TransitionCounts, forward_backward
from .packing import pieces
from .topology import Topology
from .viterbi import Paths, viterbi

_AT_ONCE = 1 << 21  # frames times states that are in memory at the same time


@dataclass
class Statistics:
    """What an M-step needs of some utterances; those of parts add up to those of all.

    Attributes
    ----------
    transitions : TransitionCounts
    emission : object
        As the emission accumulates them.
    log_likelihoods : dict
        Of each utterance by name; with Viterbi, of its frames and best path.
    set_aside : dict
        Why some utterances, by name, were left out.
    """

    transitions: TransitionCounts
    emission: Any
    log_likelihoods: dict[str, float] = field(default_factory=dict)
    set_aside: dict[str, str] = field(default_factory=dict)

    def __add__(self, other: Statistics) -> Statistics:
        return Statistics(
            self.transitions + other.transitions,
            self.emission + other.emission,
            self.log_likelihoods | other.log_likelihoods,
            self.set_aside | other.set_aside,
        )


@dataclass
class HMM:
    """States that follow one another, and what is heard in each.

    Attributes
    ----------
    topology : Topology
    emission : Emission

    Raises
    ------
    ArgumentError
        Different numbers of states.
    """

    topology: Topology
    emission: Emission

    def __post_init__(self) -> None:
        if self.topology.n_states != self.emission.n_states:
            raise ArgumentError(
                f"hmm: the topology has {self.topology.n_states} states, the emission {self.emission.n_states}"
            )

    @property
    def n_parameters(self) -> int:
        return self.topology.n_parameters + self.emission.n_parameters

    def log_likelihood(self, features: np.ndarray) -> float:
        """Of one utterance, over all paths; -inf if none is possible."""
        return float(forward_backward(self.topology, [self._scores(features)]).log_likelihoods[0])

    def posteriors(self, features: np.ndarray) -> np.ndarray:
        """The probability of each state at each frame of one utterance, (frames, states)."""
        return forward_backward(self.topology, [self._scores(features)]).posteriors[0]

    def align(self, features: np.ndarray) -> Paths:
        """The best path of one utterance."""
        return viterbi(self.topology, [self._scores(features)])

    def accumulate(self, utterances: Mapping[str, np.ndarray], method: str = "baum-welch") -> Statistics:
        """The E-step.

        An utterance without frames, or that no path can be of, is set aside.

        Parameters
        ----------
        utterances : mapping of name to features
        method : {"baum-welch", "viterbi"}
            All paths by their probability, or the best one alone.

        Raises
        ------
        ArgumentError, DataError
            Another method; features that the emission does not take, naming the utterance.
        """
        if not utterances:
            raise ArgumentError("hmm: there are no utterances")
        checked = {name: self.emission.checked(f, f"hmm: utterance {name}") for name, f in utterances.items()}
        set_aside = {name: "it has no frames" for name, f in checked.items() if not len(f)}
        s, some = self.topology.n_states, next(iter(checked.values()))
        counts = TransitionCounts(np.zeros(s), np.zeros((s, s)), np.zeros(s))
        total = Statistics(counts, self.emission.accumulate(some[:0], np.zeros((0, s))), set_aside=set_aside)
        for names in _portions({name: len(f) for name, f in checked.items() if len(f)}, s):
            features = np.concatenate([checked[name] for name in names])
            scores = pieces(self.emission.log_likelihood(features), [len(checked[name]) for name in names])
            found = expectations(self.topology, scores, method)
            total += Statistics(
                found.counts,
                self.emission.accumulate(features, np.concatenate(found.posteriors)),
                {n: float(v) for n, v in zip(names, found.log_likelihoods, strict=True) if v > -np.inf},
                {n: _why_impossible(scores[i]) for i, n in enumerate(names) if found.log_likelihoods[i] == -np.inf},
            )
        return total

    def updated(self, statistics: Statistics, transition_floor: float = 0.0) -> HMM:
        """The M-step: the model under which such statistics are most likely; see :meth:`.Topology.reestimated`."""
        c = statistics.transitions
        topology = self.topology.reestimated(c.start, c.transitions, c.final, transition_floor)
        return HMM(topology, self.emission.update(statistics.emission))

    def _scores(self, features: np.ndarray) -> np.ndarray:
        return self.emission.log_likelihood(self.emission.checked(features, "hmm"))


def _portions(lengths: Mapping[str, int], n_states: int) -> Iterator[list[str]]:
    """Names, so many at a time that all their scores fit in memory."""
    portion, frames = list[str](), 0
    for name, n in lengths.items():
        if portion and (frames + n) * n_states > _AT_ONCE:
            yield portion
            portion, frames = [], 0
        portion.append(name)
        frames += n
    if portion:
        yield portion


def _why_impossible(scores: np.ndarray) -> str:
    silent = np.flatnonzero((scores == -np.inf).all(1))
    if silent.size:
        return f"no state can be at frame {silent[0]}"
    return f"no path of states has its {len(scores)} frames"


def expectations(topology: Topology, scores: Sequence[np.ndarray], method: str) -> Expectations:
    """Of all paths by their probability ("baum-welch"), or of the best alone, as if it were certain ("viterbi")."""
    if method == "baum-welch":
        return forward_backward(topology, scores)
    if method != "viterbi":
        raise ArgumentError(f"hmm: method must be 'baum-welch' or 'viterbi', got {method!r}")
    paths, s = viterbi(topology, scores), topology.n_states
    counts = TransitionCounts(np.zeros(s), np.zeros((s, s)), np.zeros(s))
    posteriors = [np.zeros((len(path), s)) for path in paths.states]
    for path, posterior in zip(paths.states, posteriors, strict=True):
        if path[0] >= 0:
            posterior[np.arange(len(path)), path] = 1
            counts.start[path[0]] += 1
            np.add.at(counts.transitions, (path[:-1], path[1:]), 1)
            counts.final[path[-1]] += 1
    return Expectations(paths.log_likelihoods, posteriors, counts)
