"""The network of a CTC recogniser: a few frames at a time, recurrent layers, and scores of labels and the blank.

Graves, Mohamed and Hinton (2013); several frames a step as in Sak, Senior, Rao and Beaufays (2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import nn, ops
from ...autograd import array_of
from ...backend import backend_of, namespace_of
from ...backend.random import generator
from ...errors import ArgumentError, DataError
from ...train import evaluation, to_host
from ..features import Moments
from .words import BLANK


class CtcNetwork(nn.Module):
    """Features to scores of labels; class 0 is the blank, class k the k-th label.

    Parameters
    ----------
    n_features : int
        D.
    labels : sequence of str
        Phones, or letters.
    hidden_size, num_layers, bidirectional, dropout
        Of the LSTM; see :class:`minidl.nn.LSTM`. There is dropout before the output layer too.
    stack : int
        How many frames make a step: fewer steps are faster, but there must be as many as labels.
    rng : Generator, int or None

    Attributes
    ----------
    mean, deviation : Buffer (D,)
        Of all frames in training, taken out of each frame; see :meth:`normalise_by`.
    recipe : dict
        What makes such a network again.

    Raises
    ------
    ArgumentError
        No labels, or one twice; sizes that are not positive.
    """

    def __init__(
        self, n_features: int, labels: Sequence[str], *, hidden_size: int = 128, num_layers: int = 1,
        bidirectional: bool = True, stack: int = 3, dropout: float = 0.0, rng: Any = None,
    ) -> None:  # fmt: skip
        if not labels or len(set(labels)) < len(labels):
            raise ArgumentError("CtcNetwork: there must be labels, and no label twice")
        if n_features < 1 or stack < 1:
            raise ArgumentError(f"CtcNetwork: n_features and stack must be positive, got {n_features} and {stack}")
        self.recipe: dict[str, Any] = {
            "n_features": n_features, "labels": list(labels), "hidden_size": hidden_size, "num_layers": num_layers,
            "bidirectional": bidirectional, "stack": stack, "dropout": dropout,
        }  # fmt: skip
        rng = generator(rng)
        self.labels, self.n_features, self.stack = tuple(labels), n_features, stack
        self.mean, self.deviation = (nn.Buffer(make(n_features, np.float32)) for make in (np.zeros, np.ones))
        self.lstm = nn.LSTM(stack * n_features, hidden_size, num_layers, bidirectional, dropout, rng=rng)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden_size * (1 + bidirectional), len(labels) + 1, rng=rng)

    def forward(self, features: Any, n_frames: Any) -> tuple[Any, Any]:
        """Score the labels of some utterances.

        Parameters
        ----------
        features : (T, N, D)
        n_frames : (N,) ints
            Of each utterance; what follows does not matter.

        Returns
        -------
        logits : (T', N, C)
        n_steps : (N,) ints
            Of each utterance: a step for every `stack` frames, and one for the rest.
        """
        stacked, n_steps = self._stacked(array_of(features), n_frames)
        hidden, _ = self.lstm(stacked, lengths=n_steps)
        return self.output(self.dropout(hidden)), n_steps

    def _stacked(self, features: Any, n_frames: Any) -> tuple[Any, Any]:
        """Normalised frames side by side, (T', N, stack * D), zeros after the last."""
        xp = namespace_of(features)
        n_steps = self.n_steps(n_frames)
        t, n, d = features.shape
        steps = self.n_steps(t)
        frames = xp.zeros((steps * self.stack, n, d), self.mean.dtype)
        frames[:t] = (features - self.mean.data) / self.deviation.data
        frames[xp.arange(len(frames))[:, None] >= n_frames] = 0
        return frames.reshape(steps, self.stack, n, d).swapaxes(1, 2).reshape(steps, n, self.stack * d), n_steps

    def n_steps(self, n_frames: Any) -> Any:
        """How many steps so many frames make."""
        return -(-n_frames // self.stack)

    def normalise_by(self, moments: Moments) -> None:
        """Take the mean and deviation of frames from now on; what does not vary is left as it is."""
        mean = moments.total / moments.count
        variance = moments.squares / moments.count - mean**2
        here = backend_of(self.mean.data)
        deviation = np.sqrt(np.where(variance > 1e-10 * (1 + mean**2), variance, 1.0))
        self.mean.data = here.from_host(mean.astype(np.float32))
        self.deviation.data = here.from_host(deviation.astype(np.float32))

    def classes(self, labels: Sequence[str]) -> list[int]:
        """The numbers of labels.

        Raises
        ------
        DataError
            One that the network does not know.
        """
        numbers = {label: i for i, label in enumerate(self.labels, BLANK + 1)}
        if unknown := [label for label in labels if label not in numbers]:
            raise DataError(f"CtcNetwork: {unknown[0]!r} is none of its {len(numbers)} labels")
        return [numbers[label] for label in labels]

    def log_probs(self, features: np.ndarray) -> np.ndarray:
        """Log probabilities of blank and labels at each step of an utterance: (T, D) -> (T', C).

        Raises
        ------
        ArgumentError, DataError
            Another shape, no frames; NaN or infinity.
        """
        features = checked_features("the utterance", features, self.n_features)
        here = backend_of(self.mean.data)
        with evaluation(self):
            logits, _ = self(here.from_host(features[:, None]), here.from_host(np.array([len(features)])))
            return to_host(ops.log_softmax(logits).data)[:, 0]


def checked_features(name: str, features: np.ndarray, n_features: int) -> np.ndarray:
    """(T, D) float32.

    Raises
    ------
    ArgumentError, DataError
        Another shape, no frames; NaN or infinity.
    """
    features = np.asarray(features, np.float32)
    if features.ndim != 2 or features.shape[1] != n_features or not len(features):
        raise ArgumentError(f"{name}: features must be (frames, {n_features}) with at least a frame, got {features.shape}")
    if not np.isfinite(features).all():
        raise DataError(f"{name}: frame {np.argwhere(~np.isfinite(features))[0, 0]} is not finite; leave it out")
    return features
