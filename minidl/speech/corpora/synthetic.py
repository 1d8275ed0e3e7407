"""A corpus that needs nothing: digits spoken by the synthesiser, whose true phones are known."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import ArgumentError
from ..audio import Audio
from ..lexicon import digits
from ..segments import Segment
from ..synthesis import RATES, Spoken, make_voice, speak
from .corpus import Corpus, Utterance
from .strings import LENGTHS


@dataclass(frozen=True)
class _Speech(Sequence[Segment]):
    """An utterance that is spoken when its sound or its phones are first asked for; as a sequence, its phones."""

    words: tuple[str, ...]
    voice_seed: tuple[int, ...]
    seed: tuple[int, ...]
    rate: int

    @functools.cached_property
    def spoken(self) -> Spoken:
        voice = make_voice(np.random.default_rng(self.voice_seed))
        return speak(self.words, voice, np.random.default_rng(self.seed), self.rate)

    def read(self) -> Audio:
        return self.spoken.audio

    def __len__(self) -> int:
        return len(self.spoken.phones)

    def __getitem__(self, index: Any) -> Any:
        return self.spoken.phones[index]


def load_synthetic(*, n_train: int = 160, n_dev: int = 20, n_test: int = 40, rate: int = 16000, seed: int = 0) -> Corpus:
    """Strings of 3 to 7 digits. Each part has voices of its own, one for ten utterances in training, else one for five.

    Parameters
    ----------
    n_train, n_dev, n_test : int
        Utterances.
    rate : int
        16000 or 8000 Hz.
    seed : int

    Raises
    ------
    ArgumentError
        No utterances to train on, a negative number of others, or another rate.
    """
    if n_train < 1 or n_dev < 0 or n_test < 0:
        raise ArgumentError(f"synthetic: it needs utterances to train on, got {n_train}, {n_dev}, {n_test}")
    if rate not in RATES:
        raise ArgumentError(f"synthetic: rate must be one of {', '.join(map(str, RATES))} Hz, got {rate!r}")
    return Corpus(
        "synthetic",
        train=_utterances("train", n_train, 10, rate, (seed, 0)),
        dev=_utterances("dev", n_dev, 5, rate, (seed, 1)),
        test=_utterances("test", n_test, 5, rate, (seed, 2)),
        lexicon=digits(),
        rate=rate,
    )


def _utterances(part: str, n: int, per_voice: int, rate: int, key: tuple[int, int]) -> tuple[Utterance, ...]:
    words = digits().words
    utterances = []
    for i in range(n):
        voice, seed = i // per_voice, (*key, 1, i)
        rng = np.random.default_rng((*seed, 0))
        string = tuple(words[k] for k in rng.integers(len(words), size=rng.integers(LENGTHS[0], LENGTHS[1] + 1)))
        speech = _Speech(string, (*key, 0, voice), seed, rate)
        utterances.append(Utterance(f"{part}-{i:03}", f"{part}-voice-{voice:02}", string, speech.read, speech))
    return tuple(utterances)
