"""What reads the words: a window of them (Bengio and others 2003), or all so far (Elman 1990, Mikolov 2010, LSTM).

Every body maps words (T, N) and a state to hidden vectors (T, N, H) and the state after them; ``None`` is the state before
a text. Nothing else tells a feed-forward model from a recurrent one or from a Transformer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import nn, ops
from ...backend import namespace_of
from ...backend.random import generator
from ...errors import ArgumentError
from ...nn import init as initial
from ..vocabulary import END_ID

UNBOUNDED = 1 << 30  # words that a recurrent network may remember
State = tuple[Any, ...] | None


class Body(nn.Module):
    """Base of all: words in, hidden vectors out.

    Attributes
    ----------
    embedding : nn.Embedding
        Of (V, D).
    hidden_size : int
        H, of what comes out.
    memory : int
        Words before the next one that matter at most.
    carries : bool
        Whether training passes the state from one piece of text to the next.
    piece : int
        Words that are read at once when a text is scored.
    """

    embedding: nn.Embedding
    hidden_size: int
    memory: int
    carries = True
    piece = 256

    def forward(self, words: Any, state: State = None) -> tuple[Any, tuple[Any, ...]]:
        """(T, N) int, state -> (T, N, H), state."""
        raise NotImplementedError(f"{type(self).__name__} has no forward method; define it")


def with_words_before(words: Any, state: State, n: int) -> Any:
    """`words` (T, N) below the `n` words read before them, (n + T, N); before a text there are sentence ends."""
    xp = namespace_of(words)
    before = xp.full((n, words.shape[1]), END_ID, words.dtype) if state is None else state[0]
    return xp.concatenate([before, words])


class FeedForward(Body):
    """Bengio, Ducharme, Vincent and Jauvin (2003): the last words' vectors side by side, and a hidden layer on them.

    Parameters
    ----------
    size : int
        V, of the vocabulary.
    embedding_size, hidden : int
        D, and the units of the hidden layer.
    context : int
        Words that are looked at.
    direct : bool
        The output layer also sees the words' vectors themselves (the paper's direct connections W).
    dropout : float
        On what comes out.
    sparse : bool
        See :class:`~minidl.nn.Embedding`.
    """

    def __init__(
        self, size: int, embedding_size: int = 64, hidden: int = 128, context: int = 4, direct: bool = False,
        dropout: float = 0.0, sparse: bool = False, rng: Any = None,
    ) -> None:  # fmt: skip
        if context < 1:
            raise ArgumentError(f"FeedForward: context must be at least 1 word, got {context}")
        rng = generator(rng)
        self.embedding = embedding(size, embedding_size, sparse, rng)
        self.hidden = nn.Linear(context * embedding_size, hidden, rng=rng, init=initial.glorot_uniform)
        self.dropout = nn.Dropout(dropout)
        self.memory, self.direct = context, direct
        self.hidden_size = hidden + direct * context * embedding_size

    def forward(self, words: Any, state: State = None) -> tuple[Any, tuple[Any, ...]]:
        seen = with_words_before(words, state, self.memory - 1)
        vectors, t = self.embedding(seen), words.shape[0]
        x = ops.concatenate([vectors[i : i + t] for i in range(self.memory)], axis=-1)
        h = self.dropout(ops.tanh(self.hidden(x)))
        return (ops.concatenate([h, x], axis=-1) if self.direct else h), (seen[t:],)


class Recurrent(Body):
    """A recurrent network on the words' vectors: Elman's (Mikolov 2010), or LSTM (Zaremba and others 2014), or GRU.

    Parameters
    ----------
    size : int
        V, of the vocabulary.
    embedding_size, hidden : int
        D and H. Tied weights need both to be equal.
    kind : {"rnn", "lstm", "gru"}
    layers : int
    dropout : float
        On the vectors that go in, between layers, and on what comes out; not from one word to the next.
    sparse : bool
        See :class:`~minidl.nn.Embedding`.
    """

    memory = UNBOUNDED

    def __init__(
        self, size: int, embedding_size: int = 128, hidden: int = 128, kind: str = "lstm", layers: int = 1,
        dropout: float = 0.0, sparse: bool = False, rng: Any = None,
    ) -> None:  # fmt: skip
        kinds = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
        if kind not in kinds:
            raise ArgumentError(f"Recurrent: kind must be one of {', '.join(kinds)}, not {kind!r}")
        rng = generator(rng)
        self.embedding = embedding(size, embedding_size, sparse, rng)
        self.recurrent = kinds[kind](embedding_size, hidden, layers, dropout=dropout, rng=rng)
        self.dropout = nn.Dropout(dropout)
        self.hidden_size = hidden

    def forward(self, words: Any, state: State = None) -> tuple[Any, tuple[Any, ...]]:
        single = self.recurrent.n_states == 1
        start = state[0] if single and state is not None else state
        y, after = self.recurrent(self.dropout(self.embedding(words)), start)
        return self.dropout(y), (after,) if single else after


def embedding(size: int, width: int, sparse: bool, rng: np.random.Generator) -> nn.Embedding:
    """Small vectors at first: tied to an output layer, they are its weights too."""
    return nn.Embedding(size, width, sparse=sparse, rng=rng, init=_small)


def _small(shape: tuple[int, ...], rng: Any = None) -> Any:
    return initial.uniform(shape, rng, 0.1)
