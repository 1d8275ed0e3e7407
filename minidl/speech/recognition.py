"""Recognisers, whatever is inside: features in, words out, with weights that can still be chosen afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from .ctc import CtcNetwork, WordDecoder
from .decoder import Decoder, Grammar, Hypothesis
from .lexicon import Lexicon
from .phones import AcousticModel


class Found(Protocol):
    """What was recognised in an utterance: several sentences, of which the weights choose; a lattice is one."""

    def best(self, lm_weight: float | None = None, insertion_penalty: float | None = None) -> Hypothesis: ...

    def n_best(
        self, n: int, lm_weight: float | None = None, insertion_penalty: float | None = None
    ) -> list[Hypothesis]: ...


Recogniser = Callable[[np.ndarray], Found]  # features (frames, D)


def hybrid(model: AcousticModel, lexicon: Lexicon, grammar: Grammar, **options: Any) -> Recogniser:
    """An acoustic model, of mixtures or with a network, and the decoder; `options` are those of :class:`.Decoder`."""
    decoder = Decoder(model.phones, model.tying, lexicon, grammar, **options)

    def recognise(features: np.ndarray) -> Found:
        return decoder.decode(model.emission.log_likelihood(model.emission.checked(features, "the utterance")))

    return recognise


def ctc(network: CtcNetwork, lexicon: Lexicon, grammar: Grammar, n_best: int = 20, **options: Any) -> Recogniser:
    """A CTC network and its prefix search; `options` are those of :class:`.WordDecoder`."""
    decoder = WordDecoder(network.labels, lexicon, grammar, **options)

    def recognise(features: np.ndarray) -> Found:
        return Sentences(decoder.n_best(network.log_probs(features), n_best), decoder.lm_weight, decoder.insertion_penalty)

    return recognise


@dataclass(frozen=True)
class Sentences:
    """The best sentences of a search, which other weights may put in another order.

    Attributes
    ----------
    hypotheses : sequence of Hypothesis
    lm_weight, insertion_penalty : float
        Those of the search, taken where no others are given.
    """

    hypotheses: Sequence[Hypothesis]
    lm_weight: float
    insertion_penalty: float

    def best(self, lm_weight: float | None = None, insertion_penalty: float | None = None) -> Hypothesis:
        return self.n_best(1, lm_weight, insertion_penalty)[0]

    def n_best(
        self, n: int, lm_weight: float | None = None, insertion_penalty: float | None = None
    ) -> list[Hypothesis]:
        """The `n` most likely ones, or as many as there are."""
        weight = self.lm_weight if lm_weight is None else lm_weight
        penalty = self.insertion_penalty if insertion_penalty is None else insertion_penalty
        scored = [replace(h, score=h.acoustic + weight * (h.lm - penalty * len(h.words))) for h in self.hypotheses]
        return sorted(scored, key=lambda h: -h.score)[:n]


@dataclass(frozen=True)
class Recognised:
    """What was found in some utterances.

    Attributes
    ----------
    found : dict
    seconds, speech : float
        Of computing and of speech.
    """

    found: dict[str, Found]
    seconds: float
    speech: float

    @property
    def real_time_factor(self) -> float:
        """Seconds of computing a second of speech; NaN if there was none."""
        return self.seconds / self.speech if self.speech else nan

    def words(self, lm_weight: float, insertion_penalty: float) -> dict[str, tuple[str, ...]]:
        """The best sentence of each utterance."""
        return {name: found.best(lm_weight, insertion_penalty).words for name, found in self.found.items()}


def recognise(recogniser: Recogniser, features: Mapping[str, np.ndarray], shift: float = 0.01) -> Recognised:
    """Recognise utterances one after the other, by the clock; features are `shift` seconds apart."""
    start = perf_counter()
    found = {name: recogniser(own) for name, own in features.items()}
    return Recognised(found, perf_counter() - start, shift * sum(map(len, features.values())))
