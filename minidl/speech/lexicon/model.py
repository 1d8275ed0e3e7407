"""A lexicon in memory: words, their pronunciations, and the phone that stands for silence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from ...errors import ArgumentError, DataError

SILENCE = "SIL"
_SPACE = " \t\n\r\v\f"  # of ASCII, as in files: others may be part of a name


@dataclass(frozen=True)
class Pronunciation:
    """One way to say a word.

    Attributes
    ----------
    phones : tuple of str
    log_prob : float
        Natural logarithm of how likely it is, relative to the word's most likely way, which has 0: so a word does not
        become less likely by having several (Kaldi, "pronunciation probabilities").
    """

    phones: tuple[str, ...]
    log_prob: float = 0.0


class Lexicon:
    """Words and how they are pronounced.

    Parameters
    ----------
    entries : mapping of str to sequence of Pronunciation or of sequence of str
        Every word's pronunciations; phones alone have a log probability of 0. They are made relative to the word's best, and
        of two with the same phones the likelier stays.
    silence : str
        The phone of pauses. No word contains it.
    silence_prob : float
        Of a pause before the utterance and after each word, in [0, 1]; 0.5 is Kaldi's.

    Attributes
    ----------
    words : tuple of str
        Sorted.
    phones : tuple of str
        Silence first, the others sorted.

    Raises
    ------
    ArgumentError
        No words; a word without pronunciation, or one without phones; an empty name, or one with a space; silence in a
        word; a number that is no probability.
    """

    def __init__(
        self,
        entries: Mapping[str, Sequence[Pronunciation | Sequence[str]]],
        silence: str = SILENCE,
        silence_prob: float = 0.5,
    ) -> None:
        if not entries:
            raise ArgumentError("lexicon: it has no words")
        if not 0 <= silence_prob <= 1:
            raise ArgumentError(f"lexicon: silence_prob must be in [0, 1], got {silence_prob}")
        self.silence, self.silence_prob = silence, silence_prob
        self.words = tuple(sorted(entries))
        self._pronunciations = {word: _relative(word, entries[word]) for word in self.words}
        used = {phone for ways in self._pronunciations.values() for way in ways for phone in way.phones}
        self._check_names(used)
        self.phones = (silence, *sorted(used))

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._pronunciations

    def pronunciations(self, word: str) -> tuple[Pronunciation, ...]:
        """All ways to say a word, in the order in which they were given.

        Raises
        ------
        DataError
            A word that is not there.
        """
        if word not in self._pronunciations:
            raise DataError(f"lexicon: the word {word!r} is not among its {len(self)}; add it, with its phones")
        return self._pronunciations[word]

    def missing(self, words: Iterable[str]) -> list[str]:
        """Those words that are not there, each once, in order of appearance."""
        return [word for word in dict.fromkeys(words) if word not in self]

    def _check_names(self, phones: set[str]) -> None:
        if self.silence in phones:
            word = next(w for w in self.words for p in self._pronunciations[w] if self.silence in p.phones)
            raise ArgumentError(f"lexicon: the word {word!r} contains {self.silence!r}, which is the phone of silence")
        for name in (self.silence, *self.words, *phones):
            if not name or any(space in name for space in _SPACE):
                raise ArgumentError(f"lexicon: names of words and phones have no spaces and are not empty, got {name!r}")


def _relative(word: str, ways: Sequence[Pronunciation | Sequence[str]]) -> tuple[Pronunciation, ...]:
    """Pronunciations without repetition, the best with log probability 0."""
    log_probs = dict[tuple[str, ...], float]()
    for way in ways:
        phones, log_prob = (way.phones, way.log_prob) if isinstance(way, Pronunciation) else (way, 0.0)
        if not phones or isinstance(phones, str):
            raise ArgumentError(f"lexicon: a pronunciation is a sequence of one phone or more, got {phones!r} for {word!r}")
        if not (isfinite(log_prob) and log_prob <= 0):
            raise ArgumentError(f"lexicon: a log probability is finite and at most 0, got {log_prob} for {word!r}")
        log_probs[tuple(phones)] = max(log_prob, log_probs.get(tuple(phones), log_prob))
    if not log_probs:
        raise ArgumentError(f"lexicon: the word {word!r} has no pronunciation")
    best = max(log_probs.values())
    return tuple(Pronunciation(phones, log_prob - best) for phones, log_prob in log_probs.items())
