"""Scores what was recognised in a set of utterances, and says which words were taken for which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import DataError
from .align import Alignment, align
from .counts import WordErrors, total

Confusions = Counter[tuple[str | None, str | None]]


@dataclass(frozen=True)
class Score:
    """The alignments of a set of utterances, by name."""

    alignments: dict[str, Alignment]

    @property
    def per_utterance(self) -> dict[str, WordErrors]:
        return {name: alignment.errors for name, alignment in self.alignments.items()}

    @property
    def total(self) -> WordErrors:
        return total(self.per_utterance.values())


def score(references: Mapping[str, str | Sequence[str]], hypotheses: Mapping[str, str | Sequence[str]]) -> Score:
    """Align every utterance; in the order of the references.

    Parameters
    ----------
    references, hypotheses : mapping of name to str or sequence of str
        What was said and what was recognised. Recognised may be nothing, which is an empty sequence.

    Raises
    ------
    DataError
        An utterance that one of them lacks.
    """
    for name in references:
        if name not in hypotheses:
            raise DataError(f"score: nothing is said about utterance {name!r}; if no word was recognised, give it none")
    for name in hypotheses:
        if name not in references:
            raise DataError(f"score: utterance {name!r} was recognised but has no reference")
    return Score({name: align(words, hypotheses[name]) for name, words in references.items()})


def confusions(alignments: Iterable[Alignment]) -> Confusions:
    """How often each word was taken for which; None stands beside words that were inserted or missed.

    A :class:`collections.Counter`: ``most_common`` lists the frequent ones, ``+`` joins two.
    """
    return Counter(pair for alignment in alignments for pair in alignment.pairs)


def confusion_matrix(counts: Confusions) -> tuple[tuple[str, ...], np.ndarray]:
    """Confusions as a table.

    Returns
    -------
    words : tuple of str
        All V of them, sorted.
    table : (V + 1, V + 1) int array
        Rows are what was said, columns what was recognised. The last row has the insertions, the last column the
        deletions.
    """
    words = tuple(sorted({word for pair in counts for word in pair if word is not None}))
    place: dict[str | None, int] = {None: len(words)} | {word: n for n, word in enumerate(words)}
    table = np.zeros((len(words) + 1, len(words) + 1), np.int64)
    for (said, recognised), n in counts.items():
        table[place[said], place[recognised]] = n
    return words, table
