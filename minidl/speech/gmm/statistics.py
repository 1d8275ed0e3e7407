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
    x = x - model.center
    if model.is_full:
        second = np.stack([(x * weights[:, None]).T @ x for weights in posteriors.T])
    else:
        second = posteriors.T @ (x * x)
    return GMMStatistics(posteriors.sum(0), posteriors.T @ x, second)
