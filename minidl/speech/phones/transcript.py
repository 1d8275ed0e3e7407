"""The graph of one transcript: its words' pronunciations one after the other, with silence where it may be.

A phone stands between neighbours, and what scores it may depend on them, across words too. So a word's first phone is
there once for each different way to come in, and its last one for each way out; ways that share all densities are one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import ArgumentError
from ..hmm.graph import Graph
from ..lexicon import Lexicon
from .model import AcousticModel

NO_WORD = -1


@dataclass(frozen=True)
class Unit:
    """A phone at one place of a transcript.

    Attributes
    ----------
    phone, word : int
        Of the word, the place in the transcript; -1 for silence between words.
    lefts, rights : frozenset of int
        The neighbours that it stands for.
    first : int
        The graph's state that is its first.
    """

    phone: int
    word: int
    lefts: frozenset[int]
    rights: frozenset[int]
    first: int


@dataclass(frozen=True)
class TranscriptGraph:
    """A graph, and of each of its states the unit and the place in the phone's topology, (S,) int arrays."""

    graph: Graph
    units: tuple[Unit, ...]
    unit_of: np.ndarray
    position_of: np.ndarray


def transcript_graph(words: Sequence[str], lexicon: Lexicon, model: AcousticModel) -> TranscriptGraph:
    """All that may be heard where these words are said.

    Parameters
    ----------
    words : sequence of str
    lexicon : Lexicon
        Its silence may come before, between and after the words, with its probability.
    model : AcousticModel

    Raises
    ------
    ArgumentError
        No words.
    DataError
        A word that is not in the lexicon.
    """
    if not words:
        raise ArgumentError("transcript: there are no words")
    return _Builder(words, lexicon, model).built()


