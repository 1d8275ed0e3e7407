"""Restricted Boltzmann machines: a layer that learns to model its input, trained by contrastive divergence.

Hinton (2010), *A practical guide to training restricted Boltzmann machines*; Deep Learning, sections 18.2 and 20.2.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...backend.random import generator
from ...errors import ArgumentError


class Gradient(NamedTuple):
    """Of the mean log-likelihood, by weights (V, H), visible (V,) and hidden (H,) biases."""

    weights: np.ndarray
    visible: np.ndarray
    hidden: np.ndarray


class RBM:
    """V visible and H hidden units, the hidden ones 0 or 1.

    The energy of binary visible units is ``-v W h - a v - b h``; of Gaussian ones, of unit variance given h,
    ``|v - a|^2 / 2 - v W h - b h``. p(v, h) is proportional to exp(-energy).

    Parameters
    ----------
    n_visible, n_hidden : int
    gaussian : bool
        Visible units are real numbers, of mean 0 and variance 1 over the data.
    rng : Generator, int or None
        Draws weights of deviation `std`; all biases are 0.

    Attributes
    ----------
    weights (V, H), visible (V,), hidden (H,) : float32 arrays
        W, a and b.
    """

    def __init__(self, n_visible: int, n_hidden: int, gaussian: bool = False, rng: Any = None, std: float = 0.1) -> None:
        if n_visible < 1 or n_hidden < 1:
            raise ArgumentError(f"RBM: needs at least one visible and one hidden unit, got {n_visible} and {n_hidden}")
        self.gaussian = gaussian
        self.weights = generator(rng).standard_normal((n_visible, n_hidden), np.float32) * np.float32(std)
        self.visible, self.hidden = np.zeros(n_visible, np.float32), np.zeros(n_hidden, np.float32)

    def hidden_probabilities(self, v: np.ndarray) -> np.ndarray:
        """p(h_j = 1 | v), (N, H), of visible (N, V)."""
        return sigmoid(v @ self.weights + self.hidden)

    def visible_means(self, h: np.ndarray) -> np.ndarray:
        """E[v | h], (N, V), of hidden (N, H)."""
        means = h @ self.weights.T + self.visible
        return means if self.gaussian else sigmoid(means)

    def free_energy(self, v: np.ndarray) -> np.ndarray:
        """-log of the sum over h of exp(-energy), (N,): p(v) is proportional to exp(-free energy). Equation 18.17 ff."""
        own = np.square(v - self.visible).sum(-1) / 2 if self.gaussian else -(v @ self.visible)
        return own - np.logaddexp(0, v @ self.weights + self.hidden).sum(-1)

    def contrast(
        self, v: np.ndarray, rng: np.random.Generator, steps: int = 1, sample_visible: bool = False
    ) -> tuple[Gradient, float]:
        """Contrastive divergence (Hinton 2002): statistics of the data less those after some steps of Gibbs sampling.

        Hidden units are sampled when they drive the visible ones, and are probabilities in the statistics (the guide,
        section 3). The more steps, the nearer to the gradient of the log-likelihood, if visible units are sampled too.

        Parameters
        ----------
        v : (N, V) array
        rng : Generator
        steps : int
        sample_visible : bool
            Otherwise they are their means, which is less noisy.

        Returns
        -------
        gradient : Gradient
        error : float
            Mean squared difference of the data and their reconstruction, before any sampling of it.
        """
        data_hidden = h = self.hidden_probabilities(v)
        error = np.nan
        for step in range(steps):
            model = self.visible_means((rng.random(h.shape, np.float32) < h).astype(h.dtype))
            if step == 0:
                error = float(np.square(v - model).mean())
            if sample_visible:
                model = self._sampled(model, rng)
            h = self.hidden_probabilities(model)
        n = len(v)
        weights = (v.T @ data_hidden - model.T @ h) / n
        return Gradient(weights, (v - model).mean(0), (data_hidden - h).mean(0)), error

    def _sampled(self, means: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if self.gaussian:
            return means + rng.standard_normal(means.shape, np.float32)
        return (rng.random(means.shape, np.float32) < means).astype(means.dtype)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), by the hyperbolic tangent, which does not overflow."""
    return 0.5 * np.tanh(0.5 * x) + 0.5
