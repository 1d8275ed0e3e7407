"""Forward-backward: how likely an utterance is, and each state at each of its frames (Rabiner 1989, section III).

Two ways that agree. Scaled: probabilities, divided at each frame by their sum; fast. In logarithms: never under- or
overflows. Where scaling could have lost something, the utterance is done again in logarithms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import ArgumentError
from ..gmm.statistics import Sums
from .packing import Packing, checked_scores
from .topology import Topology

_LARGEST = 1e200  # A path that underflowed had less than 1e-307; with a future this much better it would still not count.


@dataclass
class TransitionCounts(Sums):
    """How often each arc is expected to be taken: start and final (S,), transitions (S, S)."""

    start: np.ndarray
    transitions: np.ndarray
    final: np.ndarray


@dataclass
class Expectations:
    """What is known of the states of some utterances.

    Attributes
    ----------
    log_likelihoods : (N,) array
        -inf where no path is possible.
    posteriors : list of (frames, states) arrays
        The probability of each state at each frame; zeros where no path is possible.
    counts : TransitionCounts
        Over all utterances.
    """

    log_likelihoods: np.ndarray
    posteriors: list[np.ndarray]
    counts: TransitionCounts


def forward_backward(topology: Topology, scores: Sequence[np.ndarray], domain: str = "scaled") -> Expectations:
    """Likelihoods and posteriors of utterances, all at once.

    Parameters
    ----------
    topology : Topology
    scores : sequence of (frames, states) arrays
        Log-likelihoods of each utterance's frames; -inf where a state cannot be.
    domain : {"scaled", "log"}

    Raises
    ------
    ArgumentError, DataError
        See :func:`.checked_scores`; another domain.
    """
    if domain not in ("scaled", "log"):
        raise ArgumentError(f"forward_backward: domain must be 'scaled' or 'log', got {domain!r}")
    checked = checked_scores(scores, topology.n_states)
    if domain == "log":
        return _in_logarithms(topology, checked)
    found, sound = _scaled(topology, checked)
    if sound.all():
        return found
    parts = []
    for way, chosen in ((_in_logarithms, ~sound), (_only_scaled, sound)):
        if chosen.any():
            parts.append((np.flatnonzero(chosen), way(topology, [s for s, c in zip(checked, chosen, strict=True) if c])))
    return _merged(parts, len(checked))


def _only_scaled(topology: Topology, scores: list[np.ndarray]) -> Expectations:
    return _scaled(topology, scores)[0]


def _merged(parts: list[tuple[np.ndarray, Expectations]], n: int) -> Expectations:
    log_likelihoods, posteriors, counts = np.empty(n), [np.empty(0)] * n, parts[0][1].counts
    for places, part in parts:
        log_likelihoods[places] = part.log_likelihoods
        for place, p in zip(places, part.posteriors, strict=True):
            posteriors[place] = p
    for _, part in parts[1:]:
        counts = counts + part.counts
    return Expectations(log_likelihoods, posteriors, counts)


def _scaled(topology: Topology, scores: list[np.ndarray]) -> tuple[Expectations, np.ndarray]:
    """Rabiner's equations 91-111, and which utterances can be relied on; of the others the numbers mean nothing."""
    packing, a = Packing([len(s) for s in scores]), topology.transitions
    log_b = np.concatenate(scores)[packing.rows]
    tops = log_b.max(1)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):  # the unsound are found by what they leave
        b = np.exp(log_b - tops[:, None])
        alpha, beta, scale = np.empty_like(b), np.empty_like(b), np.empty(len(b))
        steps, before = packing.steps(), slice(0)
        for t, now in enumerate(steps):
            alpha[now] = (alpha[before][: packing.active[t]] @ a if t else topology.start) * b[now]
            scale[now] = alpha[now].sum(1)
            alpha[now] /= scale[now, None]
            before = now
        ends = (alpha[packing.last] * topology.final).sum(1)
        beta[packing.last] = topology.final / ends[:, None]
        ahead = b  # from here on, b times beta over the scale: what a state at a time is worth seen from the time before
        for t in range(len(steps) - 1, -1, -1):
            now, n = steps[t], packing.active[t + 1] if t + 1 < len(steps) else 0
            if n:
                beta[now][:n] = ahead[steps[t + 1]] @ a.T
            ahead[now] *= beta[now] / scale[now, None]
        gamma = alpha * beta
        transitions = a * (alpha[packing.earlier].T @ ahead[packing.later])
        rows = np.log(scale) + tops
    sound = _sound(packing, beta, ends, rows)
    totals = packing.over_frames(np.add, rows)
    with np.errstate(divide="ignore"):
        totals[packing.order] += np.log(ends)
    counts = TransitionCounts(gamma[steps[0]].sum(0), transitions, gamma[packing.last].sum(0))
    return Expectations(totals, packing.unpack(gamma), counts), sound


def _sound(packing: Packing, beta: np.ndarray, ends: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Of which utterances nothing that counts can have been lost, (N,) bool."""
    with np.errstate(invalid="ignore"):
        worst = packing.over_frames(np.maximum, beta.max(1))
    finite = packing.over_frames(np.logical_and, np.isfinite(rows))
    ended = np.empty(len(ends), bool)
    ended[packing.order] = ends > 1 / _LARGEST
    return finite & ended & (worst < _LARGEST)


def _in_logarithms(topology: Topology, scores: list[np.ndarray]) -> Expectations:
    """Rabiner's equations 19-27 and 37, sums done by log-sum-exp."""
    packing, log_a = Packing([len(s) for s in scores]), topology.log_transitions
    log_b = np.concatenate(scores)[packing.rows]
    alpha, beta = np.empty_like(log_b), np.empty_like(log_b)
    steps = packing.steps()
    alpha[steps[0]] = topology.log_start + log_b[steps[0]]
    for before, now, n in zip(steps[:-1], steps[1:], packing.active[1:], strict=True):
        alpha[now] = np.logaddexp.reduce(alpha[before][:n, :, None] + log_a, axis=1) + log_b[now]
    totals = np.logaddexp.reduce(alpha[packing.last] + topology.log_final, axis=1)
    finite = np.where(totals > -np.inf, totals, 0.0)  # an impossible utterance leaves posteriors of 0, not NaN
    beta[packing.last] = topology.log_final
    transitions = np.zeros_like(log_a)
    for t in range(len(steps) - 2, -1, -1):
        n, now, after = packing.active[t + 1], steps[t], steps[t + 1]
        ways = log_a + (log_b[after] + beta[after])[:, None, :]
        beta[now][:n] = np.logaddexp.reduce(ways, axis=2)
        transitions += np.exp(alpha[now][:n, :, None] + ways - finite[:n, None, None]).sum(0)
    places = np.concatenate([np.arange(n) for n in packing.active])
    gamma = np.exp(alpha + beta - finite[places, None])
    counts = TransitionCounts(gamma[steps[0]].sum(0), transitions, gamma[packing.last].sum(0))
    found = np.empty(len(scores))
    found[packing.order] = totals
    return Expectations(found, packing.unpack(gamma), counts)
