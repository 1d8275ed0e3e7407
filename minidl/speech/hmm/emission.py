"""How likely a frame is in each state: mixtures of Gaussians, discrete symbols, or scores that somebody else made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

from ...errors import ArgumentError, DataError
from ..gmm import GMM, GMMStatistics, Sums, accumulate, floored, update
from ..gmm.update import MIN_OCCUPANCY, VARIANCE_FLOOR


class Emission(Protocol):
    """What an HMM asks of its acoustic score; it never knows which it has.

    An update must not lower the likelihood of what was accumulated, unless it changes the number of parameters.
    """

    @property
    def n_states(self) -> int: ...

    @property
    def n_parameters(self) -> int: ...

    def checked(self, features: np.ndarray, name: str) -> np.ndarray:
        """One utterance's features, as this emission takes them; an error begins with `name` if they are none."""

    def log_likelihood(self, features: np.ndarray) -> np.ndarray:
        """Of each frame in each state, (frames, states)."""

    def accumulate(self, features: np.ndarray, posteriors: np.ndarray) -> Any:
        """Sums over frames, weighted by posteriors (frames, states). Those of parts add up, by +, to those of all."""

    def update(self, statistics: Any) -> Self:
        """The next emission, made of such sums."""


class Mixtures:
    """Gaussian mixtures as an emission.

    Parameters
    ----------
    model : GMM
        Covariances below the floor are raised to it.
    variance_floor : float or (D,) array
    min_occupancy : float
        Components with fewer frames are removed, states with fewer stay as they are; see :func:`minidl.speech.gmm.update`.
    """

    def __init__(
        self, model: GMM, variance_floor: float | np.ndarray = VARIANCE_FLOOR, min_occupancy: float = MIN_OCCUPANCY
    ) -> None:
        self.model = GMM(model.weights, model.means, floored(model.covariances, variance_floor), model.sizes.tolist())
        self.variance_floor, self.min_occupancy = variance_floor, min_occupancy

    @property
    def n_states(self) -> int:
        return self.model.n_states

    @property
    def n_parameters(self) -> int:
        return self.model.n_parameters

    def checked(self, features: np.ndarray, name: str) -> np.ndarray:
        return self.model.checked(features, name)

    def log_likelihood(self, features: np.ndarray) -> np.ndarray:
        return self.model.log_likelihood(features)

    def accumulate(self, features: np.ndarray, posteriors: np.ndarray) -> GMMStatistics:
        return accumulate(self.model, features, posteriors)

    def update(self, statistics: GMMStatistics) -> Mixtures:
        model = update(self.model, statistics, self.variance_floor, self.min_occupancy)
        return Mixtures(model, self.variance_floor, self.min_occupancy)


@dataclass
class SymbolCounts(Sums):
    """How often each symbol is expected in each state, (states, symbols)."""

    counts: np.ndarray


class Discrete:
    """Symbols, numbered from 0; an utterance's features are (frames,) ints.

    Parameters
    ----------
    probabilities : (states, symbols) array
        Rows sum to 1.

    Raises
    ------
    ArgumentError
        Rows that do not.
    """

    def __init__(self, probabilities: np.ndarray) -> None:
        p = self.probabilities = np.array(probabilities, np.float64)
        if p.ndim != 2 or not (p >= 0).all() or not p.size or not (abs(p.sum(1) - 1) < 1e-6).all():
            raise ArgumentError("discrete emission: probabilities must be (states, symbols), each row a distribution")
        with np.errstate(divide="ignore"):
            self._log = np.log(p)

    @property
    def n_states(self) -> int:
        return len(self.probabilities)

    @property
    def n_parameters(self) -> int:
        return self.probabilities.size - self.n_states

    def checked(self, features: np.ndarray, name: str) -> np.ndarray:
        symbols, n = np.asarray(features), self.probabilities.shape[1]
        if symbols.ndim != 1 or (symbols.size and symbols.dtype.kind not in "iu"):
            raise ArgumentError(f"{name}: symbols must be (frames,) ints, got {symbols.shape} {symbols.dtype}")
        if symbols.size and not 0 <= symbols.min() <= symbols.max() < n:
            raise DataError(f"{name}: symbols must be in [0, {n}), got {symbols.min()} to {symbols.max()}")
        return symbols.astype(np.int64)

    def log_likelihood(self, features: np.ndarray) -> np.ndarray:
        return self._log.T[self.checked(features, "discrete emission")]

    def accumulate(self, features: np.ndarray, posteriors: np.ndarray) -> SymbolCounts:
        counts = np.zeros(self.probabilities.T.shape)
        np.add.at(counts, self.checked(features, "discrete emission"), posteriors)
        return SymbolCounts(counts.T)

    def update(self, statistics: SymbolCounts) -> Discrete:
        """Relative frequencies; a state that was never visited stays as it was."""
        totals = statistics.counts.sum(1, keepdims=True)
        return Discrete(np.where(totals > 0, statistics.counts / np.where(totals > 0, totals, 1), self.probabilities))


class GivenScores:
    """Log-likelihoods made elsewhere: an utterance's "features" are its (frames, states) scores, -inf for impossible.

    There is nothing to learn but the transitions.
    """

    n_parameters = 0

    def __init__(self, n_states: int) -> None:
        self.n_states = n_states

    def checked(self, features: np.ndarray, name: str) -> np.ndarray:
        scores = np.asarray(features, np.float64)
        if scores.ndim != 2 or scores.shape[1] != self.n_states:
            raise ArgumentError(f"{name}: scores must be (frames, {self.n_states}), got {scores.shape}")
        if np.isnan(scores).any() or np.isposinf(scores).any():
            raise DataError(f"{name}: a score is NaN or positive infinity; mend what makes them")
        return scores

    def log_likelihood(self, features: np.ndarray) -> np.ndarray:
        return self.checked(features, "given scores")

    def accumulate(self, features: np.ndarray, posteriors: np.ndarray) -> float:
        """The expected score, for whoever wants it."""
        return float((posteriors * np.where(posteriors > 0, features, 0.0)).sum())

    def update(self, statistics: float) -> GivenScores:
        return self
