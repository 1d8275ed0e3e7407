"""A task: a corpus with its features, the grammar of its sentences, and those who work on it."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from demos.common import FIGURES, say
from minidl import language
from minidl.errors import DataError
from minidl.speech.audio.perturb import change_speed
from minidl.speech.corpora import Corpus
from minidl.speech.decoder import Grammar, Loop, OneOf
from minidl.speech.extraction import Extracted, Extractor, FeatureSettings
from minidl.speech.grammar import NGramGrammar
from minidl.speech.phones import Material

from .settings import settings_for

STATIC, MFCC, FBANK = "static", "mfcc", "fbank"


@dataclass(frozen=True)
class Team:
    """Those who train one model together, each on a share of the utterances.

    Attributes
    ----------
    rank, size : int
    gather : callable
        Something of each of them, for all, in the order of the ranks.
    """

    rank: int = 0
    size: int = 1
    gather: Callable[[Any], list[Any]] = lambda own: [own]

    def together(self, statistics: Any) -> Any:
        """The sum over all of them; made in one order, so that all have the very same."""
        return functools.reduce(operator.add, self.gather(statistics))


class Task:
    """What a ladder is climbed on.

    Parameters
    ----------
    corpus : Corpus
    run : Path
        Where models are written.
    seed : int
    team : Team
    network : str, optional
        The kind that the settings are to have.
    name : str
        That by which the corpus was asked for, if it is one of ours; it has settings of its own.
    """

    def __init__(
        self, corpus: Corpus, run: Path, seed: int = 0, team: Team | None = None, network: str | None = None, name: str = ""
    ) -> None:
        self.corpus, self.run, self.seed, self.team = corpus, run, seed, team or Team()
        self.lexicon, self.set_aside = corpus.lexicon, dict(corpus.set_aside)
        self.feature_settings = {
            STATIC: FeatureSettings("mfcc", corpus.rate, order=0),
            MFCC: FeatureSettings("mfcc", corpus.rate),
            FBANK: FeatureSettings("fbank", corpus.rate, n_filters=40, order=0, variance=True),  # a network sees neighbours
        }
        self.features = functools.cache(self._features)
        n_frames = sum(map(len, self.features(MFCC, "train").values()))
        if len(self.features(MFCC, "train")) < self.team.size:
            raise DataError(f"{corpus.name}: fewer utterances to train on than ranks, {self.team.size}; start fewer")
        self.settings = settings_for(name, n_frames, network, corpus.isolated)

    def _features(self, kind: str, part: str, speed: float = 1.0) -> Mapping[str, np.ndarray]:
        """Of a part of the corpus, by utterance; also of the same said faster or slower."""
        change = None if speed == 1 else functools.partial(change_speed, factor=speed)
        found: Extracted = Extractor(self.feature_settings[kind]).corpus(getattr(self.corpus, part), change)
        if speed == 1:
            self.set_aside |= found.set_aside
        if not found.features and part == "train":
            name, why = next(iter(found.set_aside.items()), ("there are none", "no data"))
            raise DataError(f"{self.corpus.name}: no utterance can be used to train on; {name}: {why}")
        return found.features

    def transcripts(self, kind: str, part: str) -> dict[str, tuple[str, ...]]:
        """Of the utterances that have features."""
        return {u.name: u.words for u in getattr(self.corpus, part) if u.name in self.features(kind, part)}

    def material(self, kind: str) -> Material:
        """This one's share of the training part."""
        names = list(self.features(kind, "train"))[self.team.rank :: self.team.size]
        transcripts = self.transcripts(kind, "train")
        features = {name: self.features(kind, "train")[name] for name in names}
        return Material(features, {name: transcripts[name] for name in names}, self.lexicon, self.team.together)

    @functools.cached_property
    def grammar(self) -> Grammar:
        """One word, any words, or an n-gram of the training part's sentences."""
        if self.corpus.isolated:
            return OneOf(self.lexicon.words)
        if not self.settings.order:
            return Loop(self.lexicon.words)
        return NGramGrammar(self.language_model, self.lexicon.words)

    @functools.cached_property
    def language_model(self) -> language.LanguageModel:
        """An n-gram model with all words of the lexicon."""
        sentences = [u.words for u in self.corpus.train]
        vocabulary = language.Vocabulary(sorted({*self.lexicon.words, *(w for s in sentences for w in s)}))
        ids = vocabulary.encode_sentences(sentences)
        return language.witten_bell(language.count(ids, len(vocabulary), self.settings.order), vocabulary)

    def set_these_aside(self, reasons: Mapping[str, str]) -> None:
        """Remember why some utterances of this one's share were not used, for all."""
        for found in self.team.gather(dict(reasons)):
            self.set_aside |= found

    def report_set_aside(self) -> None:
        """Say once which utterances are not used, and why."""
        if self.set_aside and self.team.rank == 0:
            shown = [f"{name}: {why}" for name, why in list(self.set_aside.items())[:5]]
            more = f"; and {len(self.set_aside) - 5} more, all in the run's {FIGURES}" if len(self.set_aside) > 5 else ""
            say(f"set aside: {len(self.set_aside)} utterances ({'; '.join(shown)}{more})")


def references(transcripts: Mapping[str, Sequence[str]], names: Sequence[str]) -> list[Sequence[str]]:
    """The words of some utterances, in their order."""
    return [transcripts[name] for name in names]
