"""Features of whole corpora: read, resampled, computed, and normalised by speaker; what cannot be read is set aside."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from ..errors import ArgumentError, DataError
from .audio import Audio, resample
from .corpora import Utterance
from .features import Frontend, deltas, get_profile
from .features.cmvn import Moments

Change = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class FeatureSettings:
    """Which features.

    Attributes
    ----------
    kind : {"mfcc", "fbank"}
        13 coefficients, or the logarithms of `n_filters` mel filters.
    rate : int
        In Hz; recordings at another rate are resampled.
    n_filters : int
    order : int
        Of the differences in time that are appended.
    variance : bool
        Whether each speaker's features are divided by their deviation, after their mean was taken out.
    """

    kind: Literal["mfcc", "fbank"] = "mfcc"
    rate: int = 16000
    n_filters: int = 23
    order: int = 2
    variance: bool = False

    def __post_init__(self) -> None:
        if self.kind not in ("mfcc", "fbank"):
            raise ArgumentError(f"features: kind must be 'mfcc' or 'fbank', got {self.kind!r}")

    def as_dict(self) -> dict[str, Any]:
        """For JSON; ``FeatureSettings(**d)`` is the way back."""
        return asdict(self)

    @property
    def shift(self) -> float:
        """Seconds from frame to frame."""
        return 0.01

    @property
    def offset(self) -> float:
        """Seconds from the start of a recording to where its first frame begins to stand for it.

        A frame of 25 ms stands for the 10 ms in its middle.
        """
        return 0.0075


@dataclass
class Extracted:
    """Features by utterance, and why others have none."""

    features: dict[str, np.ndarray] = field(default_factory=dict)
    set_aside: dict[str, str] = field(default_factory=dict)


class Extractor:
    """Computes features as some settings say.

    Parameters
    ----------
    settings : FeatureSettings
    """

    def __init__(self, settings: FeatureSettings) -> None:
        self.settings = settings
        profile = replace(get_profile("kaldi"), sample_rate=settings.rate, n_filters=settings.n_filters, dither=0.0)
        frontend = Frontend(profile)
        self._compute = frontend.mfcc if settings.kind == "mfcc" else frontend.fbank

    def static(self, audio: Audio, change: Change | None = None) -> np.ndarray:
        """Of one recording, before differences and normalisation, (frames, D) float32.

        Parameters
        ----------
        audio : Audio
        change : callable, optional
            What is done to the samples first; see :mod:`.audio.perturb`.

        Raises
        ------
        DataError
            Samples that are not finite, or too few for a frame.
        """
        samples = audio.samples
        if audio.rate != self.settings.rate:
            samples = resample(samples, audio.rate, self.settings.rate)
        if change is not None:
            samples = change(samples)
        return np.asarray(self._compute(samples, self.settings.rate), np.float32)

    def finished(self, static: np.ndarray, moments: Moments) -> np.ndarray:
        """Normalised, with differences in time, (frames, (order + 1) D) float32."""
        normalised = moments.normalise(static, self.settings.variance)
        return np.asarray(deltas(normalised, order=self.settings.order), np.float32) if self.settings.order else normalised

    def __call__(self, audio: Audio) -> np.ndarray:
        """Of one recording alone, normalised by itself; errors as :meth:`static`."""
        static = self.static(audio)
        return self.finished(static, Moments.of(static))

    def corpus(self, utterances: Iterable[Utterance], change: Change | None = None) -> Extracted:
        """Of many utterances, each speaker's normalised together; those that cannot be read or used are set aside."""
        statics, found, moments = dict[str, np.ndarray](), Extracted(), dict[str, Moments]()
        speakers = dict[str, str]()
        for utterance in utterances:
            try:
                static = self.static(utterance.read(), change)
            except DataError as error:
                found.set_aside[utterance.name] = str(error)
                continue
            statics[utterance.name], speaker = static, utterance.speaker
            own = Moments.of(static)
            moments[speaker] = moments[speaker] + own if speaker in moments else own
            speakers[utterance.name] = speaker
        found.features = {name: self.finished(static, moments[speakers[name]]) for name, static in statics.items()}
        return found
