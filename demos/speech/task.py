"""A task: a corpus with its features, the grammar of its sentences, and those who work on it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from demos.common import say
from minidl import language
from minidl.errors import DataError
from minidl.speech.audio.perturb import change_speed
from minidl.speech.corpora import Corpus
from minidl.speech.decoder import Grammar, Loop, OneOf
from minidl.speech.extraction import Extracted, Extractor, FeatureSettings
from minidl.speech.grammar import NGramGrammar
from minidl.speech.phones import Material
from minidl.speech.phones.material import Together, alone

from .settings import settings_for

STATIC, MFCC, FBANK = "static", "mfcc", "fbank"


@dataclass(frozen=True)
class Team:
    """Those who train one model together, each on a share of the utterances.

    Attributes
    ----------
    rank, size : int
    together : callable
        The sum over all of them.
    """

    rank: int = 0
    size: int = 1
    together: Together = alone


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
    """

    def __init__(
        self, corpus: Corpus, run: Path, seed: int = 0, team: Team | None = None, network: str | None = None
    ) -> None:
        self.corpus, self.run, self.seed, self.team = corpus, run, seed, team or Team()
        self.lexicon, self.set_aside = corpus.lexicon, dict(corpus.set_aside)
        self.feature_settings = {
            STATIC: FeatureSettings("mfcc", corpus.rate, order=0),
            MFCC: FeatureSettings("mfcc", corpus.rate),
            FBANK: FeatureSettings("fbank", corpus.rate, n_filters=40, variance=True),
        }
        self.features = functools.cache(self._features)
        n_frames = sum(map(len, self.features(MFCC, "train").values()))
        self.settings = settings_for(corpus.name.split()[0], n_frames, network, corpus.isolated)

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

    def report_set_aside(self) -> None:
        """Say once which utterances are not used, and why."""
        if self.set_aside and self.team.rank == 0:
            shown = [f"{name}: {why}" for name, why in list(self.set_aside.items())[:5]]
            more = f"; and {len(self.set_aside) - 5} more" if len(self.set_aside) > 5 else ""
            say(f"set aside: {len(self.set_aside)} utterances ({'; '.join(shown)}{more})")


def references(transcripts: Mapping[str, Sequence[str]], names: Sequence[str]) -> list[Sequence[str]]:
    """The words of some utterances, in their order."""
    return [transcripts[name] for name in names]
