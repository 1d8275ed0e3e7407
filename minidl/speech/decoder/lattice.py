"""A word lattice: the words that may have been said, where each may begin and end, and what speaks for each.

What was heard and what the grammar says are kept apart, so that their weights can be changed without decoding again (Ney
and Aubert 1994).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...errors import ArgumentError
from ..segments import Segment
from .n_best import Links, word_sequences

_ROUNDING = 1e-9  # a best path is not lost to it when links are pruned


@dataclass(frozen=True)
class Hypothesis:
    """A sequence of words.

    Attributes
    ----------
    words : tuple of str
    segments : tuple of Segment
        Of each word, in seconds.
    score : float
        acoustic + lm_weight * (lm - insertion_penalty * words)
    acoustic : float
        Log-likelihood of the frames.
    lm : float
        Log probability of words, pronunciations, silences, and of the way through their states.
    complete : bool
        False if no sentence could end here: then these are the words of the best path that was ended before the last frame.
    """

    words: tuple[str, ...]
    segments: tuple[Segment, ...]
    score: float
    acoustic: float
    lm: float
    complete: bool = True


@dataclass(frozen=True)
class Lattice:
    """Links between nodes; node 0 is the utterance's start, the last one its end.

    Attributes
    ----------
    words : tuple of str
        Of the grammar.
    frames : (N,) int array
        How many frames lie before each node; nodes are in order of it.
    sources, targets : (L,) int arrays
        The nodes of each link, the source first.
    labels : (L,) int array
        The word of each link; -1 for silence and for the end.
    acoustic, lm : (L,) arrays
        Natural logarithms, as in :class:`Hypothesis`.
    lm_weight, insertion_penalty : float
        Those of the search, taken where no others are given.
    frame_shift : float
        Seconds.
    complete : bool
    """

    words: tuple[str, ...]
    frames: np.ndarray
    sources: np.ndarray
    targets: np.ndarray
    labels: np.ndarray
    acoustic: np.ndarray
    lm: np.ndarray
    lm_weight: float
    insertion_penalty: float
    frame_shift: float = 0.01
    complete: bool = True

    def __repr__(self) -> str:
        return f"Lattice({int(self.frames[-1])} frames: {len(self.frames)} nodes, {len(self.labels)} links)"

    def best(self, lm_weight: float | None = None, insertion_penalty: float | None = None) -> Hypothesis:
        """The most likely words; parameters and errors as for :meth:`n_best`."""
        return self.n_best(1, lm_weight, insertion_penalty)[0]

    def n_best(self, n: int, lm_weight: float | None = None, insertion_penalty: float | None = None) -> list[Hypothesis]:
        """The `n` most likely sequences of words, or as many as there are, each with its best times.

        Parameters
        ----------
        n : int
        lm_weight, insertion_penalty : float, optional
            Instead of those of the search.

        Raises
        ------
        ArgumentError
            `n` below 1, a weight that is not positive.
        """
        if n < 1:
            raise ArgumentError(f"n_best: n must be at least 1, got {n}")
        weight, penalty = self._chosen(lm_weight, insertion_penalty)
        scores = self._scores(weight, penalty)
        links = Links(self.sources, self.targets, self.labels, scores, self._to_end(scores))
        return [self._hypothesis(path, weight, penalty) for path in word_sequences(links, n)]

    def prune(self, beam: float) -> Lattice:
        """The lattice without links that are on no path within `beam` of the best (in units of score / lm_weight)."""
        scores = self._scores(self.lm_weight, self.insertion_penalty)
        to_end = self._to_end(scores)
        through = self._from_start(scores)[self.sources] + scores + to_end[self.targets]
        kept = through >= to_end[0] - beam - _ROUNDING * (1 + abs(to_end[0]))
        used = np.zeros(len(self.frames), bool)
        used[[0, -1]] = used[self.sources[kept]] = used[self.targets[kept]] = True
        number = np.cumsum(used) - 1
        return replace(
            self, frames=self.frames[used], sources=number[self.sources[kept]], targets=number[self.targets[kept]],
            labels=self.labels[kept], acoustic=self.acoustic[kept], lm=self.lm[kept],
        )  # fmt: skip

    def text(self) -> str:
        """A line for each link: nodes, first frame, frame after the last, word (``-``: none), acoustic and lm score."""
        rows = zip(self.sources, self.targets, self.labels, self.acoustic, self.lm, strict=True)
        return "".join(
            f"{source} {target} {self.frames[source]} {self.frames[target]} {self.words[label] if label >= 0 else '-'} "
            f"{acoustic:.4f} {lm:.4f}\n"
            for source, target, label, acoustic, lm in rows
        )

    def _chosen(self, lm_weight: float | None, insertion_penalty: float | None) -> tuple[float, float]:
        weight = self.lm_weight if lm_weight is None else lm_weight
        if not weight > 0:
            raise ArgumentError(f"lattice: lm_weight must be positive, got {weight}")
        return weight, self.insertion_penalty if insertion_penalty is None else insertion_penalty

    def _scores(self, weight: float, penalty: float) -> np.ndarray:
        """Of links, in units of score / lm_weight."""
        return self.acoustic / weight + self.lm - penalty * (self.labels >= 0)

    def _to_end(self, scores: np.ndarray) -> np.ndarray:
        """Of each node, the best score of a path to the end."""
        end = len(self.frames) - 1
        return _longest(end, self.targets, self.sources, scores, -self._levels())

    def _from_start(self, scores: np.ndarray) -> np.ndarray:
        """Of each node, the best score of a path from the start."""
        return _longest(0, self.sources, self.targets, scores, self._levels())

    def _levels(self) -> np.ndarray:
        """Of nodes: every link leads to a higher one. Frames, but the end comes after all else."""
        return np.append(self.frames[:-1], self.frames[-1] + 1)

    def _hypothesis(self, path: Sequence[int], weight: float, penalty: float) -> Hypothesis:
        links = np.array(path, np.int64)
        spoken = links[self.labels[links] >= 0]
        words = tuple(self.words[label] for label in self.labels[spoken])
        begins, ends = (self.frames[nodes[spoken]] * self.frame_shift for nodes in (self.sources, self.targets))
        segments = tuple(Segment(*one) for one in zip(words, begins.tolist(), ends.tolist(), strict=True))
        acoustic, lm = float(self.acoustic[links].sum()), float(self.lm[links].sum())
        score = acoustic + weight * (lm - penalty * len(words))
        return Hypothesis(words, segments, score, acoustic, lm, self.complete)


def _longest(start: int, sources: np.ndarray, targets: np.ndarray, scores: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Of each node, the best score of a path from `start`; links lead from lower levels to higher ones."""
    best = np.full(len(levels), -np.inf)
    best[start] = 0.0
    order = np.argsort(levels[targets], kind="stable")
    steps = np.flatnonzero(np.diff(levels[targets[order]])) + 1
    for links in np.split(order, steps):
        np.maximum.at(best, targets[links], best[sources[links]] + scores[links])
    return best
