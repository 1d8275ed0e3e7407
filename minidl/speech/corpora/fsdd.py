"""The Free Spoken Digit Dataset: ten digits said 50 times by six speakers, alone or put together to strings.

Source: https://github.com/Jakobovski/free-spoken-digit-dataset; Z. Jackson and contributors, CC BY-SA 4.0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ...data.fetch import RemoteFile, folders
from ...errors import ArgumentError
from ..audio import Audio, read_bytes
from ..lexicon import digits
from .archive import members
from .corpus import Corpus, Utterance
from .strings import deal, join

FSDD_SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
RATE = 8000

_ARCHIVE = RemoteFile(
    "free-spoken-digit-dataset-recordings.tar.gz", "709faa2f65fdc145c44b5d61c1154eeea0d8e050423aad6d38c544ab9d4e6771"
)
_NAME = re.compile(r"recordings/([0-9])_([a-z]+)_([0-9]+)\.wav")
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_PARTS = ("train", "dev", "test")
_TEST_TAKES = range(5)  # the data set's own README
_DEV_TAKES = range(5, 10)  # ours: as many to choose settings by


@dataclass(frozen=True)
class _Take:
    """One recording: of which digit, by whom, and the how manieth."""

    digit: int
    speaker: str
    index: int
    wav: bytes

    @property
    def name(self) -> str:
        return f"{self.digit}_{self.speaker}_{self.index}"

    @property
    def word(self) -> str:
        return _WORDS[self.digit]

    def read(self) -> Audio:
        return read_bytes(self.wav, f"{self.name}.wav")

    def utterance(self) -> Utterance:
        return Utterance(self.name, self.speaker, (self.word,), self.read)


def isolated(*, held_out: str | None = None) -> Corpus:
    """Single digits.

    Parameters
    ----------
    held_out : str, optional
        The one of :data:`FSDD_SPEAKERS` who is measured on, with all 500 recordings, and heard nowhere else. By default
        all speakers are in all parts, and the data set's own split holds: of the 50 takes of each digit, numbers 0 to 4
        are measured on.

    Returns
    -------
    Corpus
        Takes 5 to 9 of those who train are there to choose settings by; they train nothing.

    Raises
    ------
    ArgumentError
        No such speaker.
    DataError
        The archive is not on this machine, or damaged.
    """
    parts = _parts(held_out)
    train, dev, test = (tuple(take.utterance() for take in parts[part]) for part in _PARTS)
    return Corpus(_name("fsdd-isolated", held_out), train, dev, test, digits(), RATE, isolated=True)


def connected(*, held_out: str = FSDD_SPEAKERS[0], strings_per_speaker: int | None = None, seed: int = 0) -> Corpus:
    """Strings of 3 to 7 recorded digits with pauses between them; one speaker is left out of training.

    Parameters
    ----------
    held_out : str
        The one of :data:`FSDD_SPEAKERS` who is measured on and heard nowhere else.
    strings_per_speaker : int, optional
        How many to train on and to measure on. By default each recording comes about once: 90 strings of each speaker who
        trains, 100 of the other.
    seed : int
        Which recordings meet, and how long the pauses are.

    Returns
    -------
    Corpus
        Strings of takes 5 to 9 of those who train are there to choose settings by, 10 a speaker; no other string has any
        of these takes.

    Raises
    ------
    ArgumentError, DataError
        As for :func:`isolated`; no positive number of strings.
    """
    if strings_per_speaker is not None and strings_per_speaker < 1:
        raise ArgumentError(f"fsdd: strings_per_speaker must be at least 1, got {strings_per_speaker}")
    parts, n = _parts(held_out), strings_per_speaker
    train, dev, test = (_strings(part, parts[part], None if part == "dev" else n, seed) for part in _PARTS)
    return Corpus(_name("fsdd", held_out), train, dev, test, digits(), RATE)


def _strings(part: str, takes: Sequence[_Take], n_strings: int | None, seed: int) -> tuple[Utterance, ...]:
    """Each speaker's own, drawn by the seed, the speaker and the part."""
    utterances = []
    for speaker in sorted({take.speaker for take in takes}):
        own = [take for take in takes if take.speaker == speaker]
        key = (seed, FSDD_SPEAKERS.index(speaker), _PARTS.index(part))
        for i, string in enumerate(deal(own, np.random.default_rng(key), n_strings)):
            words = tuple(take.word for take in string)
            read = partial(_read_string, tuple(string), (*key, i))
            utterances.append(Utterance(f"{speaker}-{part}-{i:03}", speaker, words, read))
    return tuple(utterances)


def _read_string(string: tuple[_Take, ...], key: tuple[int, ...]) -> Audio:
    samples = join([take.read().samples for take in string], RATE, np.random.default_rng(key))
    return Audio(samples, RATE)


def _parts(held_out: str | None) -> Mapping[str, list[_Take]]:
    if held_out is not None and held_out not in FSDD_SPEAKERS:
        raise ArgumentError(f"fsdd: held_out must be one of {', '.join(FSDD_SPEAKERS)}, not {held_out!r}")
    parts: dict[str, list[_Take]] = {part: [] for part in _PARTS}
    for take in _takes():
        tested = take.speaker == held_out if held_out else take.index in _TEST_TAKES
        parts["test" if tested else "dev" if take.index in _DEV_TAKES else "train"].append(take)
    return parts


def _takes() -> list[_Take]:
    takes = []
    for name, wav in members(_ARCHIVE, tuple(folders("fsdd"))).items():
        if match := _NAME.fullmatch(name):
            digit, speaker, index = match.groups()
            takes.append(_Take(int(digit), speaker, int(index), wav))
    return sorted(takes, key=lambda take: (take.speaker, take.name))


def _name(name: str, held_out: str | None) -> str:
    return f"{name} (without {held_out})" if held_out else name
