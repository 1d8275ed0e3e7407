"""Passes over the data: accumulate along the alignments, update, split; align anew on a schedule (Kaldi, train_mono.sh)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ...errors import ArgumentError, TrainingError
from ..gmm import GMMStatistics, Sums, accumulate_aligned, split, split_targets
from ..hmm import Mixtures
from .alignment import Aligned, Alignment, align, count_transitions, frames_of
from .material import Material
from .model import AcousticModel
from .phone_set import PhoneCounts

_SLACK = 1e-9  # relative: what rounding may take from a likelihood that stands still
Progress = Callable[["Pass"], None]


@dataclass(frozen=True)
class Schedule:
    """What happens when.

    Attributes
    ----------
    iterations : int
    realign_at : frozenset of int
        Iterations, from 1 on, that begin with a new alignment.
    gaussians : int
        Of all pdfs together, reached in even steps.
    split_until : int
        The last iteration that splits.
    power : float
        See :func:`minidl.speech.gmm.split_targets`.
    all_paths : int
        Iterations of Baum-Welch that come before the others, from a flat start; Kaldi has none.
    """

    iterations: int = 40
    realign_at: frozenset[int] = frozenset({*range(1, 11), 12, 14, 16, 18, 20, 23, 26, 29, 32, 35, 38})
    gaussians: int = 1000
    split_until: int = 30
    power: float = 0.25
    all_paths: int = 0

    def __post_init__(self) -> None:
        least = min(self.iterations, self.gaussians) >= 1 and self.all_paths >= 0
        if not least or not 0 <= self.split_until <= self.iterations:
            raise ArgumentError(
                "schedule: needs iterations >= 1, 0 <= split_until <= iterations, gaussians >= 1, all_paths >= 0; "
                f"got {self}"
            )

    def total(self, iteration: int, at_first: int) -> int:
        """How many Gaussians there should be after an iteration."""
        share = min(1.0, iteration / self.split_until) if self.split_until else 1.0
        return round(at_first + share * max(0, self.gaussians - at_first))


@dataclass(frozen=True)
class Pass:
    """What one iteration found, before its update.

    Attributes
    ----------
    iteration : int
    log_likelihood : float
        A frame, of frames along their alignments.
    gaussians, frames, set_aside : int
        So many Gaussians; frames that were used; utterances that were not.
    realigned : bool
    """

    iteration: int
    log_likelihood: float
    gaussians: int
    frames: int
    set_aside: int
    realigned: bool


@dataclass
class Trained:
    """A model, how it came about, and the last alignments of the utterances it was trained on.

    Attributes
    ----------
    model : AcousticModel
    aligned : Aligned
    passes : list of Pass
    occupancy : (pdfs,) array
        Frames of each pdf in the last pass.
    """

    model: AcousticModel
    aligned: Aligned
    passes: list[Pass] = field(default_factory=list)
    occupancy: np.ndarray = field(default_factory=lambda: np.zeros(0))


@dataclass
class PassStatistics(Sums):
    """What an update needs; those of several who train together add up."""

    mixtures: GMMStatistics
    transitions: PhoneCounts
    log_likelihood: float
    frames: int
    set_aside: int


def train_passes(
    model: AcousticModel, aligned: Aligned, material: Material, schedule: Schedule,
    rng: np.random.Generator | int | None = None, progress: Progress | None = None,
) -> Trained:  # fmt: skip
    """Train mixtures from first alignments on.

    Parameters
    ----------
    model : AcousticModel
        Whose emission is :class:`.Mixtures`.
    aligned : Aligned
        Where to begin.
    material : Material
    schedule : Schedule
    rng : Generator or seed
        Of the splits; the same for all who train together.
    progress : callable, optional
        Told of each pass.

    Raises
    ------
    TrainingError
        No utterance can be aligned; an update that kept alignments and Gaussians lowered the likelihood.
    DataError
        Alignments of other frames than the material's.
    """
    rng = np.random.default_rng(rng)
    at_first, trained, comparable = mixtures_of(model).model.n_components, Trained(model, aligned), False
    for iteration in range(1, schedule.iterations + 1):
        realigned = iteration in schedule.realign_at
        if realigned:
            trained.aligned = align(trained.model, material.features, material.transcripts, material.lexicon)
        statistics = material.together(accumulate_passes(trained.model, trained.aligned, material))
        trained.occupancy = np.add.reduceat(statistics.mixtures.occupancy, mixtures_of(trained.model).model.starts)
        refuse_nothing(statistics, trained.aligned.set_aside)
        now = Pass(
            iteration, statistics.log_likelihood / statistics.frames, mixtures_of(trained.model).model.n_components,
            statistics.frames, statistics.set_aside, realigned,
        )  # fmt: skip
        if comparable and not realigned:
            _refuse_a_fall(trained.passes[-1], now)
        trained.passes.append(now)
        if progress is not None:
            progress(now)
        trained.model, comparable = _updated_and_split(trained.model, statistics, iteration, at_first, schedule, rng)
    return trained


def accumulate_passes(model: AcousticModel, aligned: Aligned, material: Material) -> PassStatistics:
    """The E-step along alignments."""
    counts, alignments = model.phones.no_counts(), aligned.alignments
    for alignment in alignments.values():
        count_transitions(alignment, counts)
    mixtures = mixtures_of(model).model
    if alignments:
        features = np.concatenate(frames_of(alignments, material.features))
        pdfs = np.concatenate([pdfs_of(model, a) for a in alignments.values()])
    else:
        features, pdfs = np.zeros((0, mixtures.n_features)), np.zeros(0, np.int64)
    statistics, log_likelihood = accumulate_aligned(mixtures, features, pdfs)
    return PassStatistics(statistics, counts, log_likelihood, len(pdfs), len(aligned.set_aside))


def pdfs_of(model: AcousticModel, alignment: Alignment) -> np.ndarray:
    """The pdf of each frame, (frames,) int."""
    lefts, rights = alignment.neighbours(model.phones.silence)
    return model.tying.of_frames(alignment.phones, alignment.states, lefts, rights)


def _refuse_a_fall(before: Pass, now: Pass) -> None:
    loss = before.log_likelihood - now.log_likelihood
    if loss > _SLACK * max(abs(before.log_likelihood), 1.0):
        raise TrainingError(
            f"iteration {now.iteration} finds the log-likelihood lowered by {loss:.3g} a frame; raise the variance floor"
        )


def refuse_nothing(statistics: PassStatistics, set_aside: Mapping[str, str]) -> None:
    """TrainingError if no utterance was used, with one of the reasons."""
    if not statistics.frames:
        name, why = next(iter(set_aside.items()), ("there are none", "no data"))
        raise TrainingError(f"none of the utterances can be aligned; {name}: {why}")


def updated(model: AcousticModel, statistics: PassStatistics) -> AcousticModel:
    """The M-step: mixtures and transitions."""
    return AcousticModel(
        model.phones.reestimated(statistics.transitions), model.tying, mixtures_of(model).update(statistics.mixtures)
    )


def _updated_and_split(
    model: AcousticModel, statistics: PassStatistics, iteration: int, at_first: int, schedule: Schedule,
    rng: np.random.Generator,
) -> tuple[AcousticModel, bool]:  # fmt: skip
    """The next model, and whether its likelihood can be compared: no Gaussian was removed or split."""
    n_before, starts = mixtures_of(model).model.n_components, mixtures_of(model).model.starts
    new = updated(model, statistics)
    emission = mixtures_of(new)
    kept = emission.model.n_components
    if iteration <= schedule.split_until:
        occupancy = np.add.reduceat(statistics.mixtures.occupancy, starts)
        targets = split_targets(occupancy, schedule.total(iteration, at_first), schedule.power)
        emission = Mixtures(split(emission.model, targets, rng=rng), emission.variance_floor, emission.min_occupancy)
    return AcousticModel(new.phones, new.tying, emission), n_before == kept == emission.model.n_components


def mixtures_of(model: AcousticModel) -> Mixtures:
    """The model's mixtures; ArgumentError if something else scores its frames."""
    if not isinstance(model.emission, Mixtures):
        raise ArgumentError(f"training by passes needs Mixtures, not {type(model.emission).__name__}")
    return model.emission
