"""A Transformer that reads words from left to right, as GPT does (Vaswani and others 2017; Radford and others 2018)."""

from __future__ import annotations

from typing import Any

from ... import nn
from ...backend import namespace_of
from ...backend.random import generator
from ...errors import ArgumentError
from .bodies import Body, State, embedding


class Decoder(Body):
    """Words' and places' vectors, layers of causal self-attention, and a norm.

    Trained on pieces of `length` words, each without what stands before it. When a text is scored, half a piece is read
    at a time and the half before it is read again, so that every word has at least half a piece before it.

    Parameters
    ----------
    size : int
        V, of the vocabulary.
    hidden : int
        D = H, of all vectors.
    layers, heads : int
    length : int
        Words that are read together at most, at least 2.
    dropout : float
        On the vectors that go in and within the layers.
    sparse : bool
        See :class:`~minidl.nn.Embedding`.
    """

    carries = False

    def __init__(
        self, size: int, hidden: int = 128, layers: int = 2, heads: int = 4, length: int = 64, dropout: float = 0.0,
        sparse: bool = False, rng: Any = None,
    ) -> None:  # fmt: skip
        if length < 2:
            raise ArgumentError(f"Decoder: length must be at least 2 words, got {length}")
        rng = generator(rng)
        self.embedding = embedding(size, hidden, sparse, rng)
        self.places = embedding(length, hidden, False, rng)
        self.dropout = nn.Dropout(dropout)
        self.layers = [
            nn.TransformerEncoderLayer(hidden, heads, 4 * hidden, dropout, "gelu", norm_first=True, rng=rng)
            for _ in range(layers)
        ]
        self.norm = nn.LayerNorm(hidden)
        self.hidden_size, self.length = hidden, length
        self.memory, self.piece = length // 2, length - length // 2

    def forward(self, words: Any, state: State = None) -> tuple[Any, tuple[Any, ...]]:
        t = words.shape[0]
        if t > self.length:
            raise ArgumentError(f"Decoder: reads at most {self.length} words together, got {t}")
        seen = words
        if state is not None:
            before = state[0][max(0, len(state[0]) + t - self.length) :]
            seen = namespace_of(words).concatenate([before, words])
        places = self.places(namespace_of(words).arange(len(seen)))
        x = self.dropout(self.embedding(seen).swapaxes(0, 1) + places)
        for layer in self.layers:
            x = layer(x, causal=True)
        return self.norm(x).swapaxes(0, 1)[-t:], (seen[-self.memory :],)
