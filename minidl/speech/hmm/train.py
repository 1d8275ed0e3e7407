"""Training: E-step and M-step in turn, Baum-Welch or Viterbi, until the likelihood stands still; it must never fall."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...errors import ArgumentError, TrainingError
from .model import HMM, Statistics, expectations

_SLACK = 1e-9  # relative: what rounding may take from a likelihood that stands still


@dataclass
class Training:
    """A trained model and how it came about.

    Attributes
    ----------
    model : HMM
    log_likelihoods : list of float
        Of all utterances that were used, before each update and after the last; with Viterbi, those of the best paths.
    set_aside : dict
        Names of utterances that the last model cannot produce, and why.
    """

    model: HMM
    log_likelihoods: list[float]
    set_aside: dict[str, str]


def train(
    model: HMM,
    utterances: Mapping[str, np.ndarray],
    method: str = "baum-welch",
    iterations: int = 20,
    tolerance: float = 1e-4,
    transition_floor: float = 0.0,
) -> Training:
    """Fit topology and emission to utterances.

    Parameters
    ----------
    model : HMM
        Where to begin. Its arcs below the floor are raised to it.
    utterances : mapping of name to features
    method : {"baum-welch", "viterbi"}
        See :meth:`.HMM.accumulate`.
    iterations : int
        At most so many updates.
    tolerance : float
        Stop when an update gains less than this a frame.
    transition_floor : float
        See :meth:`.Topology.reestimated`; Kaldi takes 0.01.

    Raises
    ------
    ArgumentError, DataError
        See :meth:`.HMM.accumulate`; fewer than one iteration.
    TrainingError
        No utterance can be used; an update lowered the likelihood, with the state and the utterance that lost most.
    """
    if iterations < 1:
        raise ArgumentError(f"hmm: iterations must be at least 1, got {iterations}")
    t = model.topology
    if transition_floor:
        model = HMM(t.reestimated(t.start, t.transitions, t.final, transition_floor), model.emission)
    statistics = model.accumulate(utterances, method)
    if not statistics.log_likelihoods:
        name, why = next(iter(statistics.set_aside.items()))
        raise TrainingError(f"hmm: none of {len(utterances)} utterances can be used; {name}: {why}")
    history = [sum(statistics.log_likelihoods.values())]
    n_frames = sum(len(utterances[name]) for name in statistics.log_likelihoods)
    for _ in range(iterations):
        new = model.updated(statistics, transition_floor)
        found = new.accumulate(utterances, method)
        comparable = new.emission.n_parameters == model.emission.n_parameters
        if comparable:
            _refuse_a_fall(model, new, utterances, method, statistics, found)
        model, statistics = new, found
        history.append(sum(found.log_likelihoods.values()))
        if comparable and history[-1] - history[-2] < tolerance * n_frames:
            break
    return Training(model, history, statistics.set_aside)


def _refuse_a_fall(
    old: HMM, new: HMM, utterances: Mapping[str, np.ndarray], method: str, before: Statistics, after: Statistics
) -> None:
    falls = {name: value - after.log_likelihoods.get(name, -np.inf) for name, value in before.log_likelihoods.items()}
    size = sum(map(abs, before.log_likelihoods.values()))
    if (total := sum(falls.values())) <= _SLACK * max(size, 1.0):
        return
    name = max(falls, key=lambda n: falls[n])
    state = int(np.argmin(_gains(old, new, utterances, method, before)))
    raise TrainingError(
        f"hmm: an update lowered the log-likelihood by {total:.6g}, most in state {state} and utterance {name} "
        f"({falls[name]:.6g}); look at them, or raise the variance floor"
    )


def _gains(old: HMM, new: HMM, utterances: Mapping[str, np.ndarray], method: str, before: Statistics) -> np.ndarray:
    """What each state adds to the expected log-likelihood that the M-step should have raised, (states,).

    EM's bound is a sum over states; when the likelihood falls, one of its terms did.
    """
    c = before.transitions
    gains = _expected(c.transitions, new.topology.log_transitions, old.topology.log_transitions).sum(1)
    gains += _expected(c.start, new.topology.log_start, old.topology.log_start)
    gains += _expected(c.final, new.topology.log_final, old.topology.log_final)
    for name in before.log_likelihoods:
        features = old.emission.checked(utterances[name], name)
        scores = old.emission.log_likelihood(features)
        posteriors = expectations(old.topology, [scores], method).posteriors[0]
        gains += _expected(posteriors, new.emission.log_likelihood(features), scores).sum(0)
    return gains


def _expected(weights: np.ndarray, new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """weights * (new - old) where there is weight."""
    return weights * np.subtract(new, old, out=np.zeros_like(weights), where=weights > 0)
