"""Dynamic evaluation: a network that goes on learning while it reads the text it is measured on.

Each word is scored before it is learned from (Mikolov and others 2010; Krause and others 2018), so that the
probabilities are honest: they depend on what stands before a word alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...errors import ArgumentError
from ...optim import SGD
from ...optim.clip import clip_grad_norm
from ...train.evaluate import evaluation, to_host
from ..model import LanguageModel, Reader, contexts_of
from ..vocabulary import START_ID
from .bodies import State
from .columns import stream
from .model import CONTEXT, NeuralModel
from .network import Network


class DynamicModel(LanguageModel):
    """A neural model that takes a step of gradient descent after every few words of a text.

    Each text begins with the trained weights again; the model that was given is not changed.

    Parameters
    ----------
    model : NeuralModel
    lr : float
        Of the steps.
    length : int
        Words from step to step.
    clip_norm : float
    """

    def __init__(self, model: NeuralModel, lr: float = 0.1, length: int = 20, clip_norm: float = 1.0) -> None:
        if not lr > 0 or length < 1:
            raise ArgumentError(f"DynamicModel: lr must be positive and length at least 1, got {lr}, {length}")
        self.static, self.lr, self.clip_norm = model, lr, clip_norm
        self.length = min(length, model.network.body.piece)
        self.vocabulary = model.vocabulary

    @property
    def memory(self) -> int:
        return self.static.memory

    @property
    def n_parameters(self) -> int:
        return self.static.n_parameters

    def log_prob(self, contexts: np.ndarray) -> np.ndarray:
        """Of the trained weights, from which every text begins."""
        return self.static.log_prob(contexts)

    def score_tokens(self, ids: np.ndarray) -> np.ndarray:
        ids = np.asarray(ids, np.int64)
        out = np.zeros(ids.size)
        found = [
            to_host(model.network.output.log_prob_of(hidden, model.here(target), contexts))
            for model, hidden, target, contexts in self._learning(ids)
        ]
        out[ids != START_ID] = np.concatenate(found) if found else []
        return out

    def distributions(self, ids: np.ndarray) -> Iterator[np.ndarray]:
        for model, hidden, _, contexts in self._learning(ids):
            yield model.log_prob_of_hidden(hidden, contexts)

    def reader(self) -> Reader:
        """Of the trained weights, which stay as they are."""
        return self.static.reader()

    def _learning(self, ids: np.ndarray) -> Iterator[tuple[NeuralModel, Any, np.ndarray, np.ndarray]]:
        """A learning copy of the model, and hidden vectors (n, H), target (n,) and contexts of each piece, to be scored.

        When the caller asks for the next piece, the copy has learned from this one.
        """
        network = self.static.network.clone()
        model = NeuralModel(network, self.vocabulary)
        optimizer = SGD(network.parameters(), lr=self.lr)
        words, target = stream(ids)
        contexts = contexts_of(ids, CONTEXT)
        state: State = None
        for start in range(0, len(words), self.length):
            piece = slice(start, start + self.length)
            x, y = model.here(words[piece, None]), model.here(target[piece, None])
            with evaluation(network):
                hidden, after = network(x, state)
            yield model, hidden[:, 0], target[piece], contexts[piece]
            self._learn(network, optimizer, (x, y, contexts[piece, None]), state)
            state = after

    def _learn(self, network: Network, optimizer: SGD, piece: tuple[Any, Any, np.ndarray], state: State) -> None:
        """A step down the loss of a piece, without dropout."""
        network.eval()
        optimizer.zero_grad()
        words, target, contexts = piece
        network.output.loss(network(words, state)[0], target, contexts).backward()
        clip_grad_norm(optimizer.space, self.clip_norm)
        optimizer.step()