class _Builder:
    """Adds units word by word, and joins those that fit at each boundary."""

    def __init__(self, words: Sequence[str], lexicon: Lexicon, model: AcousticModel) -> None:
        self._model, self._silence = model, model.phones.silence
        self._spoken = [
            [(model.phones.indices(p.phones), p.log_prob) for p in lexicon.pronunciations(word)] for word in words
        ]
        with np.errstate(divide="ignore"):
            self._log_silence, self._log_none = np.log([lexicon.silence_prob, 1 - lexicon.silence_prob])
        self._units, self._pdfs = list[Unit](), list[tuple[int, ...]]()
        self._arcs = list[tuple[int, int, float]]()
        self._n_states = 0

    def built(self) -> TranscriptGraph:
        pauses = [self._add(self._silence, NO_WORD, (), ()) for _ in range(len(self._spoken) + 1)]
        before, start = list[int](), {pauses[0]: self._log_silence}
        for i, pause in enumerate(pauses[:-1]):
            entries, exits = self._word(i)
            for unit, weight in entries:
                if self._silence in self._units[unit].lefts:
                    self._join(pause, unit, weight)
                    if i == 0:
                        start[unit] = self._log_none + weight
                for last in before:
                    if self._fit(last, unit):
                        self._join(last, unit, self._log_none + weight)
            self._pause_after(exits, pauses[i + 1])
            before = exits
        final = {unit: self._log_none for unit in before if self._silence in self._units[unit].rights}
        return self._graph(start, final | {pauses[-1]: 0.0})

    def _word(self, i: int) -> tuple[list[tuple[int, float]], list[int]]:
        """Add a word: its units that come first, each with a log probability, and those that come last."""
        lefts = {self._silence} | ({phones[-1] for phones, _ in self._spoken[i - 1]} if i else set())
        rights = {self._silence}
        if i + 1 < len(self._spoken):
            rights |= {phones[0] for phones, _ in self._spoken[i + 1]}
        entries, exits = list[tuple[int, float]](), list[int]()
        for phones, log_prob in self._spoken[i]:
            firsts, lasts = self._pronunciation(i, phones, sorted(lefts), sorted(rights))
            entries += [(unit, log_prob) for unit in firsts]
            exits += lasts
        return entries, exits

    def _pronunciation(
        self, word: int, phones: tuple[int, ...], lefts: Sequence[int], rights: Sequence[int]
    ) -> tuple[list[int], list[int]]:
        pdfs = self._model.tying.pdfs
        if len(phones) == 1:
            alone = [
                self._add(phones[0], word, ways_in, ways_out)
                for ways_in in _alike(lefts, [tuple(pdfs(left, phones[0], right) for right in rights) for left in lefts])
                for ways_out in _alike(rights, [pdfs(ways_in[0], phones[0], right) for right in rights])
            ]
            return alone, alone
        firsts = [
            self._add(phones[0], word, ways_in, phones[1:2])
            for ways_in in _alike(lefts, [pdfs(left, phones[0], phones[1]) for left in lefts])
        ]
        before = firsts
        for left, phone, right in zip(phones[:-2], phones[1:-1], phones[2:], strict=True):
            middle = [self._add(phone, word, (left,), (right,))]
            self._join_all(before, middle)
            before = middle
        lasts = [
            self._add(phones[-1], word, phones[-2:-1], ways_out)
            for ways_out in _alike(rights, [pdfs(phones[-2], phones[-1], right) for right in rights])
        ]
        self._join_all(before, lasts)
        return firsts, lasts

    def _add(self, phone: int, word: int, lefts: Sequence[int], rights: Sequence[int]) -> int:
        left, right = (side[0] if side else self._silence for side in (lefts, rights))
        pdfs = self._model.tying.pdfs(left, phone, right)
        topology = self._model.phones.topologies[phone]
        first = self._n_states
        self._arcs += [
            (first + source, first + target, float(topology.log_transitions[source, target]))
            for source, target in np.argwhere(topology.transitions > 0).tolist()
        ]
        self._units.append(Unit(phone, word, frozenset(lefts), frozenset(rights), first))
        self._pdfs.append(pdfs)
        self._n_states += len(pdfs)
        return len(self._units) - 1

    def _fit(self, earlier: int, later: int) -> bool:
        """Whether two units may follow one another without a pause."""
        a, b = self._units[earlier], self._units[later]
        return b.phone in a.rights and a.phone in b.lefts

    def _pause_after(self, exits: Sequence[int], pause: int) -> None:
        for unit in exits:
            if self._silence in self._units[unit].rights:
                self._join(unit, pause, self._log_silence)

    def _join_all(self, earlier: Sequence[int], later: Sequence[int]) -> None:
        for a in earlier:
            for b in later:
                self._join(a, b, 0.0)

    def _join(self, earlier: int, later: int, weight: float) -> None:
        self._arcs += [
            (source, target, out + weight + into)
            for source, out in self._ways(earlier, "log_final")
            for target, into in self._ways(later, "log_start")
        ]

    def _ways(self, unit: int, which: str) -> Iterator[tuple[int, float]]:
        """States by which a unit is entered ("log_start") or left ("log_final"), each with its log probability."""
        u = self._units[unit]
        log_probs = getattr(self._model.phones.topologies[u.phone], which)
        for state in np.flatnonzero(log_probs > -np.inf):
            yield u.first + int(state), float(log_probs[state])

    def _graph(self, start: dict[int, float], final: dict[int, float]) -> TranscriptGraph:
        ends = np.full((2, self._n_states), -np.inf)
        for row, which, units in zip(ends, ("log_start", "log_final"), (start, final), strict=True):
            for unit, weight in units.items():
                for state, log_prob in self._ways(unit, which):
                    row[state] = weight + log_prob
        sources, targets, log_probs = zip(*self._arcs, strict=True)
        sizes = [len(p) for p in self._pdfs]
        graph = Graph(np.concatenate(self._pdfs), np.array(sources), np.array(targets), np.array(log_probs), *ends)
        unit_of = np.repeat(np.arange(len(sizes)), sizes)
        position_of = np.concatenate([np.arange(size) for size in sizes])
        return TranscriptGraph(graph, tuple(self._units), unit_of, position_of)


def _alike(items: Sequence[int], of_each: Sequence[Hashable]) -> list[tuple[int, ...]]:
    """Items in groups of which the same is said."""
    groups: dict[Hashable, list[int]] = {}
    for item, said in zip(items, of_each, strict=True):
        groups.setdefault(said, []).append(item)
    return [tuple(group) for group in groups.values()]
