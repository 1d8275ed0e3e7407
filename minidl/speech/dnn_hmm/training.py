"""Trains a network to tell the state of each frame, by the states that an older model aligned the frames to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...backend.random import generator
from ...data import Loader
from ...errors import ArgumentError, DataError
from ...nn import losses
from ...optim import SGD, Adam, Optimizer
from ...train import History, fit
from .halving import Halving, KeepBest, go_on_from_the_best
from .inputs import IGNORED, ChunkDataset, FrameDataset, Frames, paired
from .networks import AcousticNetwork
from .types import state_priors

Utterances = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class NetworkTraining:
    """What came of training.

    Attributes
    ----------
    history : History
        ``epochs`` has loss (cross-entropy a frame, nats) and frame_accuracy of each, ``val_...`` on held-out utterances.
    priors : (states,) array
        Of all frames that were used, held out or not.
    left_out : tuple of str
        Utterances with features but no alignment, or the reverse.
    """

    history: History
    priors: np.ndarray
    left_out: tuple[str, ...]


def train_network(
    network: AcousticNetwork, features: Utterances, alignments: Utterances, *,
    validation: float | tuple[Utterances, Utterances] = 0.1, epochs: int = 20, method: str = "adam", lr: float | None = None,
    batch_size: int | None = None, chunk: int = 40, warm_up: int = 20, clip_norm: float | None = None,
    keep: int = 3, normalise: bool = True, rng: Any = None, **options: Any,
) -> NetworkTraining:  # fmt: skip
    """Minimise the cross-entropy; halve the learning rate when that gets slow, and end with the best epoch's weights.

    Parameters
    ----------
    network : AcousticNetwork
    features : {utterance: (T, D) floats}
    alignments : {utterance: (T,) ints}
    validation : float, or (features, alignments)
        The share of utterances to hold out, at least one, or other utterances.
    epochs : int
        At most; see :class:`Halving`.
    method : {"adam", "sgd"}
    lr : float, optional
        0.001 for Adam. 1.0 for SGD, of the mean over a batch: Kaldi's 0.008 is of the sum over 256 frames.
    batch_size : int, optional
        Frames, 256; of a recurrent network chunks, 32.
    chunk, warm_up : see :class:`~.inputs.ChunkDataset`
        For recurrent networks. Their figures are means over chunks.
    keep : int
        Epochs with the full rate; see :class:`Halving`.
    clip_norm : float, optional
        Of the gradient; 5 for recurrent networks.
    normalise : bool
        Set the input's normalisation by the training frames; False leaves it, for a network that was trained before.
    rng : Generator, int or None
        Draws what is held out and the order. A run that is to be resumed needs a number.
    **options
        For :func:`minidl.train.fit`: ``run_dir``, ``resume``, ``progress``, ``strategy`` ...

    Raises
    ------
    DataError
        No utterance in both mappings; an alignment of another length, or with other states, which is named.
    """
    rng = generator(rng)
    used, left_out = paired(features, alignments)
    train: Utterances
    held: Utterances
    if isinstance(validation, tuple):
        train, (held, others), held_alignments = used, paired(*validation), validation[1]
        left_out += others
    else:
        (train, held), held_alignments = _split(used, validation, rng), alignments
    here, there = (
        Frames(own, states, network.n_states, network.context)
        for own, states in ((train, alignments), (held, held_alignments))
    )
    for frames in (here, there):
        if frames.windows.shape[1] != network.n_inputs:
            width = frames.windows.shape[1] // (2 * network.context + 1)
            raise ArgumentError(
                f"train_network: the network takes {network.n_features} features a frame, these have {width}"
            )
    if normalise:
        network.normalise_by(here.single())
    optimizer = _optimizer(network, method, lr)
    batch_size = batch_size or (256 if network.delay is None else 32)
    seed = int(rng.integers(2**31))
    history = fit(
        network, frame_loss, Loader(_dataset(network, here, chunk, warm_up), batch_size, shuffle=True, seed=seed), optimizer,
        epochs=epochs, validation=Loader(_dataset(network, there, chunk, warm_up), 4 * batch_size),
        metrics={"frame_accuracy": frame_accuracy}, schedule=Halving(optimizer, keep=keep), early_stopping=KeepBest(),
        callbacks=[go_on_from_the_best, *options.pop("callbacks", ())],
        clip_norm=clip_norm or (None if network.delay is None else 5.0),
        config={"network": network.recipe, "method": method, "lr": lr, "seed": seed, **options.pop("config", {})}, **options,
    )  # fmt: skip
    priors = state_priors({name: alignments[name] for name in used}, network.n_states)
    return NetworkTraining(history, priors, left_out)


def frame_loss(logits: Any, target: Any) -> Any:
    """Cross-entropy a frame, in nats, over the frames that count."""
    return losses.cross_entropy(logits, target, ignore_index=IGNORED)


def frame_accuracy(logits: Any, target: Any) -> float:
    """Share of the frames that count whose state has the highest score."""
    return float((logits.argmax(-1) == target).sum() / (target != IGNORED).sum())


def _split(utterances: Utterances, share: float, rng: np.random.Generator) -> tuple[Utterances, Utterances]:
    """Those to train on, and a share that is held out."""
    if not 0 < share < 1:
        raise ArgumentError(
            f"train_network: validation must be a share between 0 and 1, or (features, alignments), not {share!r}"
        )
    if len(utterances) < 2:
        raise DataError("train_network: there is one utterance, and none to hold out; add more, or give validation=")
    names = rng.permutation(sorted(utterances)).tolist()
    n_held = min(max(1, round(share * len(names))), len(names) - 1)
    return {n: utterances[n] for n in names[n_held:]}, {n: utterances[n] for n in names[:n_held]}


def _dataset(network: AcousticNetwork, frames: Frames, chunk: int, warm_up: int) -> FrameDataset | ChunkDataset:
    return FrameDataset(frames) if network.delay is None else ChunkDataset(frames, chunk, warm_up, network.delay)


def _optimizer(network: AcousticNetwork, method: str, lr: float | None) -> Optimizer:
    if method == "adam":
        return Adam(network.parameters(), lr=1e-3 if lr is None else lr)
    if method == "sgd":
        return SGD(network.parameters(), lr=1.0 if lr is None else lr)
    raise ArgumentError(f"train_network: method must be 'adam' or 'sgd', not {method!r}")
