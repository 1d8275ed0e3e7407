"""A network and an n-gram model trained as one: hashed n-gram features feed the output layer directly.

Mikolov, Deoras, Povey, Burget and Cernocky (2011): a maximum-entropy model (Rosenfeld 1994) whose features are n-grams,
in one table of weights without any list of n-grams; different ones may fall on the same weight, and training makes the
best of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import ops
from ...autograd import array_of
from ...backend import backend_of
from ...errors import ArgumentError
from ...nn import init as initial
from ...params import Parameter
from ..vocabulary import START_ID
from .classes import ClassSoftmax

_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio (Knuth 1973): products spread neighbours far apart
_HALF = np.uint64(32)


class JointSoftmax(ClassSoftmax):
    """A class-based softmax whose scores also have a weight for each n-gram that ends in the class, or in the word.

    The first half of the table is for classes after 1, 2, ... `order` words, the second for words of a class after these.

    Parameters
    ----------
    hidden_size, counts, n_classes, rng : see :class:`ClassSoftmax`
    order : int
        Words before the next one, in the longest n-grams.
    n_features : int
        Weights, zero at first.

    Attributes
    ----------
    table : Parameter (n_features,)
    """

    def __init__(
        self,
        hidden_size: int,
        counts: Any,
        n_classes: int | None = None,
        order: int = 3,
        n_features: int = 1 << 20,
        rng: initial.Rng = None,
    ) -> None:
        super().__init__(hidden_size, counts, n_classes, rng)
        if order < 1 or n_features < 2:
            raise ArgumentError(
                f"JointSoftmax: order must be at least 1 and n_features at least 2, got {order}, {n_features}"
            )
        self.context = self.order = order
        self.table = Parameter(initial.zeros((n_features,)), sparse=True)

    def _of_classes(self, contexts: Any) -> Any:
        if contexts is None:
            return 0.0
        half = self.table.size // 2
        firsts = self._hashed(contexts)[..., None]  # (n, order, 1): classes of one context lie side by side
        at = (firsts + np.arange(len(self.bounds) - 1, dtype=np.uint64)) % np.uint64(half)
        return self._weights(at).sum(axis=1)

    def _of_words(self, contexts: Any, groups: list[tuple[Any, slice]]) -> Any:
        if contexts is None:
            return None
        hashed = self._hashed(contexts)
        places = [self._places(hashed[_host(tokens)], words) for tokens, words in groups]
        return self._weights(np.concatenate(places)).sum(axis=1)

    def _places(self, hashed: np.ndarray, words: slice) -> np.ndarray:
        """Where the weights of a class's words are after some contexts, (tokens * words, order)."""
        half = self.table.size // 2
        firsts = _mixed(hashed + np.uint64(words.start + 1))[:, None]
        at = (firsts + np.arange(words.stop - words.start, dtype=np.uint64)[:, None]) % np.uint64(self.table.size - half)
        return at.reshape(-1, self.order) + np.uint64(half)

    def _weights(self, at: np.ndarray) -> Any:
        return ops.embedding(self.table, backend_of(self.table.data).from_host(at.astype(np.int64)))

    def _hashed(self, contexts: Any) -> np.ndarray:
        """A number for the last word, the last two ..., (n, order) uint64; what is missing in front are starts."""
        words = np.asarray(contexts, np.uint64)[:, ::-1][:, : self.order]
        missing = np.full((len(words), self.order - words.shape[1]), START_ID, np.uint64)
        words = np.concatenate([words, missing], axis=1)
        hashed = np.empty_like(words)
        so_far = np.zeros(len(words), np.uint64)
        for k in range(self.order):
            so_far = hashed[:, k] = _mixed(so_far + words[:, k] + np.uint64(1))
        return hashed

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, order={self.order}, n_features={self.table.size}"


def _mixed(x: np.ndarray) -> np.ndarray:
    """Numbers that have nothing visible in common with the given ones: multiplied modulo 2^64, and folded."""
    y = x * _ODD
    return (y ^ (y >> _HALF)) * _ODD


def _host(tokens: Any) -> Any:
    return tokens if isinstance(tokens, slice) else backend_of(array_of(tokens)).to_host(tokens)
