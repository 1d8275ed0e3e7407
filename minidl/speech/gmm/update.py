"""The M-step: the most likely mixtures for given sums, with variances that cannot collapse.

The floor is a constraint, and the result the most likely one under it. So EM still never loses, as long as the model
that it begins with keeps the floor too.
"""

from __future__ import annotations

import numpy as np

from ...errors import ArgumentError
from .model import GMM
from .statistics import GMMStatistics

VARIANCE_FLOOR, MIN_OCCUPANCY = 1e-3, 10.0  # Kaldi's, gmm/mle-diag-gmm.h
_TINY = float(np.finfo(np.float64).tiny)


def update(
    model: GMM,
    statistics: GMMStatistics,
    variance_floor: float | np.ndarray = VARIANCE_FLOOR,
    min_occupancy: float = MIN_OCCUPANCY,
) -> GMM:
    """The next model: Bishop (2006), 9.24-9.27.

    A component with too few frames is removed, unless it is its state's heaviest; a state that has too few stays as it was.

    Parameters
    ----------
    model : GMM
        That the statistics were made with.
    statistics : GMMStatistics
    variance_floor : float or (D,) array
        See :func:`floored`.
    min_occupancy : float
        In frames.

    Raises
    ------
    ArgumentError
        Statistics of another model; a floor that is not above 0.
    """
    occupancy = statistics.occupancy
    if statistics.first.shape != model.means.shape or statistics.second.shape != model.covariances.shape:
        raise ArgumentError(f"gmm: statistics of {statistics.first.shape} do not belong to a model of {model.means.shape}")
    least = max(min_occupancy, _TINY)
    starved = (np.add.reduceat(occupancy, model.starts) < least)[model.states]
    keep = starved | (occupancy >= least) | _heaviest(model, occupancy)
    counts = np.where(starved | ~keep, 1.0, occupancy)  # what is divided by 1 here is not used
    means = statistics.first / counts[:, None]
    if model.is_full:
        second = statistics.second / counts[:, None, None] - means[:, :, None] * means[:, None, :]
        starved_covariances = starved[:, None, None]
    else:
        second = statistics.second / counts[:, None] - means * means
        starved_covariances = starved[:, None]
    kept = np.where(keep, occupancy, 0.0)
    totals = np.maximum(np.add.reduceat(kept, model.starts)[model.states], _TINY)
    weights = np.where(starved, model.weights, kept / totals)
    means = np.where(starved[:, None], model.means, means + model.center)
    covariances = floored(np.where(starved_covariances, model.covariances, second), variance_floor)
    sizes = np.add.reduceat(keep.astype(np.int64), model.starts).tolist()
    return GMM(weights[keep], means[keep], covariances[keep], sizes)


def floored(covariances: np.ndarray, floor: float | np.ndarray) -> np.ndarray:
    """Covariances raised to a floor, in as few directions as that takes.

    Variances become at least `floor`. A matrix S becomes the most likely one of those for which S - diag(floor) has no
    negative eigenvalue: measured in units of the floor, its eigenvalues become at least 1 (Kaldi, SpMatrix::ApplyFloor).

    Parameters
    ----------
    covariances : (C, D) or (C, D, D) array
    floor : float or (D,) array
        Above 0, in squared units of the features.

    Raises
    ------
    ArgumentError
        A floor that is none.
    """
    floor = np.asarray(floor, np.float64)
    if floor.shape not in {(), covariances.shape[1:2]} or not (np.isfinite(floor) & (floor > 0)).all():
        raise ArgumentError(f"gmm: the variance floor must be above 0, one or {covariances.shape[1]} numbers, got {floor}")
    if covariances.ndim == 2:
        return np.maximum(covariances, floor)
    unit = np.broadcast_to(np.sqrt(floor), covariances.shape[1:2])
    scale = unit[:, None] * unit
    values, vectors = np.linalg.eigh(covariances / scale)
    low = values.min(1) < 1
    raised = (vectors[low] * np.maximum(values[low], 1)[:, None]) @ vectors[low].swapaxes(1, 2) * scale
    result = covariances.copy()
    result[low] = (raised + raised.swapaxes(1, 2)) / 2
    return result


def _heaviest(model: GMM, occupancy: np.ndarray) -> np.ndarray:
    """Whether each component is the one with the most frames in its state, (C,) bool."""
    order = np.lexsort((-occupancy, model.states))
    heaviest = np.zeros(model.n_components, bool)
    heaviest[order[model.starts]] = True
    return heaviest
