"""A network as a hidden Markov model's acoustic score: the chapter's swap for Gaussian mixtures (Deep Learning, 12.3)."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import scipy.special

from ...errors import ArgumentError
from ...train.evaluate import device_of, evaluation, raw, to_host
from .inputs import checked_features, windows
from .networks import AcousticNetwork
from .types import Posterior, ScaledLikelihood, checked_priors

_BATCH = 1024  # frames


class NetworkEmission:
    """Scores frames in states by posterior over prior; what :class:`~minidl.speech.hmm.Emission` asks of those who score.

    Parameters
    ----------
    network : AcousticNetwork
        In evaluation mode while it scores.
    priors : (states,) array
        See :func:`.state_priors`.
    prior_scale : float
        See :meth:`.Posterior.scaled`.

    Raises
    ------
    ArgumentError
        Priors of another number of states, or that do not sum to 1.
    """

    def __init__(self, network: AcousticNetwork, priors: np.ndarray, prior_scale: float = 1.0) -> None:
        self.network, self.priors, self.prior_scale = network, checked_priors(priors, network.n_states), prior_scale

    @property
    def n_states(self) -> int:
        return self.network.n_states

    @property
    def n_parameters(self) -> int:
        return sum(p.size for p in self.network.parameters())

    def checked(self, features: np.ndarray, name: str) -> np.ndarray:
        return checked_features(features, name, self.network.n_features)

    def posteriors(self, features: np.ndarray) -> Posterior:
        """Of each state, given the frame and its neighbours; features (T, D)."""
        logits = _logits(self.network, self.checked(features, "network emission"))
        return Posterior(scipy.special.log_softmax(logits.astype(np.float64), axis=1))

    def scaled_likelihood(self, features: np.ndarray) -> ScaledLikelihood:
        """Of each frame (T, D) in each state, but for a factor that depends on the frame alone."""
        return self.posteriors(features).scaled(self.priors, self.prior_scale)

    def log_likelihood(self, features: np.ndarray) -> np.ndarray:
        """The same as a (frames, states) float64 array."""
        return self.scaled_likelihood(features).log_values

    def accumulate(self, features: np.ndarray, posteriors: np.ndarray) -> NoReturn:
        raise ArgumentError(_NOT_BY_SUMS)

    def update(self, statistics: Any) -> NoReturn:
        raise ArgumentError(_NOT_BY_SUMS)


_NOT_BY_SUMS = (
    "a network is not trained by sums over frames as mixtures are: align the utterances with it, "
    "and call train_network(network, features, alignments)"
)


def _logits(network: AcousticNetwork, features: np.ndarray) -> np.ndarray:
    """(T, states) of one utterance, on the host."""
    if not len(features):
        return np.zeros((0, network.n_states), np.float32)
    backend, seen = device_of(network), windows(features, network.context)
    if network.delay is None:
        pieces = [seen[start : start + _BATCH] for start in range(0, len(seen), _BATCH)]
    else:
        late = np.minimum(np.arange(len(seen) + network.delay), len(seen) - 1)  # after the end, its last frame goes on
        pieces = [seen[late][None]]
    parts = []
    for piece in pieces:
        x: Any = np.ascontiguousarray(piece)
        with evaluation(network):
            parts.append(to_host(raw(network(x if backend is None else backend.from_host(x)))))
    return np.concatenate(parts).reshape(-1, network.n_states)
