"""A neural network as a language model: the same questions as an n-gram model's, answered from its hidden vectors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...errors import ArgumentError
from ...train.evaluate import device_of, evaluation, to_host
from ..model import LanguageModel, Reader, checked_contexts, contexts_of
from ..vocabulary import END_ID, START_ID, Vocabulary
from .bodies import State
from .columns import stream
from .network import Network

CONTEXT = 8  # words that an output layer with an n-gram tail is told


class NeuralModel(LanguageModel):
    """A network and the vocabulary it was trained with.

    A recurrent network remembers across sentences when it scores a text; :meth:`score` and :meth:`reader` begin with
    nothing read.

    Parameters
    ----------
    network : Network
    vocabulary : Vocabulary

    Raises
    ------
    ArgumentError
        They are not of one size.
    """

    def __init__(self, network: Network, vocabulary: Vocabulary) -> None:
        if network.output.size != len(vocabulary):
            raise ArgumentError(
                f"NeuralModel: the network has {network.output.size} words, the vocabulary {len(vocabulary)}"
            )
        self.network, self.vocabulary = network, vocabulary

    @property
    def memory(self) -> int:
        return self.network.body.memory

    @property
    def n_parameters(self) -> int:
        return sum(p.size for p in self.network.parameters())

    def log_prob(self, contexts: np.ndarray) -> np.ndarray:
        size = len(self.vocabulary)
        contexts = checked_contexts(contexts, size)
        out = np.empty((len(contexts), size), np.float32)
        begun = np.cumprod(contexts == START_ID, axis=1).sum(axis=1)  # starts in front: nothing was read before the last
        for n_starts in np.unique(begun):
            rows = begun == n_starts
            out[rows] = self._after(contexts[rows, max(0, n_starts - 1) :])
        return out

    def _after(self, contexts: np.ndarray) -> np.ndarray:
        """Log probabilities after contexts of which at most the first word is a sentence's start."""
        words = np.where(contexts == START_ID, END_ID, contexts)[:, -min(self.memory, contexts.shape[1]) :].T
        if not len(words):
            words = np.full((1, len(contexts)), END_ID)
        *_, (hidden, _) = self._read(words)
        return self.log_prob_of_hidden(hidden[-1], contexts)

    def score_tokens(self, ids: np.ndarray) -> np.ndarray:
        ids = np.asarray(ids, np.int64)
        words, target = stream(ids)
        contexts = contexts_of(ids, CONTEXT)
        out, found, at = np.zeros(ids.size), np.empty(target.size), 0
        for hidden, piece in self._read(words[:, None]):
            part = slice(at, at := at + len(piece))
            with evaluation(self.network):
                found[part] = to_host(self.network.output.log_prob_of(hidden[:, 0], self.here(target[part]), contexts[part]))
        out[ids != START_ID] = found
        return out

    def distributions(self, ids: np.ndarray) -> Iterator[np.ndarray]:
        words, _ = stream(ids)
        contexts, at = contexts_of(ids, CONTEXT), 0
        for hidden, piece in self._read(words[:, None]):
            yield self.log_prob_of_hidden(hidden[:, 0], contexts[at : (at := at + len(piece))])

    def reader(self) -> Reader:
        return _StateReader(self)

    # -- the network -----------------------------------------------------------------------------------

    def _read(self, words: np.ndarray, state: State = None) -> Iterator[tuple[Any, np.ndarray]]:
        """Hidden vectors (t, N, H) of words (T, N), piece by piece, with the words of each piece."""
        for start in range(0, len(words), self.network.body.piece):
            piece = words[start : start + self.network.body.piece]
            with evaluation(self.network):
                hidden, state = self.network(self.here(piece), state)
            yield hidden, piece

    def here(self, array: np.ndarray) -> Any:
        """An array of the host where the network is."""
        backend = device_of(self.network)
        return array if backend is None else backend.from_host(array)

    def log_prob_of_hidden(self, hidden: Any, contexts: np.ndarray) -> np.ndarray:
        """Log probabilities of every word, on the host, of hidden vectors (n, H) after contexts (n, length)."""
        with evaluation(self.network):
            return to_host(self.network.output.log_prob(hidden, contexts))


class _StateReader:
    """Keeps the network's state from word to word; a sentence's end is read as the start of the next."""

    def __init__(self, model: NeuralModel) -> None:
        self._model, self._state, self._words = model, None, [START_ID]
        self.read(END_ID)

    def log_prob(self) -> np.ndarray:
        return self._model.log_prob_of_hidden(self._hidden, np.array([self._words[-CONTEXT:]]))[0]

    def read(self, word: int) -> None:
        network = self._model.network
        with evaluation(network):
            hidden, self._state = network(self._model.here(np.array([[word]])), self._state)
        self._hidden = hidden[0]
        self._words = [START_ID] if word == END_ID else [*self._words[-CONTEXT:], word]
