"""The first recogniser: a flat start, then monophones trained by passes (Kaldi, steps/train_mono.sh)."""

from __future__ import annotations

import numpy as np

from ...errors import DataError
from ..features.cmvn import Moments
from ..gmm import GMM
from ..gmm.update import VARIANCE_FLOOR, floored
from ..hmm import Mixtures
from .alignment import Aligned, align, equal_alignment
from .embedded import train_all_paths
from .material import Material
from .model import AcousticModel
from .passes import (
    Progress,
    Schedule,
    Trained,
    accumulate_passes,
    mixtures_of,
    refuse_nothing,
    train_passes,
    updated,
)  # fmt: skip
from .phone_set import PhoneSet
from .tying import monophones

_FEW = 3.0  # frames that are enough for a Gaussian in the first update, whose alignment is arbitrary


def train_monophones(
    material: Material, phones: PhoneSet | None = None, schedule: Schedule | None = None,
    aligned: Aligned | None = None, rng: np.random.Generator | int | None = None, progress: Progress | None = None,
) -> Trained:  # fmt: skip
    """A model of single phones, from nothing but transcripts.

    Every state begins with mean and variance of all frames. Then either all paths of each transcript are weighed for some
    iterations, or frames are dealt out evenly to its states; from then on the model itself aligns them.

    Parameters
    ----------
    material : Material
    phones : PhoneSet, optional
        Otherwise the lexicon's, with 3 states each and a silence of 5.
    schedule : Schedule, optional
        Kaldi's.
    aligned : Aligned, optional
        Where to begin, instead of the even alignment: by a model of the same phones, perhaps of other features.
    rng, progress
        See :func:`.train_passes`.

    Raises
    ------
    DataError
        Features that are not finite, or not (frames, D) with the same D.
    TrainingError
        No utterance can be used.
    """
    if phones is None:
        phones = PhoneSet.of(material.lexicon.phones, material.lexicon.silence)
    schedule, tying = schedule or Schedule(), monophones(phones)
    flat = AcousticModel(phones, tying, Mixtures(_flat(material, tying.n_pdfs), min_occupancy=_FEW))
    if aligned is None and schedule.all_paths:
        model, passes = train_all_paths(flat, material, schedule.all_paths, progress)
        aligned = align(model, material.features, material.transcripts, material.lexicon)
    else:
        aligned = _evenly(material, phones) if aligned is None else aligned
        statistics, passes = material.together(accumulate_passes(flat, aligned, material)), []
        refuse_nothing(statistics, aligned.set_aside)
        model = updated(flat, statistics)
    model = AcousticModel(model.phones, tying, Mixtures(mixtures_of(model).model))  # again with the usual least occupancy
    trained = train_passes(model, aligned, material, schedule, rng, progress)
    trained.passes = passes + trained.passes
    return trained


def _evenly(material: Material, phones: PhoneSet) -> Aligned:
    """The first alignment, which is arbitrary."""
    aligned = Aligned()
    for name, features in material.features.items():
        try:
            words = material.transcripts[name]
            aligned.alignments[name] = equal_alignment(words, len(features), material.lexicon, phones)
        except DataError as error:
            aligned.set_aside[name] = str(error)
    return aligned


def _flat(material: Material, n_pdfs: int) -> GMM:
    """All pdfs alike, with mean and variance of all frames."""
    width = next((np.shape(f)[-1:] for f in material.features.values()), ())  # without utterances others know it
    moments = Moments(0, np.zeros(width), np.zeros(width))
    for name, features in material.features.items():
        if np.ndim(features) != 2 or np.shape(features)[1:] != width:
            raise DataError(f"utterance {name}: features must be (frames, {width[0]}), got {np.shape(features)}")
        try:
            moments += Moments.of(features)
        except DataError as error:
            raise DataError(f"utterance {name}: {error}") from None
    moments = material.together(moments)
    n = max(moments.count, 1)
    mean = np.atleast_1d(moments.total) / n
    variance = floored((moments.squares / n - mean**2)[None], VARIANCE_FLOOR)
    return GMM(np.ones(n_pdfs), np.repeat(mean[None], n_pdfs, 0), np.repeat(variance, n_pdfs, 0), [1] * n_pdfs)
