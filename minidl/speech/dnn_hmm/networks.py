"""The networks that take the place of Gaussian mixtures: a window of frames in, a score for each state out.

Hinton and others (2012), *Deep neural networks for acoustic modeling in speech recognition*; Deep Learning, section 12.3.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ... import nn, ops
from ...backend.random import generator
from ...errors import ArgumentError
from ...nn import Buffer
from ...nn import init as initial

KINDS = ("sigmoid", "relu", "maxout", "conv", "lstm")


class AcousticNetwork(nn.Module):
    """Base of all: windows of features, as :func:`~.inputs.windows` gives them, to logits of states.

    Attributes
    ----------
    n_features, context, n_states : int
        D; neighbours on each side; how many logits.
    mean, scale : Buffer ((2 * context + 1) * D,)
        The input less the mean, times the scale, is what the first layer sees; 0 and 1 until :meth:`normalise_by`.
    delay : int or None
        None: frames are scored one by one. Else sequences are read, and each frame is scored so many frames later.
    recipe : dict
        What :func:`make_network` was told.
    """

    delay: int | None = None

    def __init__(self, n_features: int, context: int, n_states: int) -> None:
        self.n_features, self.context, self.n_states = n_features, context, n_states
        self.n_inputs = (2 * context + 1) * n_features
        self.mean = Buffer(initial.zeros((self.n_inputs,)))
        self.scale = Buffer(initial.ones((self.n_inputs,)))
        self.recipe: dict[str, Any] = {}

    def normalise_by(self, frames: np.ndarray) -> None:
        """From now on, give the first layer inputs of mean 0 and variance 1, by these frames (T, D)."""
        mean, deviation = frames.mean(0, np.float64), frames.std(0, dtype=np.float64)
        scale = 1 / np.where(deviation > 1e-6 * abs(mean), deviation, 1.0)  # what does not vary has only rounding
        state = {"mean": mean, "scale": scale}
        self.load_state_dict({k: np.tile(v, 2 * self.context + 1) for k, v in state.items()}, strict=False)

    def normalised(self, x: Any) -> Any:
        """Windows (..., (2 * context + 1) * D) as the first layer sees them."""
        return (x - self.mean) * self.scale


class DenseNetwork(AcousticNetwork):
    """Hidden layers that are fully connected.

    Parameters
    ----------
    n_features, context, n_states : see :class:`AcousticNetwork`
    activation : {"sigmoid", "relu", "maxout"}
        Sigmoid layers can be pre-trained (see :mod:`.pretraining`). Maxout: Goodfellow and others (2013).
    layers, units : int
    dropout : float
        Of each hidden layer's units, in training.
    pieces : int
        Of each maxout unit.
    rng : Generator, int or None
    """

    def __init__(
        self, n_features: int, context: int, n_states: int, activation: str = "relu", layers: int = 3, units: int = 512,
        dropout: float = 0.0, pieces: int = 2, rng: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(n_features, context, n_states)
        rng = generator(rng)
        self.activation = activation
        sizes = [self.n_inputs, *[units] * layers]
        self.hidden: list[Any] = [_hidden(activation, n, m, pieces, rng) for n, m in pairwise(sizes)]
        self.dropout = _dropout(dropout, rng)
        self.out = nn.Linear(sizes[-1], n_states, rng=rng, init=initial.glorot_uniform)

    def forward(self, x: Any) -> Any:
        """(N, (2 * context + 1) * D) -> (N, n_states)."""
        x = self.normalised(x)
        for layer in self.hidden:
            x = self.dropout(_activated(self.activation, layer(x)))
        return self.out(x)


class ConvNetwork(AcousticNetwork):
    """Convolution over frequency, then fully connected layers (Abdel-Hamid, Mohamed, Jiang and Penn 2012).

    The same filters look at all places of the spectrum, and of neighbouring places the largest answer is kept: a voice whose
    formants lie a little higher gives nearly the same. The paper's filters differ from band to band; these do not.

    Parameters
    ----------
    n_features, context, n_states : see :class:`AcousticNetwork`
        The features are log-mel bands, `maps` times: themselves, then what :func:`~minidl.speech.features.deltas` adds.
    maps : int
    filters, width : int
        How many, each over so many bands and the whole window.
    pool : int
        Places of which the largest is kept.
    layers, units, dropout : see :class:`DenseNetwork`
    """

    def __init__(
        self, n_features: int, context: int, n_states: int, maps: int = 3, filters: int = 64, width: int = 8, pool: int = 3,
        layers: int = 2, units: int = 512, dropout: float = 0.0, rng: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(n_features, context, n_states)
        rng = generator(rng)
        bands = n_features // maps
        places = (bands - width + 1) // pool
        if n_features % maps or places < 1:
            raise ArgumentError(
                f"conv: {n_features} features in {maps} maps make {n_features / maps:g} bands, which must be whole, and "
                f"hold a filter over {width} bands at {pool} places"
            )
        self.maps, self.pool = maps, pool
        self.conv = nn.Conv2d((2 * context + 1) * maps, filters, (width, 1), rng=rng)
        sizes = [places * filters, *[units] * layers]
        self.hidden = [nn.Linear(n, m, rng=rng) for n, m in pairwise(sizes)]
        self.dropout = _dropout(dropout, rng)
        self.out = nn.Linear(sizes[-1], n_states, rng=rng, init=initial.glorot_uniform)

    def forward(self, x: Any) -> Any:
        """(N, (2 * context + 1) * D) -> (N, n_states)."""
        n_maps = (2 * self.context + 1) * self.maps
        image = self.normalised(x).reshape(len(x), n_maps, -1).swapaxes(1, 2)
        x = self.conv(image.reshape(len(x), -1, 1, n_maps))
        x = ops.relu(ops.max_pool2d(x, (self.pool, 1))).reshape(len(x), -1)  # the maximum and ReLU commute
        for layer in self.hidden:
            x = self.dropout(ops.relu(layer(x)))
        return self.out(x)


class RecurrentNetwork(AcousticNetwork):
    """An LSTM over time; what it says of a frame it says `delay` frames later, having heard what follows.

    Sak, Senior and Beaufays (2014), *Long short-term memory recurrent neural network architectures for large scale acoustic
    modeling*.

    Parameters
    ----------
    n_features, context, n_states : see :class:`AcousticNetwork`
    layers, units : int
    delay : int
        In frames.
    dropout : float
        On each layer's output, in training.
    rng : Generator, int or None
    """

    def __init__(
        self, n_features: int, context: int, n_states: int, layers: int = 1, units: int = 256, delay: int = 5,
        dropout: float = 0.0, rng: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(n_features, context, n_states)
        rng = generator(rng)
        self.delay = delay
        sizes = [self.n_inputs, *[units] * layers]
        self.lstm = [nn.LSTM(n, m, rng=rng) for n, m in pairwise(sizes)]
        self.dropout = _dropout(dropout, rng)
        self.out = nn.Linear(sizes[-1], n_states, rng=rng, init=initial.glorot_uniform)

    def forward(self, x: Any) -> Any:
        """(N, T + delay, (2 * context + 1) * D) -> (N, T, n_states)."""
        x = self.normalised(x).swapaxes(0, 1)
        for layer in self.lstm:
            x = self.dropout(layer(x)[0])
        return self.out(x[self.delay :]).swapaxes(0, 1)


def make_network(
    kind: str, n_features: int, context: int, n_states: int, *, rng: Any = None, **options: Any
) -> AcousticNetwork:
    """A network by the name of its kind.

    Parameters
    ----------
    kind : {"sigmoid", "relu", "maxout", "conv", "lstm"}
    n_features, context, n_states : int
        Numbers a frame; neighbours on each side that are read too; states.
    rng : Generator, int or None
        Draws the weights and, in training, what is dropped.
    **options
        See :class:`DenseNetwork`, :class:`ConvNetwork`, :class:`RecurrentNetwork`.

    Raises
    ------
    ArgumentError
        An unknown kind or option, sizes that do not fit.
    """
    if kind not in KINDS:
        raise ArgumentError(f"acoustic network: kind must be one of {', '.join(KINDS)}, not {kind!r}")
    sizes = {"n_features": n_features, "context": context, "n_states": n_states, **options}
    for name, value in sizes.items():
        least = 0 if name in ("context", "delay") else 1
        if name != "dropout" and (isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least):
            raise ArgumentError(f"acoustic network: {name} must be a whole number of at least {least}, not {value!r}")
    make: Any = {"conv": ConvNetwork, "lstm": RecurrentNetwork}.get(kind, DenseNetwork)
    given = {"activation": kind, **options} if make is DenseNetwork else options
    try:
        network = make(n_features, context, n_states, rng=rng, **given)
    except TypeError as error:  # an option that this kind does not have
        raise ArgumentError(f"acoustic network: {kind}: {error}") from error
    network.recipe = {"kind": kind, **{k: v if k == "dropout" else int(v) for k, v in sizes.items()}}
    return network


def _hidden(activation: str, n_in: int, n_out: int, pieces: int, rng: np.random.Generator) -> nn.Module:
    if activation == "maxout":
        return nn.Maxout(n_in, n_out, pieces, rng=rng)
    return nn.Linear(n_in, n_out, rng=rng, init=initial.he_uniform if activation == "relu" else initial.glorot_uniform)


def _activated(activation: str, x: Any) -> Any:
    return {"sigmoid": ops.sigmoid, "relu": ops.relu}.get(activation, lambda x: x)(x)  # a maxout layer is its own


def _dropout(p: float, rng: np.random.Generator) -> nn.Dropout:
    """With a stream of its own, which checkpoints hold."""
    return nn.Dropout(p, rng=int(rng.integers(2**32)))
