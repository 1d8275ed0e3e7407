"""Trains a CTC network, and measures how often its labels are wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from ...optim import Adam, Optimizer
from ...train import History, fit
from ..features import Moments
from ..features.spec_augment import SpecAugment
from ..wer import align, total
from .greedy import best_path
from .loss import ctc_loss
from .recogniser import CtcNetwork
from .utterances import Utterances

Features = Mapping[str, np.ndarray]
Labels = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Trained:
    """What came of training.

    Attributes
    ----------
    history : History
    set_aside : dict
        Utterances that were not used, in training or validation, and why.
    """

    history: History
    set_aside: dict[str, str]


def train_ctc(
    network: CtcNetwork, features: Features, labels: Labels, *, validation: tuple[Features, Labels] | None = None,
    epochs: int, lr: float = 3e-3, batch_size: int = 16, spec_augment: str | SpecAugment | None = None, seed: int = 0,
    optimizer: Optimizer | None = None, clip_norm: float | None = 5.0, **options: Any,
) -> Trained:  # fmt: skip
    """Train on utterances and their labels; no alignment is needed.

    The network normalises frames by the mean and deviation of those in training. The loss is a label's share of the
    negative log-likelihood, averaged over utterances.

    Parameters
    ----------
    network : CtcNetwork
    features : mapping of name to (T, D) array
    labels : mapping of name to sequence of int
        As :meth:`.CtcNetwork.classes` gives them.
    validation : pair of such mappings, optional
    epochs : int
    lr : float
        Of Adam, unless an `optimizer` is given.
    batch_size, spec_augment, seed : see :class:`Utterances`
    clip_norm : float or None
        Of the gradient, that of an improbable utterance being large.
    **options
        For :func:`minidl.train.fit`: ``schedule``, ``run_dir``, ``resume``, ``early_stopping`` ...

    Raises
    ------
    ArgumentError, DataError, TrainingError, CheckpointError
        See :class:`Utterances` and :func:`minidl.train.fit`.
    """
    here = Utterances(network, features, labels, batch_size, seed, spec_augment)
    set_aside, there = dict(here.set_aside), None
    if validation is not None:
        there = Utterances(network, *validation, batch_size)
        set_aside |= there.set_aside
    network.normalise_by(reduce(add, (Moments.of(features[name]) for name in here.names)))
    history = fit(
        network, _loss, here, optimizer or Adam(network.parameters(), lr), epochs=epochs, validation=there,
        forward=_forward, clip_norm=clip_norm, **options,
    )  # fmt: skip
    return Trained(history, set_aside)


def _forward(network: Any, batch: Any) -> tuple[Any, Any]:
    n_frames, features, n_labels, targets = batch
    return network(features, n_frames), (targets, n_labels)


def _loss(output: Any, target: Any) -> Any:
    (logits, n_steps), (targets, n_labels) = output, target
    return ctc_loss(logits, targets, n_steps, n_labels)


def label_error(network: CtcNetwork, features: Features, labels: Labels) -> float:
    """Share of labels that the best paths get wrong: substitutions, deletions and insertions."""
    return total(
        align([str(label) for label in labels[name]], [str(label) for label in best_path(network.log_probs(own))]).errors
        for name, own in features.items()
    ).rate
