"""What was measured so far: models of one text, what they said of it, and the line of each in the table."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from minidl import language
from minidl.language import corpora
from minidl.language.mixture import LinearMixture
from minidl.language.mixture.linear import fit_weights, weighted_mean
from minidl.language.perplexity import perplexity_from
from minidl.language.report import Result
from minidl.language.vocabulary import START_ID
from minidl.train import History

from .settings import Settings


class Table:
    """What was measured so far, on one text.

    Attributes
    ----------
    models : dict of LanguageModel by name
    results : list of Result
    histories : dict of History
        Of the networks' trainings.
    weights : dict of dict of float
        Of the linear mixtures' parts.
    """

    def __init__(self, corpus: corpora.Corpus, settings: Settings) -> None:
        self.corpus, self.settings = corpus, settings
        self.vocabulary = language.Vocabulary.from_sentences(corpus.train, settings.min_count)
        self.train, self.valid, self.test = (
            self.vocabulary.encode_sentences(part) for part in (corpus.train, corpus.valid, corpus.test)
        )
        self.counts = np.bincount(self.train, minlength=len(self.vocabulary))
        self.models: dict[str, language.LanguageModel] = {}
        self.results: list[Result] = []
        self.histories: dict[str, History] = {}
        self.weights: dict[str, dict[str, float]] = {}
        self._said: dict[tuple[str, str], np.ndarray] = {}

    def add(
        self, name: str, kind: str, model: language.LanguageModel, seconds: float | None = None, surrogate: str = ""
    ) -> None:
        """Measure a model and print its line."""
        self.models[name] = model
        known, start = (name, "test") in self._said, time.perf_counter()
        said = self.said(name, "test")
        speed = None if known else int((self.test != START_ID).sum()) / (time.perf_counter() - start)
        found = perplexity_from(said, self.test)
        result = Result(
            name, kind, found.including_unknown, found.excluding_unknown, model.n_parameters, seconds, speed, surrogate
        )
        self.results.append(result)
        print(line(result), flush=True)

    def mix(self, parts: Sequence[str], name: str = "") -> None:
        """Add the linear mixture of some models, with the weights that suit the validation part best."""
        words = self.valid != START_ID
        weights = fit_weights(np.array([self.said(name, "valid")[words] for name in parts]))
        mean = weighted_mean([self.said(name, "test") for name in parts], weights)
        name = name or " + ".join(parts)
        self._said[name, "test"] = np.where(self.test == START_ID, 0.0, mean)
        self.weights[name] = dict(zip(parts, map(float, weights), strict=True))
        self.add(name, "mixture", LinearMixture([self.models[part] for part in parts], weights))

    def said(self, name: str, part: str) -> np.ndarray:
        """Log probabilities of the tokens of ``"valid"`` or ``"test"``, by a model; asked once."""
        if (name, part) not in self._said:
            self._said[name, part] = self.models[name].score_tokens(getattr(self, part))
        return self._said[name, part]

    def of(self, name: str) -> float:
        """A model's perplexity."""
        return next(result.including_unknown for result in self.results if result.name == name)

    def best(self, kind: str) -> str:
        """The name of the best model of a kind."""
        return min((r for r in self.results if r.kind == kind), key=lambda r: r.including_unknown).name

    def names(self, kind: str) -> list[str]:
        """Names of the models of a kind."""
        return [result.name for result in self.results if result.kind == kind]


HEADER = f"{'model':<46} {'perplexity':>10} {'known words':>12} {'parameters':>12} {'seconds':>8} {'words/s':>10}  surrogate"


def line(r: Result) -> str:
    """A line of the table."""
    seconds = "" if r.seconds is None else f"{r.seconds:.1f}"
    speed = "" if r.words_per_second is None else f"{r.words_per_second:,.0f}"
    figures = f"{r.including_unknown:>10.2f} {r.excluding_unknown:>12.2f} {r.parameters:>12,} {seconds:>8} {speed:>10}"
    return f"{r.name:<46} {figures}  {r.surrogate}".rstrip()
