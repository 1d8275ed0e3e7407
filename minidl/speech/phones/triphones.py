"""The next recogniser: phones in context, their states tied by decision trees (Kaldi, steps/train_deltas.sh)."""

from __future__ import annotations

import numpy as np

from ...errors import TrainingError
from ..gmm import GMM, floored
from ..gmm.update import VARIANCE_FLOOR
from ..hmm import Mixtures
from .contexts import ContextStatistics, accumulate_contexts
from .material import Material
from .model import AcousticModel
from .passes import Progress, Schedule, Trained, train_passes
from .tree import Leaf, grow

SCHEDULE = Schedule(iterations=35, realign_at=frozenset({10, 20, 30}), split_until=25)


def train_triphones(
    before: Trained, material: Material, n_leaves: int, schedule: Schedule = SCHEDULE, min_count: float = 100.0,
    rng: np.random.Generator | int | None = None, progress: Progress | None = None,
) -> tuple[Trained, list[Leaf]]:  # fmt: skip
    """A model of phones in context, from the alignments of an earlier model.

    Parameters
    ----------
    before : Trained
    material : Material
        Whose features may be others than those of the earlier model, frame by frame.
    n_leaves, min_count
        See :func:`.grow`.
    schedule, rng, progress
        See :func:`.train_passes`.

    Returns
    -------
    Trained, list of Leaf
        Leaves are the pdfs.

    Raises
    ------
    ArgumentError, DataError, TrainingError
        See :func:`.grow` and :func:`.train_passes`; no utterance is aligned.
    """
    phones = before.model.phones
    statistics = material.together(accumulate_contexts(before.aligned.alignments, material.features, phones))
    if not statistics.counts.sum():
        raise TrainingError("triphones: the earlier model has aligned none of the utterances")
    tying, leaves = grow(statistics, phones, n_leaves, min_count)
    model = AcousticModel(phones, tying, Mixtures(_gaussians(statistics, leaves)))
    return train_passes(model, before.aligned, material, schedule, rng, progress), leaves


def _gaussians(statistics: ContextStatistics, leaves: list[Leaf]) -> GMM:
    """One a leaf; a leaf that was never seen has that of all frames."""
    everything = np.arange(len(statistics.counts))
    means, variances = [], []
    for leaf in leaves:
        rows = leaf.rows if len(leaf.rows) else everything
        count = statistics.counts[rows].sum()
        mean = statistics.first[rows].sum(0) / count
        means.append(mean)
        variances.append(statistics.second[rows].sum(0) / count - mean**2)
    n = len(leaves)
    return GMM(np.ones(n), np.stack(means), floored(np.stack(variances), VARIANCE_FLOOR), [1] * n)
