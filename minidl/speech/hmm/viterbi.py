"""Viterbi: the single most likely sequence of states (Viterbi 1967; Rabiner 1989, equations 32-35)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .packing import Packing, checked_scores
from .topology import Topology


@dataclass
class Paths:
    """Best paths of utterances.

    Attributes
    ----------
    log_likelihoods : (N,) array
        Of frames and path together; -inf where no path is possible.
    states : list of (frames,) int arrays
        All -1 where no path is possible.
    """

    log_likelihoods: np.ndarray
    states: list[np.ndarray]


def viterbi(topology: Topology, scores: Sequence[np.ndarray]) -> Paths:
    """The best path of each utterance; of equally good ones, that of the lower states at the last frame where they differ.

    Parameters
    ----------
    topology : Topology
    scores : sequence of (frames, states) arrays
        Log-likelihoods of each utterance's frames.

    Raises
    ------
    ArgumentError, DataError
        See :func:`.checked_scores`.
    """
    checked = checked_scores(scores, topology.n_states)
    packing = Packing([len(s) for s in checked])
    log_b = np.concatenate(checked)[packing.rows]
    best, back = np.empty_like(log_b), np.zeros(log_b.shape, np.int32)
    steps = packing.steps()
    best[steps[0]] = topology.log_start + log_b[steps[0]]
    for before, now, n in zip(steps[:-1], steps[1:], packing.active[1:], strict=True):
        ways = best[before][:n, :, None] + topology.log_transitions
        back[now] = ways.argmax(1)
        best[now] = ways.max(1) + log_b[now]
    ends = best[packing.last] + topology.log_final
    totals = np.empty(len(ends))
    totals[packing.order] = ends.max(1)
    state = np.zeros(len(ends), np.int64)
    path, final = np.empty(len(log_b), np.int64), ends.argmax(1)
    for t in range(len(steps) - 1, -1, -1):
        n, goes_on = packing.active[t], packing.active[t + 1] if t + 1 < len(steps) else 0
        if goes_on:
            state[:goes_on] = back[steps[t + 1]][np.arange(goes_on), state[:goes_on]]
        state[goes_on:n] = final[goes_on:n]
        path[steps[t]] = state[:n]
    paths = packing.unpack(path)
    for p, total in zip(paths, totals, strict=True):
        if total == -np.inf:
            p[:] = -1
    return Paths(totals, paths)
