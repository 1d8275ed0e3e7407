"""The words a model knows, each with a number; all others are one unknown word."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import repeat

import numpy as np

from ..errors import ArgumentError, DataError

UNKNOWN, START, END = "<unk>", "<s>", "</s>"
SPECIAL = (UNKNOWN, START, END)
UNKNOWN_ID, START_ID, END_ID = range(3)


class Vocabulary:
    """Words and their numbers: 0 is the unknown word, 1 a sentence's start, 2 its end, then the words in order.

    Parameters
    ----------
    words : sequence of str
        Without the three special ones.

    Attributes
    ----------
    words : list of str
        By number, with the special ones.

    Raises
    ------
    DataError
        A word twice, an empty one, one with a space or tab in it, or the start or end of a sentence as a word.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = [*SPECIAL, *words]
        self._ids = {word: i for i, word in enumerate(self.words)}
        if len(self._ids) < len(self.words):
            twice = next(word for word, n in Counter(self.words).items() if n > 1)
            reserved = " (it is reserved)" if twice in SPECIAL else ""
            raise DataError(f"vocabulary: {twice!r} stands twice in it{reserved}")
        for word in words:
            if not word or any(space in word for space in " \t\n\r"):
                raise DataError(f"vocabulary: {word!r} is no word; words are not empty and hold no spaces")

    @classmethod
    def from_sentences(
        cls, sentences: Iterable[Sequence[str]], min_count: int = 1, max_size: int | None = None
    ) -> Vocabulary:
        """The words of a text, the most frequent first (equal counts: in order of first appearance).

        Parameters
        ----------
        sentences : iterable of sequences of str
        min_count : int
            Rarer words are unknown.
        max_size : int, optional
            At most so many words, the special ones not counted.

        Raises
        ------
        ArgumentError
            A limit below 1.
        DataError
            No words; a sentence's start or end as a word of the text.
        """
        if min_count < 1 or (max_size is not None and max_size < 1):
            raise ArgumentError(f"vocabulary: min_count and max_size must be at least 1, got {min_count}, {max_size}")
        counts: Counter[str] = Counter()
        for sentence in sentences:
            counts.update(sentence)
        if not counts:
            raise DataError("vocabulary: the text has no words")
        for reserved in (START, END):
            if reserved in counts:
                raise DataError(f"vocabulary: {reserved} is reserved, and a word of the text; each line is a sentence")
        counts.pop(UNKNOWN, None)  # a text may have its rare words replaced already
        return cls([word for word, n in counts.most_common(max_size) if n >= min_count])

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self._ids

    def __repr__(self) -> str:
        return f"Vocabulary({len(self) - len(SPECIAL):,} words)"

    def number(self, word: str) -> int:
        """Of one word; 0 if it is not in the vocabulary."""
        return self._ids.get(word, 0)

    def encode(self, words: Iterable[str]) -> np.ndarray:
        """Numbers of words, (n,) int32; 0 for those that are not in the vocabulary."""
        find = self._ids.get
        return np.array([find(word, 0) for word in words], np.int32)

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Words of numbers."""
        return [self.words[i] for i in ids]

    def encode_sentences(self, sentences: Iterable[Sequence[str]]) -> np.ndarray:
        """A whole text as one array, (n,) int32: each sentence begins with 1 and ends with 2."""
        find = self._ids.get
        ids = array("i")
        for sentence in sentences:
            ids.append(1)
            ids.extend(map(find, sentence, repeat(UNKNOWN_ID)))  # a quarter faster than a comprehension
            ids.append(2)
        return np.frombuffer(ids, np.int32) if ids else np.zeros(0, np.int32)
