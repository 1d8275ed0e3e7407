"""Two kinds of scores that must not be mixed up: what a network says of states, and what a decoder needs of frames.

A network trained on frames gives p(state | frame); a hidden Markov model multiplies p(frame | state). By Bayes' rule the
second is the first over p(state), times p(frame), which is the same for all states and so changes no path (Bourlard and
Morgan 1994, *Connectionist speech recognition*; Deep Learning, section 12.3.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import ArgumentError, DataError

LEAST_PRIOR = 1e-10  # below it a state was never seen: Kaldi's `nnet/nnet-pdf-prior.cc`
_LEAST_TOTAL, _MOST_TOTAL = 1 - 1e-3, 1 + 1e-3  # of a row of float32 probabilities


@dataclass(frozen=True)
class Posterior:
    """Of each state, given the frame.

    NumPy cannot take it for an array, so that a decoder refuses it: :meth:`scaled` makes what a decoder takes.

    Attributes
    ----------
    log_probs : (frames, states) float64 array
        Natural logarithms; each row's probabilities sum to 1.

    Raises
    ------
    ArgumentError
        Another shape.
    DataError
        NaN, or a row that is no distribution.
    """

    log_probs: np.ndarray

    def __post_init__(self) -> None:
        logs = _table("Posterior", self.log_probs)
        object.__setattr__(self, "log_probs", logs)
        with np.errstate(over="ignore"):
            totals = np.exp(logs).sum(1)
        wrong = ~((totals > _LEAST_TOTAL) & (totals < _MOST_TOTAL))  # NaN is wrong too
        if wrong.any():
            frame = int(wrong.argmax())
            raise DataError(
                f"Posterior: the probabilities of frame {frame} sum to {totals[frame]:.4g}, not to 1; "
                "give logarithms of a softmax's output"
            )

    def scaled(self, priors: np.ndarray, prior_scale: float = 1.0) -> ScaledLikelihood:
        """Posterior over prior: log p(s | x) - prior_scale * log p(s). A state that was never seen is impossible.

        Parameters
        ----------
        priors : (states,) array
            See :func:`state_priors`.
        prior_scale : float
            0 leaves the posteriors as they are.
        """
        priors = checked_priors(priors, self.log_probs.shape[1])
        seen = priors >= LEAST_PRIOR
        log_priors = np.log(np.where(seen, priors, 1.0))
        return ScaledLikelihood(np.where(seen, self.log_probs - prior_scale * log_priors, -np.inf))

    def __array__(self, *args: Any, **options: Any) -> np.ndarray:
        raise ArgumentError("a Posterior is not a likelihood: a decoder takes posterior.scaled(priors)")


@dataclass(frozen=True)
class ScaledLikelihood:
    """Of the frame in each state, but for a factor that the states of a frame share.

    NumPy takes it for the array of its values, so that it goes wherever (frames, states) scores go.

    Attributes
    ----------
    log_values : (frames, states) float64 array
        Natural logarithms, -inf for an impossible state.

    Raises
    ------
    ArgumentError
        Another shape, or a :class:`Posterior`.
    DataError
        NaN or positive infinity.
    """

    log_values: np.ndarray

    def __post_init__(self) -> None:
        logs = _table("ScaledLikelihood", self.log_values)
        object.__setattr__(self, "log_values", logs)
        if np.isnan(logs).any() or np.isposinf(logs).any():
            raise DataError("ScaledLikelihood: a score is NaN or positive infinity; mend what makes them")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.log_values, dtype, copy=copy)


def decoder_scores(likelihood: ScaledLikelihood, scale: float = 1.0) -> np.ndarray:
    """What a decoder takes, (frames, states), times an acoustic scale.

    Raises
    ------
    ArgumentError
        Anything else, above all posteriors; a scale that is not positive.
    """
    if not isinstance(likelihood, ScaledLikelihood):
        raise ArgumentError(
            f"decoder_scores: give a ScaledLikelihood, such as posterior.scaled(priors), not a {type(likelihood).__name__}"
        )
    if not scale > 0:
        raise ArgumentError(f"decoder_scores: scale must be above 0, got {scale!r}")
    return likelihood.log_values * scale


def state_priors(alignments: Mapping[str, np.ndarray], n_states: int) -> np.ndarray:
    """How often each state is aligned, (n_states,), summing to 1.

    Parameters
    ----------
    alignments : {utterance: (frames,) ints}
    n_states : int

    Raises
    ------
    DataError
        No frames; a state outside [0, n_states).
    """
    counts = np.zeros(n_states, np.int64)
    for name, states in alignments.items():
        counts += np.bincount(checked_states(states, n_states, name), minlength=n_states)
    if not counts.sum():
        raise DataError("state_priors: the alignments have no frame")
    return counts / counts.sum()


def checked_states(states: np.ndarray, n_states: int, name: str) -> np.ndarray:
    """An alignment as int64, if it is one; errors begin with the utterance's name."""
    states = np.asarray(states)
    if states.ndim != 1 or states.dtype.kind not in "iu":
        raise DataError(f"{name}: an alignment must be (frames,) ints, got {states.dtype} {states.shape}")
    if states.size and not 0 <= states.min() <= states.max() < n_states:
        raise DataError(f"{name}: states must be in [0, {n_states}), got {states.min()} to {states.max()}; leave it out")
    return states.astype(np.int64)


def checked_priors(priors: np.ndarray, n_states: int) -> np.ndarray:
    """Priors as float64, if they are a distribution over so many states."""
    priors = np.asarray(priors, np.float64)
    if priors.shape != (n_states,):
        raise ArgumentError(f"priors must be ({n_states},), one for each state, got {priors.shape}")
    if not ((priors >= 0).all() and abs(priors.sum() - 1) < 1e-6):
        raise ArgumentError("priors must be probabilities that sum to 1; state_priors(alignments, n_states) counts them")
    return priors


def _table(what: str, values: Any) -> np.ndarray:
    if isinstance(values, Posterior | ScaledLikelihood):
        raise ArgumentError(f"{what}: give an array, not a {type(values).__name__}")
    table = np.asarray(values, np.float64)
    if table.ndim != 2 or not table.shape[1]:
        raise ArgumentError(f"{what}: must be (frames, states), got {table.shape}")
    return table
