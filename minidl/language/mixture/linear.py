"""Linear interpolation: a weighted mean of probabilities, with weights learned on held-out text.

Jelinek and Mercer (1980). An ensemble of neural models is one with equal weights; a cache is a part like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from ...errors import ArgumentError, DataError
from ..model import LanguageModel
from ..vocabulary import START_ID
from .parts import Mixture, shared_vocabulary, tokens_of

_TOLERANCE = 1e-9  # of the mean log probability: the perplexity is right in its first eight figures
_MOST = 2000  # rounds


class LinearMixture(Mixture):
    """p(w | h) = sum_i weight_i p_i(w | h).

    Parameters
    ----------
    models : sequence of LanguageModel
        Of one vocabulary.
    weights : (k,) array
        Not negative, summing to 1.

    Raises
    ------
    ArgumentError, DataError
        See :class:`.parts.Mixture`; other weights than those above.
    """

    def __init__(self, models: Sequence[LanguageModel], weights: Sequence[float] | np.ndarray) -> None:
        super().__init__(models, weights)
        if (self.weights < 0).any() or abs(self.weights.sum() - 1) > 1e-6:
            raise ArgumentError(f"linear mixture: weights are not negative and sum to 1, got {self.weights.tolist()}")
        self.weights /= self.weights.sum()

    @classmethod
    def fitted(cls, models: Sequence[LanguageModel], ids: np.ndarray) -> LinearMixture:
        """A mixture with the best weights for a text that no part was trained on.

        Parameters
        ----------
        ids : (n,) int array
            See :meth:`.LanguageModel.score_tokens`, which is all that the parts are asked.

        Raises
        ------
        DataError
            The text is empty, or has a word that is impossible for all models; see also :class:`.parts.Mixture`.
        """
        words = shared_vocabulary(models).words
        tokens = tokens_of(ids)
        log_probs = np.array([model.score_tokens(ids)[np.asarray(ids) != START_ID] for model in models])
        impossible = _impossible(log_probs)
        if impossible.size:
            word, place = words[tokens[impossible[0]]], impossible[0]
            raise DataError(f"linear mixture: {word!r}, token {place} of the held-out text, is impossible for every model")
        return cls(models, fit_weights(log_probs))

    @property
    def n_parameters(self) -> int:
        return sum(model.n_parameters for model in self.models) + len(self.models) - 1

    def combine(self, log_probs: Sequence[np.ndarray]) -> np.ndarray:
        return weighted_mean(log_probs, self.weights)

    def score_tokens(self, ids: np.ndarray) -> np.ndarray:
        mean = weighted_mean([model.score_tokens(ids) for model in self.models], self.weights)
        return np.where(np.asarray(ids) == START_ID, 0.0, mean)


def ensemble(models: Sequence[LanguageModel]) -> LinearMixture:
    """Several models with equal weights, as is usual for networks that differ in their seed."""
    return LinearMixture(models, np.full(len(models), 1 / max(len(models), 1)))


def weighted_mean(log_probs: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """log sum_i weight_i exp(log_probs_i), elementwise and without underflow; minus infinity where all of them are."""
    parts = [(w, one) for w, one in zip(weights.tolist(), log_probs, strict=True) if w]
    shift, likely = _likelihoods([one for _, one in parts])
    total = sum(w * p for (w, _), p in zip(parts, likely, strict=True))
    with np.errstate(divide="ignore"):
        return shift + np.log(total)


def fit_weights(log_probs: np.ndarray) -> np.ndarray:
    """The weights that make a text most likely, by expectation and maximisation.

    A round gives each part the share of the text that it explains, so the likelihood never falls. It is concave: the
    largest factor by which a weight would grow bounds what is left to gain (Cover 1984), which tells when to stop.

    Parameters
    ----------
    log_probs : (k, n) array
        Of each token, given by each part; minus infinity is allowed.

    Returns
    -------
    (k,) float64

    Raises
    ------
    ArgumentError
        Not of this shape, or NaN.
    DataError
        No tokens, or one that every part holds to be impossible.
    """
    log_probs = np.asarray(log_probs, np.float64)
    if log_probs.ndim != 2 or not len(log_probs) or np.isnan(log_probs).any():
        raise ArgumentError(f"fit_weights: log_probs must be (parts, tokens) without NaN, got {log_probs.shape}")
    k, n = log_probs.shape
    if not n:
        raise DataError("fit_weights: the held-out text is empty")
    impossible = _impossible(log_probs)
    if impossible.size:
        raise DataError(f"fit_weights: token {impossible[0]} is impossible for every part")
    likely = np.array(_likelihoods([*log_probs])[1])
    weights = np.full(k, 1 / k)
    for _ in range(_MOST):
        growth = likely @ (1 / (weights @ likely)) / n
        weights *= growth
        if np.log(growth.max()) < _TOLERANCE:
            break
    return weights / weights.sum()


def weight_curve(log_probs_a: np.ndarray, log_probs_b: np.ndarray, n: int = 21) -> tuple[np.ndarray, np.ndarray]:
    """How a text's perplexity depends on the weight of the first of two parts.

    Parameters
    ----------
    log_probs_a, log_probs_b : (tokens,) array
        Of each token that is no start.
    n : int
        Points from weight 0 to weight 1.

    Returns
    -------
    weights, perplexities : (n,) float64
        Infinite where the text is impossible.
    """
    if n < 2 or not np.size(log_probs_a):
        raise ArgumentError(f"weight_curve: takes tokens and at least 2 points, got {np.size(log_probs_a)} and {n}")
    weights = np.linspace(0, 1, n)
    means = [weighted_mean([log_probs_a, log_probs_b], np.array([w, 1 - w])).mean() for w in weights]
    with np.errstate(over="ignore"):
        return weights, np.exp(-np.array(means))


def _impossible(log_probs: np.ndarray) -> np.ndarray:
    """Which tokens no part holds to be possible."""
    return np.flatnonzero(np.isneginf(log_probs).all(0))


def _likelihoods(log_probs: Sequence[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """The largest log probability of all parts, and each part's probability relative to it."""
    shift = reduce(np.maximum, log_probs)
    shift = np.where(np.isneginf(shift), 0, shift)
    return shift, [np.exp(one - shift) for one in log_probs]
