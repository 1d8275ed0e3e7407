"""Mixtures of Gaussians, one for each of several states, with diagonal or full covariances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import solve_triangular

from ...errors import ArgumentError, DataError


class GMM:
    """The components of all states, one state's after the other's, so that one matrix product scores them all.

    Parameters
    ----------
    weights : (C,) array
        Above 0; those of each state sum to 1.
    means : (C, D) array
    covariances : (C, D) or (C, D, D) array
        Variances, or whole matrices, positive definite.
    sizes : sequence of int, optional
        How many components each state has; otherwise there is one state.

    Raises
    ------
    ArgumentError
        Shapes that do not fit; weights, variances or matrices that are none.
    """

    def __init__(
        self, weights: np.ndarray, means: np.ndarray, covariances: np.ndarray, sizes: Sequence[int] | None = None
    ) -> None:
        self.weights, self.means, self.covariances = (np.array(a, np.float64) for a in (weights, means, covariances))
        self.sizes = np.array([len(self.weights)] if sizes is None else sizes, np.int64)
        self._check()
        self.starts = np.cumsum(self.sizes) - self.sizes
        self.states = np.repeat(np.arange(self.n_states), self.sizes)  # of the components
        self.center = self.means.mean(0)
        self._prepare()

    @property
    def n_states(self) -> int:
        return len(self.sizes)

    @property
    def n_components(self) -> int:
        return len(self.weights)

    @property
    def n_features(self) -> int:
        return self.means.shape[1]

    @property
    def is_full(self) -> bool:
        """Whether the covariances are whole matrices."""
        return self.covariances.ndim == 3

    @property
    def n_parameters(self) -> int:
        """Free ones: a symmetric matrix counts once, the last weight of a state not at all."""
        d = self.n_features
        return self.n_components * (1 + d + (d * (d + 1) // 2 if self.is_full else d)) - self.n_states

    def log_joint(self, features: np.ndarray, part: slice | np.ndarray = slice(None)) -> np.ndarray:
        """Logarithm of weight times density of each component, (frames, C); ln N(x; m, S) is Bishop (2006), 2.43.

        With `part`, of those components only.
        """
        x = self.checked(features) - self.center
        if not self.is_full:
            return (x * x) @ self._square[:, part] + x @ self._linear[:, part] + self._constant[part]
        own = self._cholesky[part], self.means[part], self._constant[part]
        joint = np.empty((len(x), len(own[0])))
        for column, cholesky, mean, constant in zip(joint.T, *own, strict=True):
            z = solve_triangular(cholesky, (x - (mean - self.center)).T, lower=True, check_finite=False)
            column[:] = constant - 0.5 * np.einsum("df,df->f", z, z)
        return joint

    def log_likelihood(self, features: np.ndarray, states: np.ndarray | None = None) -> np.ndarray:
        """Logarithm of the density of each frame in each state, (frames, states).

        Parameters
        ----------
        features : (frames, D) array
        states : (n,) int array, optional
            Only these, in this order.

        Raises
        ------
        ArgumentError
            Features that are not (frames, D).
        DataError
            NaN or infinity in them.
        """
        if states is None:
            return self.per_state(self.log_joint(features))
        sizes = self.sizes[states]
        starts = np.cumsum(sizes) - sizes
        components = np.arange(sizes.sum()) + np.repeat(self.starts[states] - starts, sizes)
        return np.logaddexp.reduceat(self.log_joint(features, components), starts, axis=1)

    def per_state(self, joint: np.ndarray) -> np.ndarray:
        """Logarithms of the sums of :meth:`log_joint` over each state's components, (frames, states)."""
        return joint if self.n_components == self.n_states else np.logaddexp.reduceat(joint, self.starts, axis=1)

    def checked(self, features: np.ndarray, name: str = "gmm") -> np.ndarray:
        """Features as float64, if they are some of this model; errors begin with `name`, see :meth:`log_likelihood`."""
        x = np.asarray(features, np.float64)
        if x.ndim != 2 or x.shape[1] != self.n_features:
            raise ArgumentError(f"{name}: features must be (frames, {self.n_features}), got {x.shape}")
        if not np.isfinite(x).all():
            frame, column = np.argwhere(~np.isfinite(x))[0]
            raise DataError(
                f"{name}: feature {column} of frame {frame} is {x[frame, column]}; look at the recording, or leave it out"
            )
        return x

    def _check(self) -> None:
        c, d = self.means.shape if self.means.ndim == 2 else (-1, -1)
        if self.weights.shape != (c,) or self.covariances.shape not in {(c, d), (c, d, d)}:
            raise ArgumentError(
                "gmm: weights, means and covariances must be (C,), (C, D) and (C, D) or (C, D, D), "
                f"got {self.weights.shape}, {self.means.shape}, {self.covariances.shape}"
            )
        if self.sizes.ndim != 1 or self.sizes.sum() != c or (self.sizes < 1).any():
            raise ArgumentError(f"gmm: sizes must be at least 1 each and sum to {c} components, got {self.sizes.tolist()}")
        if not all(np.isfinite(a).all() for a in (self.weights, self.means, self.covariances)):
            raise ArgumentError("gmm: weights, means and covariances must be finite")
        sums = np.add.reduceat(self.weights, np.cumsum(self.sizes) - self.sizes)
        if (self.weights <= 0).any() or (abs(sums - 1) > 1e-6).any():
            raise ArgumentError(f"gmm: the weights of each state must be above 0 and sum to 1, they sum to {sums.tolist()}")

    def _prepare(self) -> None:
        """What every frame's score needs of the parameters.

        A diagonal density is a quadratic polynomial of the frame. It is taken about the means' centre, so that a
        large common offset of the features costs no digits.
        """
        if self.is_full:
            try:
                self._cholesky = np.linalg.cholesky(self.covariances)
            except np.linalg.LinAlgError:
                raise ArgumentError("gmm: a covariance matrix is not positive definite; floor it") from None
            log_determinants = 2 * np.log(np.diagonal(self._cholesky, axis1=1, axis2=2)).sum(1)
        else:
            if (self.covariances <= 0).any():
                raise ArgumentError("gmm: variances must be above 0; floor them")
            log_determinants = np.log(self.covariances).sum(1)
        self._constant = np.log(self.weights) - 0.5 * (self.n_features * np.log(2 * np.pi) + log_determinants)
        if not self.is_full:
            means = self.means - self.center
            self._square, self._linear = -0.5 / self.covariances.T, (means / self.covariances).T
            self._constant -= 0.5 * (means * means / self.covariances).sum(1)
