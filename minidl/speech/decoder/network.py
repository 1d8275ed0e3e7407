"""All that may be said, as one network of HMM states: words share their beginnings, and neighbours are exact across words.

A phone's densities may depend on the phones beside it. So a word's first phone is there once for each different way to come
in, its last one for each way out; ways that share all densities are one. Words that begin alike share these phones (a
lexical tree: Ney et al. 1992; across words: Aubert 2002, section 4).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from ..lexicon import Lexicon
from ..phones import PhoneSet, Tying
from .fan import Fan

_SILENCE = 0  # the first unit


@dataclass(frozen=True)
class Network:
    """States and arcs, the words that end in states, and what follows a word's end (a boundary).

    Scores of a path within a word run ahead: they hold that of the most likely word that can still come (look-ahead). At a
    word's end it is taken back, and the word's own, which is not in here, has to be added.

    Attributes
    ----------
    pdfs : (S,) int array
        The density of each state. Boundaries are numbered after the states, S ... S + B - 1; no frame is heard in them.
    arcs : Fan
        Of states and boundaries: what may come at the next frame.
    targets, log_probs : (A,) arrays
        Of arcs; targets are states.
    exits : Fan
        Of states: silence, or a word may end there.
    words, exit_log_probs, boundaries : (E,) arrays
        Of exits: the word (a number too large for one: silence), with its pronunciation's log probability, what follows.
    log_final : (S + B,) array
        Of the utterance ending there; -inf within words, and at a boundary where another phone must follow.
    start : int
        The boundary at the utterance's start.
    """

    pdfs: np.ndarray
    arcs: Fan
    targets: np.ndarray
    log_probs: np.ndarray
    exits: Fan
    words: np.ndarray
    exit_log_probs: np.ndarray
    boundaries: np.ndarray
    log_final: np.ndarray
    start: int

    @property
    def n_states(self) -> int:
        return len(self.pdfs)

    @classmethod
    def build(
        cls, phones: PhoneSet, tying: Tying, lexicon: Lexicon, words: Sequence[str], look_ahead: np.ndarray
    ) -> Network:
        """The network of some words of a lexicon.

        Parameters
        ----------
        look_ahead : (words,) array
            What is guessed of a word's log probability before it ends. A search without beams does not depend on it.

        Raises
        ------
        DataError, ArgumentError
            A word that is not in the lexicon, a phone that is not in the set.
        """
        builder = _Units(phones, tying, lexicon, words, look_ahead)
        return _States(builder, phones, lexicon.silence_prob, len(words)).network()


class _Units:
    """Phones in context: which follow which within words, by which words are entered and left."""

    def __init__(
        self, phones: PhoneSet, tying: Tying, lexicon: Lexicon, words: Sequence[str], look_ahead: np.ndarray
    ) -> None:
        self._tying, self.silence = tying, phones.silence
        spoken = [[(phones.indices(p.phones), p.log_prob) for p in lexicon.pronunciations(word)] for word in words]
        firsts, lasts = ({p[end] for ways in spoken for p, _ in ways} | {self.silence} for end in (0, -1))
        self.rights, self._lefts = frozenset(firsts), sorted(lasts)
        self._numbers = dict[Hashable, int]()
        self.phones, self.pdfs, self.guesses = list[int](), list[tuple[int, ...]](), list[float]()
        self.arcs = set[tuple[int, int]]()
        self.entries = defaultdict[tuple[int, int], set[int]](set)  # by last phone and next
        self.exits = list[tuple[int, int, float, frozenset[int]]]()  # unit, word, log probability, phones that may follow
        self._ways_out_of = dict[tuple[int, int], dict[tuple[int, ...], frozenset[int]]]()
        self._unit("silence", self.silence, tying.pdfs(self.silence, self.silence, self.silence), 0.0)
        ways_in = {phone: self._ways_in(phone) for phone in firsts}
        for word, ways in enumerate(spoken):
            for pronunciation, log_prob in ways:
                self._add(word, pronunciation, log_prob, look_ahead[word] + log_prob, ways_in[pronunciation[0]])

    def _add(self, word: int, phones: tuple[int, ...], log_prob: float, guess: float, ways_in: list[list[int]]) -> None:
        """One pronunciation: the units of a phone lead to all of the next phone, as those know of each other."""
        before, end = list[int](), len(phones) - 1
        for place, phone in enumerate(phones):
            now = list[int]()
            for lefts in ways_in if place == 0 else [[phones[place - 1]]]:
                for pdfs, rights in self._ways_out(lefts[0], phone, phones[place + 1 :]).items():
                    unit = self._unit((phones[: place + 1], lefts[0], pdfs), phone, pdfs, guess)
                    now.append(unit)
                    if place == 0:
                        for left in lefts:
                            self.entries[left, phone].add(unit)
                    if place == end:
                        self.exits.append((unit, word, log_prob, rights))
            self.arcs.update(product(before, now))
            before = now

    def _ways_in(self, phone: int) -> list[list[int]]:
        """Phones before a word, in groups that no density of its first phone tells apart, whatever follows."""
        table, groups = self._tying.tables[phone], defaultdict[bytes, list[int]](list)
        for left in self._lefts:
            groups[table[:, left].tobytes()].append(left)
        return list(groups.values())

    def _ways_out(self, left: int, phone: int, later: tuple[int, ...]) -> dict[tuple[int, ...], frozenset[int]]:
        """Densities of a phone, each with the phones after it that lead to them: any at a word's end."""
        if later:
            return {self._tying.pdfs(left, phone, later[0]): frozenset(later[:1])}
        if (left, phone) not in self._ways_out_of:
            groups = defaultdict[tuple[int, ...], set[int]](set)
            for right in self.rights:
                groups[self._tying.pdfs(left, phone, right)].add(right)
            self._ways_out_of[left, phone] = {pdfs: frozenset(rights) for pdfs, rights in groups.items()}
        return self._ways_out_of[left, phone]

    def _unit(self, key: Hashable, phone: int, pdfs: tuple[int, ...], guess: float) -> int:
        unit = self._numbers.setdefault(key, len(self.phones))
        if unit == len(self.phones):
            self.phones.append(phone)
            self.pdfs.append(pdfs)
            self.guesses.append(guess)
        self.guesses[unit] = max(self.guesses[unit], guess)
        return unit


