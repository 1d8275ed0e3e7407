"""What a corpus of speech is: utterances to learn from, to choose settings by, and to measure on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ...errors import DataError
from ..audio import Audio
from ..lexicon import Lexicon
from ..segments import Segment


@dataclass(frozen=True)
class Utterance:
    """Something that somebody said.

    Attributes
    ----------
    name, speaker : str
    words : tuple of str
    read : callable
        Gives the Audio, whose samples are not to be changed. Raises DataError, which names utterance and file, if it
        cannot be read.
    segments : sequence of Segment
        The true phones with their times in seconds, where they are known.
    """

    name: str
    speaker: str
    words: tuple[str, ...]
    read: Callable[[], Audio]
    segments: Sequence[Segment] = ()


@dataclass(frozen=True)
class Corpus:
    """Recordings and their words, in three parts.

    Attributes
    ----------
    name : str
    train, dev, test : tuple of Utterance
        To learn from, to choose settings by, to measure on.
    lexicon : Lexicon
        Has all their words.
    rate : int
        Samples a second, of all of them.
    isolated : bool
        Each utterance is one word.
    set_aside : mapping of str to str
        Utterances that cannot be used, and why.
    """

    name: str
    train: tuple[Utterance, ...]
    dev: tuple[Utterance, ...]
    test: tuple[Utterance, ...]
    lexicon: Lexicon
    rate: int
    isolated: bool = False
    set_aside: Mapping[str, str] = field(default_factory=dict)


def describe(corpus: Corpus) -> list[str]:
    """Lines that say how much there is in each part. All audio is read for it."""
    lines = [f"{corpus.name}: {corpus.rate} Hz, {len(corpus.lexicon)} words in the lexicon"]
    for part, utterances in (("train", corpus.train), ("dev", corpus.dev), ("test", corpus.test)):
        lines.append(f"  {part}: {_amount(utterances)}")
    if corpus.set_aside:
        name, reason = next(iter(corpus.set_aside.items()))
        lines.append(f"  set aside: {len(corpus.set_aside)}, the first is {name} ({reason})")
    return lines


def _amount(utterances: Sequence[Utterance]) -> str:
    seconds, unreadable = 0.0, list[str]()
    for utterance in utterances:
        try:
            seconds += utterance.read().seconds
        except DataError:
            unreadable.append(utterance.name)
    speakers = len({utterance.speaker for utterance in utterances})
    words = sum(len(utterance.words) for utterance in utterances)
    text = f"utterances {len(utterances)}, speakers {speakers}, hours {seconds / 3600:.3f}, words {words}"
    return text + (f"; cannot be read: {len(unreadable)}, the first is {unreadable[0]}" if unreadable else "")
