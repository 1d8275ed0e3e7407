"""Decision trees that tie states of triphones: contexts that sound alike share a density (Young, Odell, Woodland 1994).

Each state of each phone begins as one leaf for all its contexts. The leaf is split whose frames gain most in likelihood
by a question about the phone before or after, until there are enough leaves. Questions are sets of phones, found from the
data: those that a clustering of the phones joins, step by step (Kaldi, cluster-phones).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...errors import ArgumentError
from .contexts import ContextStatistics
from .phone_set import PhoneSet
from .tying import Tying

_VARIANCE_FLOOR = 0.01  # Kaldi's, of sums that are clustered
_DECIMALS = 4  # of gains: several questions often split the contexts alike, and then rounding must not choose
_LEFT, _RIGHT = 2, 3  # columns of the keys


@dataclass
class Leaf:
    """States of one phone, in some contexts, that share a density.

    Attributes
    ----------
    phone, state : int
    lefts, rights : (phones,) bool arrays
        The neighbours that lead here.
    rows : (n,) int array
        Of the statistics.
    questions : list of str
        What was asked on the way, with the answers.
    """

    phone: int
    state: int
    lefts: np.ndarray
    rights: np.ndarray
    rows: np.ndarray
    questions: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Split:
    """The best question for a leaf: what is gained, about which neighbour, which set of phones."""

    gain: float
    side: int
    question: int


def grow(
    statistics: ContextStatistics, phones: PhoneSet, n_leaves: int, min_count: float = 100.0, min_gain: float = 0.0
) -> tuple[Tying, list[Leaf]]:
    """Grow the trees of all states together.

    Parameters
    ----------
    statistics : ContextStatistics
    phones : PhoneSet
    n_leaves : int
        At most, but each state of each phone has at least one.
    min_count : float
        Frames that each leaf of a split must have; at least one.
    min_gain : float
        In log-likelihood; splits that gain less are not made.

    Returns
    -------
    Tying, list of Leaf
        Leaves are numbered as the tying's pdfs.

    Raises
    ------
    ArgumentError
        Not even one leaf.
    """
    if n_leaves < 1:
        raise ArgumentError(f"tree: n_leaves must be at least 1, got {n_leaves}")
    questions = questions_from(statistics, phones)
    leaves = _roots(statistics, phones)
    queue = [
        (-s.gain, i, s) for i, leaf in enumerate(leaves) if (s := _best(statistics, leaf, questions, phones, min_count))
    ]
    heapq.heapify(queue)
    while queue and len(leaves) < n_leaves:
        loss, place, chosen = heapq.heappop(queue)
        if -loss <= min_gain:
            break
        yes, no = _halves(statistics, leaves[place], chosen, questions[chosen.question], phones)
        leaves[place] = yes
        leaves.append(no)
        for changed in (place, len(leaves) - 1):
            _offer(queue, changed, _best(statistics, leaves[changed], questions, phones, min_count))
    return _tying(leaves, phones), leaves


def _offer(queue: list[tuple[float, int, Split]], place: int, found: Split | None) -> None:
    if found is not None:
        heapq.heappush(queue, (-found.gain, place, found))


def questions_from(statistics: ContextStatistics, phones: PhoneSet) -> np.ndarray:
    """Sets of phones to ask for, (questions, phones) bool: each alone, and the clusters of a bottom-up clustering.

    Clusters are joined that lose least likelihood by sharing one Gaussian in their middle states.
    """
    n, d = len(phones), statistics.first.shape[1]
    sums = np.zeros((n, 1 + 2 * d))
    middle = np.array([t.n_states // 2 for t in phones.topologies])
    chosen = statistics.keys[:, 1] == middle[statistics.keys[:, 0]]
    np.add.at(sums, statistics.keys[chosen, 0], _packed(statistics)[chosen])
    clusters = [(np.eye(n, dtype=bool)[p], sums[p]) for p in range(n)]
    sets = [members for members, _ in clusters]
    while len(clusters) > 2:
        pairs = [(a, b) for a in range(len(clusters)) for b in range(a)]
        apart = log_likelihood(np.stack([s for _, s in clusters]))
        joined = log_likelihood(np.stack([clusters[a][1] + clusters[b][1] for a, b in pairs]))
        losses = [apart[a] + apart[b] - together for (a, b), together in zip(pairs, joined, strict=True)]
        a, b = pairs[int(np.argmin(losses))]
        new = (clusters[a][0] | clusters[b][0], clusters[a][1] + clusters[b][1])
        clusters = [c for i, c in enumerate(clusters) if i not in (a, b)] + [new]
        sets.append(new[0])
    return np.stack(sets)


def log_likelihood(sums: np.ndarray) -> np.ndarray:
    """Of frames under one diagonal Gaussian fitted to them, (...,), from count, sum and sum of squares, (..., 1 + 2 D)."""
    d = sums.shape[-1] // 2
    count = np.maximum(sums[..., 0], 1e-10)
    mean = sums[..., 1 : d + 1] / count[..., None]
    variance = sums[..., d + 1 :] / count[..., None] - mean**2
    floored = np.maximum(variance, _VARIANCE_FLOOR)
    return -0.5 * sums[..., 0] * (np.log(2 * np.pi * floored) + variance / floored).sum(-1)


def _packed(statistics: ContextStatistics) -> np.ndarray:
    return np.concatenate([statistics.counts[:, None], statistics.first, statistics.second], axis=1)


def _roots(statistics: ContextStatistics, phones: PhoneSet) -> list[Leaf]:
    everything = np.ones(len(phones), bool)
    return [
        Leaf(
            phone, state, everything, everything,
            np.flatnonzero((statistics.keys[:, 0] == phone) & (statistics.keys[:, 1] == state)),
        )
        for phone, topology in enumerate(phones.topologies) for state in range(topology.n_states)
    ]  # fmt: skip


def _best(
    statistics: ContextStatistics, leaf: Leaf, questions: np.ndarray, phones: PhoneSet, min_count: float
) -> Split | None:
    """The question that gains most, if there is one; silence is asked nothing."""
    if leaf.phone == phones.silence or len(leaf.rows) < 2:
        return None
    sums = _packed(statistics)[leaf.rows]
    total, best = sums.sum(0), None
    for side in (_LEFT, _RIGHT):
        answers = questions[:, statistics.keys[leaf.rows, side]]
        yes = answers.astype(np.float64) @ sums
        no = total - yes
        gains = np.round(log_likelihood(yes) + log_likelihood(no) - log_likelihood(total), _DECIMALS)
        gains[np.minimum(yes[:, 0], no[:, 0]) < max(min_count, 1)] = -np.inf
        question = int(np.argmax(gains))
        if gains[question] > (0 if best is None else best.gain):
            best = Split(float(gains[question]), side, question)
    return best


def _halves(
    statistics: ContextStatistics, leaf: Leaf, chosen: Split, question: np.ndarray, phones: PhoneSet
) -> tuple[Leaf, Leaf]:
    halves, asked = [], "left" if chosen.side == _LEFT else "right"
    names = " ".join(name for name, member in zip(phones.names, question, strict=True) if member)
    for answer in (question, ~question):
        lefts = leaf.lefts & answer if chosen.side == _LEFT else leaf.lefts
        rights = leaf.rights & answer if chosen.side == _RIGHT else leaf.rights
        rows = leaf.rows[answer[statistics.keys[leaf.rows, chosen.side]]]
        said = f"{asked} {'in' if answer is question else 'not in'} {{{names}}}"
        halves.append(Leaf(leaf.phone, leaf.state, lefts, rights, rows, [*leaf.questions, said]))
    return halves[0], halves[1]


def _tying(leaves: Sequence[Leaf], phones: PhoneSet) -> Tying:
    tables = [np.zeros((t.n_states, len(phones), len(phones)), np.int32) for t in phones.topologies]
    for number, leaf in enumerate(leaves):
        tables[leaf.phone][leaf.state][np.ix_(leaf.lefts, leaf.rights)] = number
    return Tying(tables)
