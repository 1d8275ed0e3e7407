"""More components where there are frames for them: how many each state gets, and how one becomes two."""

from __future__ import annotations

import heapq

import numpy as np

from ...errors import ArgumentError
from .model import GMM

_DECIMALS = 6  # of frames: states often have equally many, and then rounding, which differs with every sum, must not choose


def split_targets(occupancy: np.ndarray, total: int, power: float = 0.25, min_count: float = 20.0) -> np.ndarray:
    """How many components each state is to have, (states,); Kaldi, gmm/model-common.cc, GetSplitTargets.

    Each starts with one; the next goes to the state with the largest occupancy^power / components, as long as all its
    components would have more than `min_count` frames. Fewer than `total` are given out where there are not enough frames.

    Parameters
    ----------
    occupancy : (states,) array
        In frames.
    total : int
        Of all states.
    power : float
        1: in proportion to the frames; 0: evenly.
    min_count : float

    Raises
    ------
    ArgumentError
        Negative or infinite occupancies.
    """
    frames = np.asarray(occupancy, np.float64)
    if frames.ndim != 1 or not np.isfinite(frames).all() or (frames < 0).any():
        raise ArgumentError("gmm: occupancies must be (states,) finite numbers of frames, not negative")
    frames = np.round(frames, _DECIMALS)
    targets = np.ones(len(frames), np.int64)
    queue = [(-float(need), state) for state, need in enumerate(frames**power)]
    heapq.heapify(queue)
    while queue and targets.sum() < total:
        _, state = heapq.heappop(queue)
        if (targets[state] + 1) * min_count >= frames[state]:
            continue
        targets[state] += 1
        heapq.heappush(queue, (-float(frames[state] ** power / targets[state]), state))
    return targets


def split(model: GMM, targets: np.ndarray, perturb: float = 0.01, rng: np.random.Generator | int | None = None) -> GMM:
    """Halve each state's heaviest components until it has as many as it is to have; Kaldi, gmm/diag-gmm.cc, Split.

    The halves' means move apart by a random share of the standard deviations. A state that has enough stays as it is.

    Parameters
    ----------
    model : GMM
    targets : (states,) int array
    perturb : float
        In standard deviations.
    rng : Generator or seed

    Raises
    ------
    ArgumentError
        Targets of another number of states.
    """
    targets = np.asarray(targets)
    if targets.shape != (model.n_states,):
        raise ArgumentError(f"gmm: targets must be one a state, ({model.n_states},), got {targets.shape}")
    rng = np.random.default_rng(rng)
    variances = np.diagonal(model.covariances, axis1=1, axis2=2) if model.is_full else model.covariances
    weights, means, sources = list[float](), list[np.ndarray](), list[int]()
    for start, size, target in zip(model.starts, model.sizes, targets, strict=True):
        own = list(range(start, start + size))
        heights, places = model.weights[own].tolist(), list(model.means[own])
        while len(own) < target:
            heaviest = int(np.argmax(heights))
            step = perturb * np.sqrt(variances[own[heaviest]]) * rng.standard_normal(model.n_features)
            heights[heaviest] /= 2
            heights.append(heights[heaviest])
            places.append(places[heaviest] - step)
            places[heaviest] = places[heaviest] + step
            own.append(own[heaviest])
        weights, means, sources = weights + heights, means + places, sources + own
    return GMM(np.array(weights), np.stack(means), model.covariances[sources], np.maximum(model.sizes, targets).tolist())
