"""Trains a neural language model: the ordinary loop, with a state that goes on from batch to batch.

Whatever an output layer minimises in training, what is measured is the exact negative log-likelihood.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...autograd import Tensor
from ...train import History, fit
from ..vocabulary import START_ID
from .bodies import Body
from .columns import Columns
from .network import Network


class Carry:
    """``forward`` for :func:`minidl.train.fit`: the network's state goes on from each batch to the next.

    Parameters
    ----------
    training, validation : Columns
        They keep the states, so that a checkpoint has them.
    """

    def __init__(self, training: Columns, validation: Columns | None = None) -> None:
        self._training, self._validation = training, validation

    def __call__(self, network: Any, batch: Any) -> tuple[Any, Any]:
        """Hidden vectors with the contexts (or None), and target, of a batch."""
        columns = self._training if network.training or self._validation is None else self._validation
        words, *contexts, target = batch
        hidden, state = network(words, columns.state if network.body.carries else None)
        columns.state = tuple(s.detach() if isinstance(s, Tensor) else s for s in state)
        return (hidden, contexts[0] if contexts else None), target


def likelihood(network: Network) -> Any:
    """The loss for :func:`minidl.train.fit`: in training the output layer's own, otherwise always the exact one."""

    def loss(output: Any, target: Any) -> Any:
        hidden, contexts = output
        if network.training:
            return network.output.loss(hidden, target, contexts)
        return Tensor(-network.output.log_prob_of(hidden, target, contexts).mean())

    return loss


def train(
    network: Network, text: np.ndarray, optimizer: Any, *, validation: np.ndarray | None = None, columns: int = 20,
    length: int = 35, clip_norm: float | None = 0.25, **options: Any,
) -> History:  # fmt: skip
    """Train on a text.

    Parameters
    ----------
    network : Network
    text, validation : (n,) int arrays
        As :meth:`.Vocabulary.encode_sentences` gives them.
    optimizer : Optimizer
    columns, length : see :class:`Columns`
        Gradients go back `length` words at most.
    clip_norm : float or None
        Of the gradient: recurrent networks' can explode (Deep Learning, section 10.11.1).
    **options
        For :func:`minidl.train.fit`: ``epochs``, ``schedule``, ``run_dir``, ``resume`` ...

    Returns
    -------
    History
        With the exact loss on the validation text, ``val_loss``, in nats a token.
    """
    here = Columns(text, columns, length, network.output.context)
    there = None
    if validation is not None:
        n_tokens = int((np.asarray(validation) != START_ID).sum())
        there = Columns(validation, min(columns, max(1, n_tokens)), _piece(network.body, length), here.context)
    return fit(
        network, likelihood(network), here, optimizer, validation=there, forward=Carry(here, there), clip_norm=clip_norm,
        **options,
    )  # fmt: skip


def updates_per_epoch(text: np.ndarray, columns: int = 20, length: int = 35) -> int:
    """How many updates :func:`train` makes in an epoch, for schedules."""
    return -(-(int((np.asarray(text) != START_ID).sum()) // columns) // length)


def _piece(body: Body, length: int) -> int:
    return length if body.carries else body.piece * 2
