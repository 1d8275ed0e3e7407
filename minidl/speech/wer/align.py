"""Which word of a transcript was recognised as which: the alignment with the fewest errors (Levenshtein 1966)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...errors import ArgumentError
from .counts import WordErrors

_PAIR, _DELETE, _INSERT = 0, 1, 2
_MOST_CELLS = 1 << 31  # a byte each


@dataclass(frozen=True)
class Alignment:
    """Words side by side.

    Attributes
    ----------
    pairs : tuple of (str or None, str or None)
        Reference word and recognised word: None beside a word that was inserted or missed.
    """

    pairs: tuple[tuple[str | None, str | None], ...]

    @cached_property
    def errors(self) -> WordErrors:
        hits = sum(r == h for r, h in self.pairs)
        deletions = sum(h is None for _, h in self.pairs)
        insertions = sum(r is None for r, _ in self.pairs)
        return WordErrors(hits, len(self.pairs) - hits - deletions - insertions, deletions, insertions)


def align(reference: str | Sequence[str], hypothesis: str | Sequence[str]) -> Alignment:
    """Align what was recognised to what was said, with as few substitutions, deletions and insertions as can be.

    Of alignments with equally few, the choice is that of jiwer 4 (RapidFuzz): words alike at both ends are paired; for the
    rest, from the last word backwards, a word is missed if it can be, else one is inserted if that is better than or
    as good as a pair of equal words, else two are paired.

    Parameters
    ----------
    reference, hypothesis : str or sequence of str
        Words; a str is split at spaces. For characters or phones give a sequence of them.

    Raises
    ------
    ArgumentError
        Two texts so long that the table for them, a byte for each pair of words, would be above 2 GiB.
    """
    reference, hypothesis = (tuple(t.split() if isinstance(t, str) else t) for t in (reference, hypothesis))
    head = _common(reference, hypothesis)
    tail = _common(reference[head:][::-1], hypothesis[head:][::-1])
    i, j = len(reference) - tail, len(hypothesis) - tail
    moves = _moves(reference[head:i], hypothesis[head:j])
    pairs = list[tuple[str | None, str | None]](zip(reference[i:][::-1], hypothesis[j:][::-1], strict=True))
    while i > head or j > head:
        move = moves[i - head, j - head]
        i, j = i - (move != _INSERT), j - (move != _DELETE)
        pairs.append((None if move == _INSERT else reference[i], None if move == _DELETE else hypothesis[j]))
    pairs += zip(reference[:head][::-1], hypothesis[:head][::-1], strict=True)
    return Alignment(tuple(pairs[::-1]))


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    """How many words both begin with."""
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _moves(reference: Sequence[str], hypothesis: Sequence[str]) -> np.ndarray:
    """The last step of the best alignment of the first i and j words: (I + 1, J + 1) of `_PAIR`, `_DELETE`, `_INSERT`.

    A row's distances depend on each other through insertions: D[j] = min over k <= j of T[k] + (j - k), where T is the
    distance with a last step that is none. That is a running minimum of T[k] - k.
    """
    if (len(reference) + 1) * (len(hypothesis) + 1) > _MOST_CELLS:
        raise ArgumentError(
            f"align: {len(reference)} and {len(hypothesis)} words are too many for one alignment; align by utterance"
        )
    numbers = {word: n for n, word in enumerate({*reference, *hypothesis})}
    spoken, found = (np.array([numbers[w] for w in words], np.int32) for words in (reference, hypothesis))
    columns = np.arange(len(hypothesis) + 1, dtype=np.int32)
    moves = np.empty((len(reference) + 1, len(columns)), np.int8)
    moves[0], moves[1:, 0] = _INSERT, _DELETE
    row = columns
    for i, word in enumerate(spoken, 1):
        above, row = row, np.empty_like(columns)
        row[0] = i
        np.minimum(above[1:] + 1, above[:-1] + (found != word), out=row[1:])
        row = np.minimum.accumulate(row - columns) + columns
        moves[i, 1:] = np.where(row[1:] > above[1:], _DELETE, np.where(row[:-1] < above[:-1], _INSERT, _PAIR))
    return moves
