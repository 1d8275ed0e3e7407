"""What EM needs to know of the data: sums over frames, so that those of files, or of ranks, add up to those of all."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from ...errors import ArgumentError
from .model import GMM


@dataclass
class Sums:
    """A record of sums; two of them add field by field."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


@dataclass
class GMMStatistics(Sums):
    """Of each component, sums over frames weighted by how far they belong to it; Bishop (2006), 9.24-9.27.

    Frames are taken relative to the model's centre: only sums made with the same model may be added.

    Attributes
    ----------
    occupancy : (C,) array
        In frames.
    first : (C, D) array
        Of the frames.
    second : (C, D) or (C, D, D) array
        Of their squares or outer products.
    """

    occupancy: np.ndarray
    first: np.ndarray
    second: np.ndarray


def accumulate(model: GMM, features: np.ndarray, posteriors: np.ndarray | None = None) -> GMMStatistics:
    """The E-step: share each frame among the components of its states.

    Parameters
    ----------
    model : GMM
    features : (frames, D) array
    posteriors : (frames, states) array, optional
        How far each frame belongs to each state; otherwise 1, for a model of one state.

    Raises
    ------
    ArgumentError, DataError
        As :meth:`.GMM.log_likelihood`; posteriors of another shape.
    """
    x = model.checked(features)
    if posteriors is None and model.n_states == 1:
        posteriors = np.ones((len(x), 1))
    if posteriors is None or posteriors.shape != (len(x), model.n_states):
        got = None if posteriors is None else posteriors.shape
        raise ArgumentError(f"gmm: posteriors must be ({len(x)}, {model.n_states}), frames by states, got {got}")
    if model.n_components > model.n_states:
        joint = model.log_joint(x)
        shares = np.exp(joint - model.per_state(joint)[:, model.states])
        posteriors = posteriors[:, model.states] * shares
    return _sums(x - model.center, posteriors, model.is_full)


def accumulate_aligned(model: GMM, features: np.ndarray, states: np.ndarray) -> tuple[GMMStatistics, float]:
    """:func:`accumulate` where each frame is certain of its state, and the frames' log-likelihood.

    Only the state's own components are looked at, so the time does not grow with the number of states.

    Parameters
    ----------
    model : GMM
    features : (frames, D) array
    states : (frames,) int array

    Raises
    ------
    ArgumentError, DataError
        As :meth:`.GMM.log_likelihood`; states of another number of frames, or that the model has not.
    """
    x, states = model.checked(features), np.asarray(states, np.int64)
    if states.shape != (len(x),) or (states.size and not 0 <= states.min() <= states.max() < model.n_states):
        raise ArgumentError(f"gmm: states must be ({len(x)},) of numbers in [0, {model.n_states})")
    total = GMMStatistics(*(np.zeros_like(a) for a in (model.weights, model.means, model.covariances)))
    log_likelihood, order = 0.0, np.argsort(states, kind="stable")
    for frames in np.split(order, np.flatnonzero(np.diff(states[order])) + 1):
        if not frames.size:
            break  # there are no frames at all
        state = states[frames[0]]
        own = slice(model.starts[state], model.starts[state] + model.sizes[state])
        joint = model.log_joint(x[frames], own)
        tops = np.logaddexp.reduce(joint, axis=1, keepdims=True)
        log_likelihood += float(tops.sum())
        sums = _sums(x[frames] - model.center, np.exp(joint - tops), model.is_full)
        total.occupancy[own], total.first[own], total.second[own] = sums.occupancy, sums.first, sums.second
    return total, log_likelihood


def _sums(x: np.ndarray, shares: np.ndarray, full: bool) -> GMMStatistics:
    """Of frames (frames, D) that belong so far to each component (frames, C)."""
    if full:
        second = np.stack([(x * weights[:, None]).T @ x for weights in shares.T])
    else:
        second = shares.T @ (x * x)
    return GMMStatistics(shares.sum(0), shares.T @ x, second)
