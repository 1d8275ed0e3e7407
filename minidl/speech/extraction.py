"""Features of whole corpora: read, resampled, computed, and normalised by speaker; what cannot be read is set aside."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from ..errors import ArgumentError, DataError
from .audio import Audio, resample
from .audio.clip import RATES
from .corpora import Utterance
from .features import Frontend, Moments, Profile, deltas, get_profile

Change = Callable[[np.ndarray], np.ndarray]
_LIMITS = {"rate": RATES, "n_filters": (13, 1000), "order": (0, 10)}  # settings come out of files, too


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

    Raises
    ------
    ArgumentError
        A value that is none of these or out of its range.
    """

    kind: Literal["mfcc", "fbank"] = "mfcc"
    rate: int = 16000
    n_filters: int = 23
    order: int = 2
    variance: bool = False

    def __post_init__(self) -> None:
        if self.kind not in ("mfcc", "fbank"):
            raise ArgumentError(f"features: kind must be 'mfcc' or 'fbank', got {self.kind!r}")
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            if not isinstance(value, int) or not low <= value <= high:
                raise ArgumentError(f"features: {name} must be a whole number from {low} to {high}, got {value!r}")
        if not isinstance(self.variance, bool):
            raise ArgumentError(f"features: variance must be true or false, got {self.variance!r}")

    def as_dict(self) -> dict[str, Any]:
        """For JSON; ``FeatureSettings(**d)`` is the way back."""
        return asdict(self)

    @property
    def profile(self) -> Profile:
        """The conventions of the front end, which are Kaldi's."""
        return replace(get_profile("kaldi"), sample_rate=self.rate, n_filters=self.n_filters)

    @property
    def shift(self) -> float:
        """Seconds from frame to frame: 10 ms, in whole samples."""
        return self.profile.shift_samples / self.rate

    @property
    def offset(self) -> float:
        """Seconds from the start of a recording to where its first frame begins to stand for it.

        A frame of 25 ms stands for the 10 ms in its middle.
        """
        return (self.profile.frame_samples - self.profile.shift_samples) / 2 / self.rate


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
        frontend = Frontend(settings.profile)
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
            Samples that are not finite, or too few for a frame; silence, where all are the same.
        ArgumentError
            A rate that cannot be resampled; floats in the scale of integers.
        """
        samples = audio.samples
        if samples.size and samples.min() == samples.max():
            raise DataError(f"the recording is silent: all of its {samples.size} samples are {samples[0]:g}; leave it out")
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
        found, moments = Extracted(), dict[str, Moments]()
        statics = dict[str, tuple[str, np.ndarray]]()
        for utterance in utterances:
            speaker = utterance.speaker
            try:
                static = self.static(utterance.read(), change)
                own = Moments.of(static)
            except (ArgumentError, DataError) as error:  # its rate or scale may be wrong, too
                found.set_aside[utterance.name] = str(error)
                continue
            statics[utterance.name] = speaker, static
            moments[speaker] = moments[speaker] + own if speaker in moments else own
        found.features = {name: self.finished(static, moments[speaker]) for name, (speaker, static) in statics.items()}
        return found
