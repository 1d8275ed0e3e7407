"""Pre-training: layers learn one after the other to model what the layer below makes of the data, without any label.

Hinton, Osindero and Teh (2006), *A fast learning algorithm for deep belief nets*; Mohamed, Dahl and Hinton (2012), *Acoustic
modeling using deep belief networks*; Deep Learning, section 15.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...backend.random import generator
from ...errors import ArgumentError, TrainingError
from ...train.evaluate import raw
from .inputs import FrameDataset, Frames
from .networks import AcousticNetwork, DenseNetwork
from .rbm import RBM

Rows = Callable[[np.ndarray], np.ndarray]


def train_rbm(
    rbm: RBM, rows: Rows, n: int, *, epochs: int = 1, lr: float = 0.4, momentum: tuple[float, float] = (0.5, 0.9),
    weight_decay: float = 2e-4, batch_size: int = 100, rng: Any = None,
) -> list[float]:  # fmt: skip
    """Train by one-step contrastive divergence. The defaults are Kaldi's (`steps/nnet/pretrain_dbn.sh`).

    Parameters
    ----------
    rbm : RBM
        Changed in place.
    rows : callable
        ``rows(index)`` gives inputs (len(index), V).
    n : int
        Samples.
    epochs : int
    lr : float
        Multiplied by 1 - momentum, so that more momentum makes no longer steps. 0.01 for Gaussian units.
    momentum : (float, float)
        Of the first and the last update, growing evenly between.
    weight_decay : float
        Of the weights, not of biases.
    batch_size : int
    rng : Generator, int or None

    Returns
    -------
    list of float
        The mean squared error of reconstruction in each epoch.

    Raises
    ------
    TrainingError
        It grew beyond all numbers.
    """
    rng = generator(rng)
    parameters = (rbm.weights, rbm.visible, rbm.hidden)
    velocity = [np.zeros_like(p) for p in parameters]
    n_updates = epochs * -(-n // batch_size)
    errors, update = [], 0
    for epoch in range(epochs):
        order, total = rng.permutation(n), 0.0
        for start in range(0, n, batch_size):
            v = rows(order[start : start + batch_size])
            gradient, error = rbm.contrast(v, rng)
            total += error * len(v)
            inertia = momentum[0] + (momentum[1] - momentum[0]) * update / max(1, n_updates - 1)
            gradient = gradient._replace(weights=gradient.weights - weight_decay * rbm.weights)
            for p, speed, g in zip(parameters, velocity, gradient, strict=True):
                speed *= inertia
                speed += lr * (1 - inertia) * g
                p += speed
            update += 1
        if not np.isfinite(total):
            raise TrainingError(f"RBM: the reconstruction error is {total} in epoch {epoch + 1}; try a lower lr than {lr}")
        errors.append(total / n)
    return errors


def pretrain(
    dataset: Any, sizes: Sequence[int], *, epochs: int = 1, lr: float = 0.4, gaussian_lr: float = 0.01, rng: Any = None,
    normalised: Rows | None = None, **options: Any,
) -> list[RBM]:  # fmt: skip
    """A stack of RBMs, the first one Gaussian, each trained on the hidden probabilities of those below.

    Parameters
    ----------
    dataset : ArrayDataset, FrameDataset
        The first part of its batches is the input; what else there is stays unseen.
    sizes : sequence of int
        Hidden units of each.
    epochs : int
        Through the data for each RBM; twice as many for the Gaussian one.
    lr, gaussian_lr : float
    rng : Generator, int or None
    normalised : callable, optional
        Gives inputs (n, V) mean 0 and variance 1, if they have not.
    **options
        For :func:`train_rbm`.
    """
    rng = generator(rng)
    layers: list[RBM] = []

    def rows(index: np.ndarray) -> np.ndarray:
        x = dataset.batch(index)[0]
        x = x if normalised is None else normalised(x)
        for below in layers:
            x = below.hidden_probabilities(x)
        return x

    n_visible = rows(np.arange(1)).shape[1]
    for size in sizes:
        first = not layers
        rbm = RBM(n_visible, size, gaussian=first, rng=rng)
        train_rbm(rbm, rows, len(dataset), epochs=epochs * (1 + first), lr=gaussian_lr if first else lr, rng=rng, **options)
        layers.append(rbm)
        n_visible = size
    return layers


def initialise(network: AcousticNetwork, layers: Sequence[RBM]) -> None:
    """Let a sigmoid network's hidden layers, from the first on, start as these RBMs.

    Raises
    ------
    ArgumentError
        Another kind of network; layers that do not fit.
    """
    if not isinstance(network, DenseNetwork) or network.activation != "sigmoid":
        raise ArgumentError("initialise: RBMs are layers of sigmoid units; make the network with kind='sigmoid'")
    here, there = [layer.weight.shape for layer in network.hidden], [rbm.weights.shape for rbm in layers]
    if here[: len(there)] != there:
        raise ArgumentError(f"initialise: RBMs of shapes {there} do not fit hidden layers of shapes {here}")
    for layer, rbm in zip(network.hidden, layers, strict=False):
        layer.load_state_dict({"weight": rbm.weights, "bias": rbm.hidden})


def pretrain_network(network: AcousticNetwork, features: Mapping[str, np.ndarray], **options: Any) -> list[RBM]:
    """Let all hidden layers of a sigmoid network start as RBMs trained on utterances, aligned or not.

    Parameters
    ----------
    network : AcousticNetwork
        Also its input's normalisation is set, by these features.
    features : {utterance: (T, D) floats}
    **options
        For :func:`pretrain`.
    """
    unaligned = {name: np.zeros(len(own), np.int64) for name, own in features.items()}
    frames = Frames(features, unaligned, network.n_states, network.context)
    network.normalise_by(frames.single())
    sizes = [layer.out_features for layer in network.hidden] if isinstance(network, DenseNetwork) else []
    layers = pretrain(FrameDataset(frames), sizes, normalised=lambda x: raw(network.normalised(x)), **options)
    initialise(network, layers)
    return layers