class _States:
    """Units unfolded into the states of their topologies."""

    def __init__(self, units: _Units, phones: PhoneSet, silence_prob: float, n_words: int) -> None:
        self._units, self._n_words = units, n_words
        self._topologies = [phones.topologies[phone] for phone in units.phones]
        self._first = np.cumsum([0, *(t.n_states for t in self._topologies)])
        with np.errstate(divide="ignore"):
            self._log_silence, self._log_none = np.log([silence_prob, 1 - silence_prob])
        self._boundaries = dict[tuple[tuple[tuple[int, float], ...], float], int]()
        self._known = dict[tuple[int, frozenset[int]], int]()

    def network(self) -> Network:
        n_states = int(self._first[-1])
        start = n_states + self._after(self._units.silence, self._units.rights)
        exits, exit_fan = _sorted(self._exits(), n_states)  # makes the boundaries
        arcs, arc_fan = _sorted(self._arcs() + self._entries(), n_states + len(self._boundaries))
        log_final = [-np.inf] * n_states + [log_final for _, log_final in self._boundaries]
        return Network(
            np.concatenate(self._units.pdfs), arc_fan, arcs[1].astype(np.int64), arcs[2],
            exit_fan, exits[1].astype(np.int64), exits[2], exits[3].astype(np.int64) + n_states, np.array(log_final), start,
        )  # fmt: skip

    def _exits(self) -> list[tuple[int, int, float, int]]:
        units = self._units
        after_silence = self._boundary([(unit, 0.0) for unit in self._next_units(units.silence, units.rights)], 0.0)
        exits = [(state, self._n_words, out, after_silence) for state, out in self._ways(_SILENCE, "log_final")]
        for unit, word, log_prob, rights in units.exits:
            boundary = self._after(units.phones[unit], rights)
            exits += [(state, word, out + log_prob - units.guesses[unit], boundary)
                      for state, out in self._ways(unit, "log_final")]  # fmt: skip
        return exits

    def _entries(self) -> list[tuple[int, int, float]]:
        return [
            (boundary, state, log_prob + into + self._units.guesses[unit])
            for boundary, (entries, _) in enumerate(self._boundaries, int(self._first[-1]))
            for unit, log_prob in entries
            for state, into in self._ways(unit, "log_start")
        ]

    def _next_units(self, last: int, rights: frozenset[int]) -> list[int]:
        return sorted(unit for right in rights for unit in self._units.entries[last, right])

    def _after(self, last: int, rights: frozenset[int]) -> int:
        """The boundary after a phone whose densities are right for some phones to follow."""
        if (last, rights) not in self._known:
            entries, final = [(unit, self._log_none) for unit in self._next_units(last, rights)], -np.inf
            if self._units.silence in rights:
                entries.append((_SILENCE, self._log_silence))
                final = self._log_none
            self._known[last, rights] = self._boundary(entries, final)
        return self._known[last, rights]

    def _boundary(self, entries: list[tuple[int, float]], log_final: float) -> int:
        """Its number; boundaries that lead to the same are one."""
        return self._boundaries.setdefault((tuple(entries), log_final), len(self._boundaries))

    def _arcs(self) -> list[tuple[int, int, float]]:
        arcs, guesses = list[tuple[int, int, float]](), self._units.guesses
        for first, topology in zip(self._first, self._topologies, strict=False):
            arcs += [(first + source, first + target, topology.log_transitions[source, target])
                     for source, target in np.argwhere(topology.transitions > 0).tolist()]  # fmt: skip
        for earlier, later in sorted(self._units.arcs):
            step = guesses[later] - guesses[earlier]
            arcs += [(source, target, out + into + step) for source, out in self._ways(earlier, "log_final")
                     for target, into in self._ways(later, "log_start")]  # fmt: skip
        return arcs

    def _ways(self, unit: int, which: str) -> list[tuple[int, float]]:
        """States by which a unit is entered ("log_start") or left ("log_final"), each with its log probability."""
        log_probs = getattr(self._topologies[unit], which)
        return [(int(self._first[unit] + i), float(log_probs[i])) for i in np.flatnonzero(log_probs > -np.inf)]


def _sorted(items: Sequence[tuple[float, ...]], n_rows: int) -> tuple[np.ndarray, Fan]:
    """Columns of items sorted by the first one, without those of probability 0, and which are whose."""
    columns = np.array(items, np.float64).T
    columns = columns[:, columns[2] > -np.inf]
    columns = columns[:, np.argsort(columns[0], kind="stable")]
    return columns, Fan(columns[0], n_rows)
