"""Prefix beam search for words: labels spell words of a lexicon, and a grammar says which word may follow.

Hannun, Maas, Jurafsky and Ng (2014), with pronunciations in place of letters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf, log

import numpy as np

from ...errors import ArgumentError
from ..decoder import Grammar, Hypothesis
from ..lexicon import Lexicon
from .beam import State, Width, best, log_add, search

BLANK = 0
_ROOT = 0


class _Trie:
    """The pronunciations of all words: from a node, each label leads to another, where words may end."""

    def __init__(self, words: Sequence[str], lexicon: Lexicon, classes: dict[str, int]) -> None:
        self.children: list[dict[int, int]] = [{}]
        self.ends: list[list[tuple[int, float]]] = [[]]  # (word, log probability of the pronunciation)
        for number, word in enumerate(words):
            for way in lexicon.pronunciations(word):
                self.ends[self._node([classes[phone] for phone in way.phones])].append((number, way.log_prob))

    def _node(self, labels: Iterable[int]) -> int:
        node = _ROOT
        for label in labels:
            if label not in self.children[node]:
                self.children[node][label] = len(self.children)
                self.children.append({})
                self.ends.append([])
            node = self.children[node][label]
        return node


class WordDecoder:
    """From log probabilities of labels to words.

    ``score = acoustic + lm_weight * (lm - insertion_penalty * words)``, where `lm` is the log probability of the words, and
    `acoustic` that of all paths, pronunciations (with their weights) and pauses.

    Parameters
    ----------
    labels : sequence of str
        Names of classes 1, 2, ...; class 0 is the blank. All phones of the words; if the lexicon's silence is one of them,
        it may stand before, between and after words.
    lexicon : Lexicon
        Has all words of the grammar.
    grammar : Grammar
    lm_weight, insertion_penalty : float
    width : Width, optional

    Raises
    ------
    ArgumentError
        Phones that are no labels.
    DataError
        A word that the lexicon lacks.
    """

    def __init__(
        self, labels: Sequence[str], lexicon: Lexicon, grammar: Grammar, *, lm_weight: float = 1.0,
        insertion_penalty: float = 0.0, width: Width | None = None,
    ) -> None:  # fmt: skip
        classes = {name: number for number, name in enumerate(labels, BLANK + 1)}
        needed = {p for word in grammar.words for way in lexicon.pronunciations(word) for p in way.phones}
        if lacking := sorted(needed - classes.keys()):
            raise ArgumentError(f"WordDecoder: the lexicon uses phones that are no labels: {', '.join(lacking)}")
        self.grammar, self.lm_weight, self.insertion_penalty = grammar, lm_weight, insertion_penalty
        self.width = width or Width()
        self._silence = classes.get(lexicon.silence)
        p = lexicon.silence_prob
        self._pause, self._no_pause = (log(p) if p else -inf, log(1 - p) if p < 1 else -inf)
        self._trie = _Trie(grammar.words, lexicon, classes)

    def decode(self, log_probs: np.ndarray) -> Hypothesis:
        """The best words of an utterance, (T, C) log probabilities; see :meth:`n_best`."""
        return self.n_best(log_probs, 1)[0]

    def n_best(self, log_probs: np.ndarray, n: int) -> list[Hypothesis]:
        """Word sequences that the grammar allows, at most `n`, best first; without times, of which CTC knows little.

        If no sentence could end, there is one that is not complete: the words of the best hypothesis.

        Raises
        ------
        ArgumentError, DataError
            Log probabilities of another shape or with NaN.
        """
        prefixes = _Words(self)
        found = search(log_probs, prefixes, BLANK, self.width)
        totals = dict[int, float]()
        for (history, node, label), pair in found.items():
            ending = self.pause_before_word(label) + prefixes.end(history)
            if node == _ROOT and ending > -inf:
                totals[history] = log_add(totals.get(history, -inf), log_add(*pair) + self.lm_weight * ending)
        sentences = best(totals, n)
        if sentences:
            return [self._hypothesis(prefixes.words(history), total) for history, total in sentences]
        (history, _, _), pair = max(found.items(), key=lambda item: log_add(*item[1]))
        return [self._hypothesis(prefixes.words(history), log_add(*pair), False)]

    def pause_before_word(self, last_label: int) -> float:
        """Log probability that no silence comes before the next word or the end; silence may be behind us already."""
        return 0.0 if self._silence is None or last_label == self._silence else self._no_pause

    def successors(self, node: int, last_label: int) -> Iterable[tuple[int, int, int | None, float]]:
        """Where labels lead in the trie: (label, node, word that ends there or None, log probability)."""
        if node == _ROOT and self._silence not in (None, last_label):
            yield self._silence, _ROOT, None, self._pause
        added = self.pause_before_word(last_label) if node == _ROOT else 0.0
        for label, reached in self._trie.children[node].items():
            for word, log_prob in self._trie.ends[reached]:
                yield label, _ROOT, word, added + log_prob
            if self._trie.children[reached]:
                yield label, reached, None, added

    def _hypothesis(self, words: tuple[int, ...], score: float, complete: bool = True) -> Hypothesis:
        state, lm = self.grammar.start(), 0.0
        for word in words:
            lm += float(self.grammar.log_probs(state)[word])
            state = self.grammar.advance(state, word)
        lm += self.grammar.end(state) if complete else 0.0
        acoustic = score - self.lm_weight * (lm - self.insertion_penalty * len(words))
        names = tuple(self.grammar.words[word] for word in words)
        return Hypothesis(names, (), score, acoustic, lm, complete)


class _Words:
    """The prefixes of one search: a state is the words so far, a node of the trie, and the last label."""

    def __init__(self, decoder: WordDecoder) -> None:
        self._decoder, self._grammar = decoder, decoder.grammar
        self._histories: list[tuple[int, ...]] = [()]  # states name them by number
        self._grammar_states = [self._grammar.start()]
        self._longer = dict[tuple[int, int], int]()
        self._log_probs = dict[int, np.ndarray]()  # by the grammar's states
        self._known = dict[State, list[tuple[State, float]]]()

    def start(self) -> State:
        return (0, _ROOT, BLANK)

    def after(self, state: State) -> Iterable[tuple[State, float]]:
        if state not in self._known:
            self._known[state] = list(self._after(*state))
        return self._known[state]

    def _after(self, history: int, node: int, last_label: int) -> Iterable[tuple[State, float]]:
        weight, penalty = self._decoder.lm_weight, self._decoder.insertion_penalty
        for label, reached, word, log_prob in self._decoder.successors(node, last_label):
            lm = log_prob if word is None else log_prob + float(self._next_words(history)[word])
            if lm == -inf:
                continue
            if word is None:
                yield (history, reached, label), weight * lm
            else:
                yield (self._with_word(history, word), reached, label), weight * (lm - penalty)

    def _next_words(self, history: int) -> np.ndarray:
        state = self._grammar_states[history]
        if state not in self._log_probs:
            self._log_probs[state] = self._grammar.log_probs(state)
        return self._log_probs[state]

    def _with_word(self, history: int, word: int) -> int:
        key = (history, word)
        if key not in self._longer:
            self._longer[key] = len(self._histories)
            self._histories.append((*self._histories[history], word))
            self._grammar_states.append(self._grammar.advance(self._grammar_states[history], word))
        return self._longer[key]

    def words(self, history: int) -> tuple[int, ...]:
        """The words that a number stands for."""
        return self._histories[history]

    def end(self, history: int) -> float:
        """Log probability of the sentence ending after these words."""
        return self._grammar.end(self._grammar_states[history])
