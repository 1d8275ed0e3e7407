"""What a grammar has answered, kept in tables, so that a frame's many questions are one look-up."""

from __future__ import annotations

import numpy as np

from .grammar import Grammar

_LIMIT = 1 << 23  # answers; beyond, a new utterance begins with empty tables
_FIRST = 64  # rows


class Memo:
    """A grammar whose states are rows of tables, in order of appearance; 0 is the start.

    Attributes
    ----------
    no_word : int
        One number more than the grammar's words have: it has probability 1 and changes nothing.
    """

    def __init__(self, grammar: Grammar) -> None:
        self._grammar, self.no_word = grammar, len(grammar.words)
        self._clear()

    def _clear(self) -> None:
        width = self.no_word + 1
        self._states = [self._grammar.start()]
        self._rows = {self._states[0]: 0}
        self._filled = np.zeros(_FIRST, bool)
        self._log_probs, self._next = np.empty((_FIRST, width)), np.empty((_FIRST, width), np.int32)

    def new_utterance(self) -> None:
        """Forget what has grown too large; rows keep their meaning within an utterance only."""
        if self._log_probs.size > _LIMIT:
            self._clear()

    def __len__(self) -> int:
        return len(self._states)

    def log_probs(self, rows: np.ndarray, words: np.ndarray) -> np.ndarray:
        """Of words after states."""
        missing = ~self._filled[rows]
        if missing.any():
            for row in set(rows[missing].tolist()):
                self._fill(row)
        return self._log_probs[rows, words]

    def advance(self, rows: np.ndarray, words: np.ndarray) -> np.ndarray:
        """The states after words, whose probabilities were asked for before."""
        after = self._next[rows, words]
        missing = after < 0
        if missing.any():
            for row, word in set(zip(rows[missing].tolist(), words[missing].tolist(), strict=True)):
                after_word = self._row(self._grammar.advance(self._states[row], word))
                self._next[row, word] = after_word
            after = self._next[rows, words]
        return after.astype(np.int64)

    def end(self, row: int) -> float:
        """Log probability that the sentence ends."""
        return self._grammar.end(self._states[row])

    def _fill(self, row: int) -> None:
        self._log_probs[row, :-1], self._log_probs[row, -1] = self._grammar.log_probs(self._states[row]), 0.0
        self._next[row, :-1], self._next[row, -1] = -1, row
        self._filled[row] = True

    def _row(self, state: int) -> int:
        row = self._rows.setdefault(state, len(self._states))
        if row == len(self._states):
            self._states.append(state)
            if row == len(self._filled):
                self._filled, self._log_probs, self._next = (
                    np.concatenate([old, np.zeros_like(old)]) for old in (self._filled, self._log_probs, self._next)
                )
        return row
