"""The search: hypotheses (tokens) go through the network frame by frame, and the worse of two in the same place ends.

A token is in a state of the network and of the grammar (Young, Russell and Thornton 1989). Where words end, all that are
good enough become links of the lattice. A token knows one time only at which its word began, the best one for its state of
the grammar; so the best sentence is exact, and the times of others in the lattice may be those of a better one with the same
last words (the word-pair approximation: Ney and Aubert 1994). Scores are in units of score / lm_weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .memo import Memo
from .network import Network
from .record import Record


@dataclass
class Tokens:
    """Hypotheses, (n,) arrays.

    Attributes
    ----------
    states : int array
        Of the network, or boundaries.
    contexts : int array
        States of the grammar, before the word that is being said.
    scores : array
    acoustics : array
        What the frames since the last word's end have in the score.
    origins : int array
        The lattice's node at that end.
    """

    states: np.ndarray
    contexts: np.ndarray
    scores: np.ndarray
    acoustics: np.ndarray
    origins: np.ndarray

    def __len__(self) -> int:
        return len(self.states)

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(*map(np.concatenate, zip(vars(self).values(), vars(other).values(), strict=True)))


@dataclass(frozen=True)
class Limits:
    """What is given up: tokens that are `beam` worse than the best or not among the `max_active` best, links that are
    `lattice_beam` worse than others to the same node."""

    beam: float
    max_active: int
    lattice_beam: float


class Search:
    """One pass over an utterance.

    Parameters
    ----------
    network : Network
    grammar : Memo
    limits : Limits
    insertion_penalty : float

    Attributes
    ----------
    record : Record
        What the lattice is made of.
    active : int
        Tokens that stayed, of all frames together.
    """

    def __init__(self, network: Network, grammar: Memo, limits: Limits, insertion_penalty: float) -> None:
        self._network, self._grammar, self._limits, self._penalty = network, grammar, limits, insertion_penalty
        self.record, self.active = Record(grammar.no_word), 0

    def run(self, scores: np.ndarray) -> bool:
        """Go through frames, (frames, pdfs); whether a sentence ends with the last one."""
        first, nothing = np.zeros(1, np.int64), np.zeros(1)
        ends = Tokens(first + self._network.start, first, nothing, nothing, first)
        tokens = Tokens(first[:0], first[:0], nothing[:0], nothing[:0], first[:0])
        for frame, heard in enumerate(scores):
            later = self._step(tokens + ends, heard)
            if not len(later):
                break
            tokens, self.active = later, self.active + len(later)
            ends = self._word_ends(tokens, frame + 1)
        else:
            numbers, ended = self._sentence_ends(ends)
            if len(numbers):
                self.record.end(len(scores), numbers, ended, np.zeros(len(numbers)))
                return True
        self.record.end(len(scores), tokens.origins, tokens.scores, tokens.acoustics)
        return False

    def _step(self, tokens: Tokens, heard: np.ndarray) -> Tokens:
        """One frame on: along all arcs; the best token in each place stays if it is within the beam."""
        network, limits = self._network, self._limits
        which, arcs = network.arcs.of(tokens.states)
        states = network.targets[arcs]
        acoustic = heard[network.pdfs[states]]
        scores = tokens.scores[which] + network.log_probs[arcs] + acoustic
        good = np.flatnonzero(scores > scores.max(initial=-np.inf) - limits.beam)
        order, first = _ranked(states[good] * len(self._grammar) + tokens.contexts[which[good]], scores[good])
        won = good[order[first]]
        if len(won) > limits.max_active:
            won = won[np.argpartition(-scores[won], limits.max_active)[: limits.max_active]]
        sources = which[won]
        acoustics = tokens.acoustics[sources] + acoustic[won]
        return Tokens(states[won], tokens.contexts[sources], scores[won], acoustics, tokens.origins[sources])

    def _word_ends(self, tokens: Tokens, frame: int) -> Tokens:
        """Record the words and silences that may end before a frame; the nodes they lead to, as tokens at boundaries."""
        network, grammar, limits = self._network, self._grammar, self._limits
        which, exits = network.exits.of(tokens.states)
        words, contexts = network.words[exits], tokens.contexts[which]
        scores = tokens.scores[which] + network.exit_log_probs[exits] + grammar.log_probs(contexts, words)
        scores -= self._penalty * (words != grammar.no_word)
        good = scores > tokens.scores.max() - limits.beam
        which, words, scores, boundaries = which[good], words[good], scores[good], network.boundaries[exits[good]]
        after = grammar.advance(contexts[good], words)
        order, first = _ranked(boundaries * len(grammar) + after, scores)
        best = order[first]
        numbers = self.record.add_nodes(frame, scores[best])
        nodes = np.cumsum(first) - 1
        close = scores[order] >= scores[best][nodes] - limits.lattice_beam
        links, targets = order[close], numbers[nodes[close]]
        sources = which[links]
        self.record.add_links(tokens.origins[sources], targets, words[links], scores[links], tokens.acoustics[sources])
        return Tokens(boundaries[best], after[best], scores[best], np.zeros(len(best)), numbers)

    def _sentence_ends(self, ends: Tokens) -> tuple[np.ndarray, np.ndarray]:
        """The nodes at which a sentence may end, and their scores with that."""
        final = self._network.log_final[ends.states] + np.array([self._grammar.end(c) for c in ends.contexts.tolist()])
        may = np.flatnonzero(final > -np.inf)
        return ends.origins[may], ends.scores[may] + final[may]


def _ranked(places: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sorted by place and, within each, the best score first: the order, and which of them are the first of a place."""
    order = np.lexsort((-scores, places))
    ranked = places[order]
    first = np.ones(len(order), bool)
    first[1:] = ranked[1:] != ranked[:-1]
    return order, first
