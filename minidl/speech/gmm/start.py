"""Where EM begins: clusters of frames (k-means), or all states alike (flat start)."""

from __future__ import annotations

import numpy as np

from ...errors import ArgumentError, DataError
from .model import GMM
from .update import VARIANCE_FLOOR, floored


def flat_start(features: np.ndarray, n_states: int, full: bool = False, variance_floor: float = VARIANCE_FLOOR) -> GMM:
    """One Gaussian a state, all with mean and covariance of the data (Kaldi, gmm-init-mono).

    Parameters
    ----------
    features : (frames, D) array
    n_states : int
    full : bool
        Whole covariance matrices.
    variance_floor : float

    Raises
    ------
    ArgumentError, DataError
        No states; no frames, NaN or infinity.
    """
    x = _checked(features, 1)
    if n_states < 1:
        raise ArgumentError(f"gmm: n_states must be at least 1, got {n_states}")
    covariance = floored(_covariance(x, full)[None], variance_floor)
    means = np.repeat(x.mean(0)[None], n_states, 0)
    return GMM(np.ones(n_states), means, np.repeat(covariance, n_states, 0), [1] * n_states)


def kmeans_start(
    features: np.ndarray,
    n_components: int,
    full: bool = False,
    variance_floor: float = VARIANCE_FLOOR,
    iterations: int = 20,
    rng: np.random.Generator | int | None = None,
) -> GMM:
    """One state, whose components are the clusters that k-means finds (Lloyd 1982; seeds: Arthur and Vassilvitskii 2007).

    A cluster that loses all its frames is dropped, so there may be fewer.

    Parameters
    ----------
    features : (frames, D) array
    n_components : int
    full : bool
        Whole covariance matrices.
    variance_floor : float
    iterations : int
        At most so many rounds.
    rng : Generator or seed

    Raises
    ------
    ArgumentError, DataError
        No components; fewer frames than components, NaN or infinity.
    """
    if n_components < 1:
        raise ArgumentError(f"gmm: n_components must be at least 1, got {n_components}")
    x = _checked(features, n_components)
    scale = np.sqrt(np.maximum(x.var(0), variance_floor))  # a feature in large units must not decide alone
    clusters = _lloyd((x - x.mean(0)) / scale, n_components, iterations, np.random.default_rng(rng))
    parts = [x[clusters == k] for k in np.unique(clusters)]
    covariances = floored(np.stack([_covariance(part, full) for part in parts]), variance_floor)
    return GMM(np.array([len(part) for part in parts]) / len(x), np.stack([part.mean(0) for part in parts]), covariances)


def _lloyd(x: np.ndarray, k: int, iterations: int, rng: np.random.Generator) -> np.ndarray:
    """The cluster of each frame, (frames,)."""
    centers = x[rng.integers(len(x))][None]
    nearest = np.full(len(x), np.inf)
    while len(centers) < k:
        nearest = np.minimum(nearest, ((x - centers[-1]) ** 2).sum(1))
        if not nearest.any():
            break  # no frame is left that differs from all centres
        centers = np.concatenate([centers, x[rng.choice(len(x), p=nearest / nearest.sum())][None]])
    clusters = np.full(len(x), -1)
    for _ in range(max(1, iterations)):
        before, clusters = clusters, ((centers * centers).sum(1) - 2 * x @ centers.T).argmin(1)
        if (clusters == before).all():
            break
        for cluster in np.unique(clusters):
            centers[cluster] = x[clusters == cluster].mean(0)
    return clusters


def _covariance(x: np.ndarray, full: bool) -> np.ndarray:
    if not full:
        return x.var(0)
    centered = x - x.mean(0)
    return centered.T @ centered / len(x)


def _checked(features: np.ndarray, n_frames: int) -> np.ndarray:
    x = np.asarray(features, np.float64)
    if x.ndim != 2 or len(x) < n_frames:
        raise DataError(f"gmm: features must be (frames, D) with at least {n_frames} frames, got {x.shape}")
    if not np.isfinite(x).all():
        raise DataError("gmm: the features hold NaN or infinity; look at the recordings")
    return x
