"""A graph of states for one utterance, and the search of many such graphs side by side.

Where a :class:`.Topology` is one for all utterances and holds every pair of states, a graph is made of the transcript of
one utterance and holds the arcs that there are; several of its states may share a column of the scores (tied states).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import ArgumentError
from .packing import checked_scores
from .viterbi import Paths


class Graph:
    """States, what each is scored by, and arcs between them.

    Parameters
    ----------
    pdfs : (S,) int array
        The column of the scores that each state takes.
    sources, targets : (A,) int arrays
    log_probs : (A,) array
        Of the arcs.
    log_start, log_final : (S,) arrays
        -inf where an utterance cannot begin or end.

    Attributes
    ----------
    begins : (S,) int array
        Arcs are sorted by target; where each state's begin. A state that no arc leads to is given one of probability 0.

    Raises
    ------
    ArgumentError
        Shapes that do not fit, arcs between states that are not there, pdfs below 0.
    """

    def __init__(
        self, pdfs: np.ndarray, sources: np.ndarray, targets: np.ndarray, log_probs: np.ndarray, log_start: np.ndarray,
        log_final: np.ndarray,
    ) -> None:  # fmt: skip
        self.pdfs = np.asarray(pdfs, np.int64)
        self.log_start, self.log_final = np.asarray(log_start, np.float64), np.asarray(log_final, np.float64)
        sources, targets = np.asarray(sources, np.int64), np.asarray(targets, np.int64)
        log_probs, s = np.asarray(log_probs, np.float64), self.n_states
        if not s or not self.pdfs.shape == self.log_start.shape == self.log_final.shape == (s,):
            raise ArgumentError("graph: pdfs, log_start and log_final must be (S,), with at least one state")
        if self.pdfs.min() < 0:
            raise ArgumentError(f"graph: a state's pdf cannot be {self.pdfs.min()}")
        if not sources.shape == targets.shape == log_probs.shape or sources.ndim != 1:
            raise ArgumentError("graph: sources, targets and log_probs must be (A,)")
        if sources.size and not (0 <= min(sources.min(), targets.min()) and max(sources.max(), targets.max()) < s):
            raise ArgumentError(f"graph: arcs must join states 0 to {s - 1}")
        lonely = np.setdiff1d(np.arange(s), targets)
        sources, targets = np.concatenate([sources, lonely]), np.concatenate([targets, lonely])
        log_probs = np.concatenate([log_probs, np.full(len(lonely), -np.inf)])
        order = np.argsort(targets, kind="stable")
        self.sources, self.targets, self.log_probs = sources[order], targets[order], log_probs[order]
        self.begins = np.searchsorted(self.targets, np.arange(s))

    @property
    def n_states(self) -> int:
        return len(self.pdfs)

    def reversed(self) -> Graph:
        """The same paths, backwards."""
        return Graph(self.pdfs, self.targets, self.sources, self.log_probs, self.log_final, self.log_start)


def best_paths(graphs: Sequence[Graph], scores: Sequence[np.ndarray], beam: float | None = None) -> Paths:
    """The best path of each utterance through its graph.

    Parameters
    ----------
    graphs : sequence of Graph
    scores : sequence of (frames, pdfs) arrays
        Log-likelihoods, one an utterance.
    beam : float, optional
        Paths that are at a frame so much worse than the best one there are given up: an utterance whose good paths all
        end in the wrong place then has none.

    Raises
    ------
    ArgumentError, DataError
        See :func:`.checked_scores`; another number of graphs.
    """
    union = _Union(graphs, scores)
    history = union.forward(np.maximum, beam)
    ends = [history[n - 1][part] + union.log_final[part] for n, part in zip(union.lengths, union.parts(), strict=True)]
    totals = np.array([e.max() for e in ends])
    state = np.array([part.start + e.argmax() for part, e in zip(union.parts(), ends, strict=True)])
    paths = [np.empty(n, np.int64) for n in union.lengths]
    sources, log_probs = union.incoming()
    for t in range(len(history) - 1, -1, -1):
        n = union.utterances[t]
        for path, s in zip(paths[:n], state[:n], strict=True):
            path[t] = s
        if t:
            ways = history[t - 1][sources[state[:n]]] + log_probs[state[:n]]
            state[:n] = sources[state[:n], ways.argmax(1)]
    own = [p - part.start if total > -np.inf else np.full_like(p, -1)
           for p, part, total in zip(paths, union.parts(), totals, strict=True)]  # fmt: skip
    return Paths(totals[union.places], [own[i] for i in union.places])


@dataclass
class GraphExpectations:
    """Over all paths of each utterance: log-likelihoods (N,), state posteriors (frames, S) and expected arcs (A,).

    Arcs are in the order of the graph's own `sources` and `targets`.
    """

    log_likelihoods: np.ndarray
    posteriors: list[np.ndarray]
    arcs: list[np.ndarray]


def expected_paths(graphs: Sequence[Graph], scores: Sequence[np.ndarray]) -> GraphExpectations:
    """Forward-backward, in logarithms; parameters and errors as :func:`best_paths`.

    Backward is forward through the reversed graph, from the last frame to the first.
    """
    union, back = _Union(graphs, scores), _Union([g.reversed() for g in graphs], [np.asarray(s)[::-1] for s in scores])
    ahead, behind = union.forward(np.logaddexp), back.forward(np.logaddexp)
    totals, posteriors, arcs = np.empty(len(graphs)), [np.empty(0)] * len(graphs), [np.empty(0)] * len(graphs)
    for i, part in enumerate(union.parts()):
        place, n = union.order[i], union.lengths[i]
        graph, b = graphs[place], np.asarray(scores[place], np.float64)[:, graphs[place].pdfs]
        alpha = np.stack([ahead[t][part] for t in range(n)])
        later = np.stack([behind[n - 1 - t][part] for t in range(n)])  # with the frame's own score
        total = np.logaddexp.reduce(alpha[-1] + graph.log_final)
        totals[place], safe = total, total if total > -np.inf else 0.0  # an impossible utterance has zeros, not NaN
        with np.errstate(invalid="ignore"):  # -inf less -inf, where a state cannot be
            gamma = np.exp(alpha + later - b - safe)
        posteriors[place] = np.where(b > -np.inf, gamma, 0.0)
        ways = alpha[:-1, graph.sources] + graph.log_probs + later[1:, graph.targets] - safe
        arcs[place] = np.exp(ways).sum(0)
    return GraphExpectations(totals, posteriors, arcs)


class _Union:
    """Graphs one after the other, that of the longest utterance first: those that go on at a time are the first ones.

    Attributes
    ----------
    order, places : (N,) int arrays
        Which utterance stands where, and the reverse.
    lengths : list of int
        In frames, in that order.
    utterances, states, arcs : (T,) int arrays
        How many go on at each time.
    """

    def __init__(self, graphs: Sequence[Graph], scores: Sequence[np.ndarray]) -> None:
        if len(graphs) != len(scores):
            raise ArgumentError(f"graph: {len(graphs)} graphs but scores of {len(scores)} utterances")
        n_pdfs = np.shape(scores[0])[-1] if len(scores) else 0
        checked = checked_scores(scores, n_pdfs)
        lengths = np.array([len(s) for s in checked])
        self.order = np.argsort(-lengths, kind="stable")
        self.places = np.argsort(self.order)
        chosen, lengths = [graphs[i] for i in self.order], lengths[self.order]
        if max(int(g.pdfs.max()) for g in chosen) >= n_pdfs:
            raise ArgumentError(f"graph: a state's pdf is beyond the {n_pdfs} columns of the scores")
        self.lengths = lengths.tolist()
        self._sizes = np.array([g.n_states for g in chosen])
        self._bases = np.cumsum(self._sizes) - self._sizes
        n_arcs = np.array([g.sources.size for g in chosen])
        self.sources = np.concatenate([g.sources + base for g, base in zip(chosen, self._bases, strict=True)])
        self.log_probs = np.concatenate([g.log_probs for g in chosen])
        arc_bases = np.cumsum(n_arcs) - n_arcs
        self.begins = np.concatenate([g.begins + base for g, base in zip(chosen, arc_bases, strict=True)])
        self.log_start = np.concatenate([g.log_start for g in chosen])
        self.log_final = np.concatenate([g.log_final for g in chosen])
        self.utterances = (lengths[:, None] > np.arange(lengths[0])).sum(0)
        self.states, self.arcs = np.cumsum(self._sizes)[self.utterances - 1], np.cumsum(n_arcs)[self.utterances - 1]
        rows = np.cumsum(lengths) - lengths
        self._step = n_pdfs
        self._scores = np.concatenate([checked[i] for i in self.order]).ravel()
        self._first = np.concatenate([g.pdfs + row * n_pdfs for g, row in zip(chosen, rows, strict=True)])

    def parts(self) -> list[slice]:
        """The states of each utterance."""
        return [slice(base, base + size) for base, size in zip(self._bases, self._sizes, strict=True)]

    def forward(self, reduce: np.ufunc, beam: float | None = None) -> list[np.ndarray]:
        """For each time, of each state: all paths that end there, joined by `reduce` (maximum, or logaddexp)."""
        history = [self.log_start + self._scores[self._first]]
        for t in range(1, len(self.states)):
            n, a = self.states[t], self.arcs[t]
            ways = history[-1][self.sources[:a]] + self.log_probs[:a]
            values = reduce.reduceat(ways, self.begins[:n]) + self._scores[self._first[:n] + t * self._step]
            if beam is not None:
                m = self.utterances[t]
                tops = np.maximum.reduceat(values, self._bases[:m])
                values[values < np.repeat(tops - beam, self._sizes[:m])] = -np.inf
            history.append(values)
        return history

    def incoming(self) -> tuple[np.ndarray, np.ndarray]:
        """Of each state, the sources and logarithms of the arcs that lead to it, (S, most), filled with -inf."""
        counts = np.diff(self.begins, append=len(self.sources))
        slots = np.arange(counts.max())
        there = slots < counts[:, None]
        arcs = np.where(there, self.begins[:, None] + slots, 0)
        return self.sources[arcs], np.where(there, self.log_probs[arcs], -np.inf)
