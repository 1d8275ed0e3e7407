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

Nodes = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # numbers, boundaries, states of the grammar, scores


@dataclass
class Tokens:
    """Hypotheses, (n,) arrays.

    Attributes
    ----------
    states : int array
        Of the network.
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
        first = np.zeros(1, np.int64)
        entries = self._entries(first, first + self._network.start, first, np.zeros(1))
        tokens = Tokens(first[:0], first[:0], np.zeros(0), np.zeros(0), first[:0])
        for frame, heard in enumerate(scores):
            later = self._step(tokens, entries, heard)
            if not len(later):
                break
            tokens, self.active = later, self.active + len(later)
            ends = self._word_ends(tokens, frame + 1)
            entries = self._entries(*ends)
        else:
            numbers, ended = self._sentence_ends(*ends)
            if len(numbers):
                self.record.end(len(scores), numbers, ended, np.zeros(len(numbers)))
                return True
        self.record.end(len(scores), tokens.origins, tokens.scores, tokens.acoustics)
        return False

    def _step(self, tokens: Tokens, entries: Tokens, heard: np.ndarray) -> Tokens:
        """One frame on: along all arcs; the best token in each place stays if it is within the beam."""
        network, limits = self._network, self._limits
        which, arcs = network.arcs.of(tokens.states)
        states = np.concatenate([network.targets[arcs], entries.states])
        contexts = np.concatenate([tokens.contexts[which], entries.contexts])
        acoustic = heard[network.pdfs[states]]
        scores = np.concatenate([tokens.scores[which] + network.log_probs[arcs], entries.scores]) + acoustic
        if not len(scores):
            return tokens
        good = np.flatnonzero(scores > scores.max() - limits.beam)
        order = good[np.argsort(-scores[good], kind="stable")]
        places = states[order] * len(self._grammar) + contexts[order]
        won = order[np.unique(places, return_index=True)[1]]
        if len(won) > limits.max_active:
            won = won[np.argpartition(-scores[won], limits.max_active)[: limits.max_active]]
        sources = np.concatenate([which, len(tokens) + np.arange(len(entries))])[won]
        before = np.concatenate([tokens.acoustics, entries.acoustics])[sources]
        origins = np.concatenate([tokens.origins, entries.origins])[sources]
        return Tokens(states[won], contexts[won], scores[won], before + acoustic[won], origins)

    def _word_ends(self, tokens: Tokens, frame: int) -> Nodes:
        """Record the words and silences that may end before a frame, and the nodes that they lead to."""
        network, grammar, limits = self._network, self._grammar, self._limits
        which, exits = network.exits.of(tokens.states)
        words, contexts = network.words[exits], tokens.contexts[which]
        scores = tokens.scores[which] + network.exit_log_probs[exits] + grammar.log_probs(contexts, words)
        scores -= self._penalty * (words != grammar.no_word)
        good = scores > tokens.scores.max() - limits.beam
        which, words, scores = which[good], words[good], scores[good]
        after = grammar.advance(contexts[good], words)
        places, nodes = np.unique(network.boundaries[exits[good]] * len(grammar) + after, return_inverse=True)
        boundaries, contexts = np.divmod(places, len(grammar))
        best = np.full(len(places), -np.inf)
        np.maximum.at(best, nodes, scores)
        numbers = self.record.add_nodes(frame, best)
        close = scores >= best[nodes] - limits.lattice_beam
        which, targets = which[close], numbers[nodes[close]]
        self.record.add_links(tokens.origins[which], targets, words[close], scores[close], tokens.acoustics[which])
        return numbers, boundaries, contexts, best

    def _entries(self, numbers: np.ndarray, boundaries: np.ndarray, contexts: np.ndarray, scores: np.ndarray) -> Tokens:
        """Tokens that begin a word or silence at nodes; they have not heard a frame."""
        which, entries = self._network.entries.of(boundaries)
        begun = scores[which] + self._network.entry_log_probs[entries]
        return Tokens(self._network.entry_states[entries], contexts[which], begun, np.zeros(len(which)), numbers[which])

    def _sentence_ends(
        self, numbers: np.ndarray, boundaries: np.ndarray, contexts: np.ndarray, scores: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The nodes at which a sentence may end, and their scores with that."""
        final = self._network.log_final[boundaries] + np.array([self._grammar.end(c) for c in contexts.tolist()])
        ends = np.flatnonzero(final > -np.inf)
        return numbers[ends], scores[ends] + final[ends]
