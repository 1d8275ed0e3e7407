"""The most likely sequences of words in a lattice, one after the other, none of them twice.

A lattice holds a sequence many times, with other times and silences. The search goes from one beginning of a sentence to
the next longer one, and knows all nodes that a beginning may have reached; how good its best end is, is known exactly
(A*, with scores of all paths to the end; Soong and Huang 1991).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import count

import numpy as np

_Path = tuple[int, "_Path"] | None  # the last link, and the links before it
_Reached = dict[int, tuple[float, _Path]]  # by node: the best score to it, and how


@dataclass(frozen=True)
class Links:
    """A lattice's links, (L,) arrays, and of each node the best score of a path to the end; nodes are in order of time."""

    sources: np.ndarray
    targets: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    to_end: np.ndarray


def word_sequences(links: Links, n: int) -> list[list[int]]:
    """The links of the best path of each of the `n` best sequences of words (labels from 0 on), the best first."""
    search = _Search(links)
    queue: list[tuple[float, int, bool, _Reached]] = [(0.0, 0, False, {0: (0.0, None)})]
    order, found = count(1), list[list[int]]()
    while queue and len(found) < n:
        _, _, ended, reached = heappop(queue)
        if ended:
            found.append(_links_of(next(iter(reached.values()))[1]))
            continue
        reached = search.through_silence(reached)
        ways = [(False, after) for after in search.one_word_on(reached).values()]
        if search.end in reached:
            ways.append((True, {search.end: reached[search.end]}))
        for ends, after in ways:
            best = max(score + search.to_end[node] for node, (score, _) in after.items())
            if best > -np.inf:
                heappush(queue, (-best, next(order), ends, after))
    return found


class _Search:
    """Steps from the nodes that a sequence of words may have reached."""

    def __init__(self, links: Links) -> None:
        self.to_end = links.to_end.tolist()
        self.end = len(self.to_end) - 1
        self._silent, self._spoken = defaultdict(list), defaultdict(list)
        columns = (a.tolist() for a in (links.sources, links.targets, links.labels, links.scores))
        for link, (source, target, label, score) in enumerate(zip(*columns, strict=True)):
            if label < 0:
                self._silent[source].append((link, target, score))
            else:
                self._spoken[source].append((link, target, score, label))

    def through_silence(self, reached: _Reached) -> _Reached:
        """Also the nodes that are reached without a further word; in order of nodes, so that each is final at its turn."""
        reached = dict(reached)
        waiting = list(reached)
        heapify(waiting)
        while waiting:
            node = heappop(waiting)
            score, path = reached[node]
            for link, target, more in self._silent[node]:
                if target not in reached:
                    heappush(waiting, target)
                _reach(reached, target, score + more, (link, path))
        return reached

    def one_word_on(self, reached: _Reached) -> dict[int, _Reached]:
        """The nodes that are reached by each next word."""
        after = defaultdict[int, _Reached](dict)
        for node, (score, path) in reached.items():
            for link, target, more, label in self._spoken[node]:
                _reach(after[label], target, score + more, (link, path))
        return after


def _reach(reached: _Reached, node: int, score: float, path: _Path) -> None:
    if node not in reached or score > reached[node][0]:
        reached[node] = score, path


def _links_of(path: _Path) -> list[int]:
    links = list[int]()
    while path is not None:
        link, path = path
        links.append(link)
    return links[::-1]
