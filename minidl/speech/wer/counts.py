"""How many words a recogniser got right and wrong, and in which way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass

from ...errors import DataError


@dataclass(frozen=True)
class WordErrors:
    """Counts over one utterance or many; they add.

    Attributes
    ----------
    hits, substitutions, deletions : int
        Reference words that were recognised, taken for another, or missed.
    insertions : int
        Recognised words that nobody said.
    """

    hits: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def words(self) -> int:
        """In the reference."""
        return self.hits + self.substitutions + self.deletions

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors per reference word; more than 1 where much is inserted.

        Raises
        ------
        DataError
            No reference words.
        """
        if not self.words:
            raise DataError(f"word errors: there is no rate without reference words ({self.insertions} words were inserted)")
        return self.errors / self.words

    @property
    def percent(self) -> float:
        """The rate times 100; raises as it does."""
        return 100 * self.rate

    def __add__(self, other: WordErrors) -> WordErrors:
        return WordErrors(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __str__(self) -> str:
        """As Kaldi's compute-wer has it."""
        rate = f"{self.percent:.2f}" if self.words else "undefined"
        return (
            f"%WER {rate} [ {self.errors} / {self.words}, "
            f"{self.insertions} ins, {self.deletions} del, {self.substitutions} sub ]"
        )


def total(errors: Iterable[WordErrors]) -> WordErrors:
    """The sum; of none, no words and no errors."""
    return sum(errors, WordErrors())
